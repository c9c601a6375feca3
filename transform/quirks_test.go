package transform

import (
	"fmt"
	"strings"
	"testing"

	"chatferry"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// cell returns the printed value of a column in a row, "(null)" for null.
func cell(t testing.TB, rec arrow.Record, row int, column string) string {
	t.Helper()
	if rec == nil {
		t.Fatal("the table has no rows")
	}
	at := rec.Schema().FieldIndices(column)
	if len(at) != 1 {
		t.Fatalf("there are %d columns %s", len(at), column)
	}
	c := rec.Column(at[0])
	if ts, ok := c.(*array.Timestamp); ok && !ts.IsNull(row) {
		return string(appendTime(nil, int64(ts.Value(row)), formMicros))
	}
	if l, ok := c.(*array.List); ok && !l.IsNull(row) {
		from, to := l.ValueOffsets(row)
		return string(appendList(nil, l.ListValues(), int(from), int(to)))
	}
	return c.ValueStr(row)
}

// TestQuirks has a case for each oddity that records of the API are known for: what the columns must hold, and (checked by
// loadOne in every case) that the record comes back equal.
func TestQuirks(t *testing.T) {
	type want map[string]string // "table.column": value in row 0, "table#row.column" in another
	cases := []struct {
		name   string
		stream chatferry.Stream
		record string
		want   want
	}{
		{
			"offset and Z at once", chatferry.Chats,
			`{"id":"a","session":{"start_date":"2017-04-24T12:45:32+00:00Z"}}`,
			want{
				"chats.session_start_date": "2017-04-24T12:45:32.000000Z",
				"chats._extra":             `{"session":{"start_date":"2017-04-24T12:45:32+00:00Z"},"_absent":["department_id","department_name","triggered_response","rating","comment","zendesk_ticket_id"]}`,
			},
		},
		{
			"webpath element that is an array", chatferry.Chats,
			`{"id":"a","webpath":[["https://x",null,3],{"from":"","to":"b","title":null,"timestamp":"2017-04-24T04:36:31Z"}]}`,
			want{
				"chats.webpath_len": "2", "chat_webpath._extra": `["https://x",null,3]`, "chat_webpath.to": "(null)",
				"chat_webpath.index": "0", "chat_webpath#1.from": "", "chat_webpath#1.title": "(null)",
				"chat_webpath#1._extra": `{"title":null}`, "chat_webpath#1.index": "1", "chat_webpath#1.chat_id": "a",
			},
		},
		{
			"message id as a number", chatferry.Chats,
			`{"id":"a","history":[{"type":"chat.msg","msg_id":1493008604612}]}`,
			want{"chat_history.msg_id": "1493008604612", "chat_history._extra": `{"msg_id":1493008604612}`},
		},
		{
			"message id as a string", chatferry.Chats,
			`{"id":"a","history":[{"type":"chat.msg","msg_id":"1493008604612"}]}`,
			want{"chat_history.msg_id": "1493008604612", "chat_history._extra": "(null)"},
		},
		{"unread as 1", chatferry.Chats, `{"id":"a","unread":1}`, want{"chats.unread": "true"}},
		{"unread as 0", chatferry.Chats, `{"id":"a","unread":0}`, want{"chats.unread": "false"}},
		{"unread as 2 is not sure", chatferry.Chats, `{"id":"a","unread":2}`, want{"chats.unread": "(null)"}},
		{"agent ids as numbers", chatferry.Chats, `{"id":"a","agent_ids":["1",2,null]}`, want{"chats.agent_ids": `["1","2",null]`}},
		{"department id as a string", chatferry.Chats, `{"id":"a","department_id":"1817719521"}`, want{"chats.department_id": "1817719521"}},
		{
			"department id null is null", chatferry.Chats,
			`{"id":"a","department_id":null,"department_name":null,"triggered_response":null,"rating":null,"comment":null,"zendesk_ticket_id":null}`,
			want{"chats.department_id": "(null)", "chats._extra": "(null)"},
		},
		{"comment without rating", chatferry.Chats, `{"id":"a","comment":"Hell yea!","rating":null}`, want{"chats.comment": "Hell yea!", "chats.rating": "(null)"}},
		{
			"null and empty e-mail differ", chatferry.Chats,
			`{"id":"a","visitor":{"email":null,"phone":"","name":"n"}}`,
			want{"chats.visitor_email": "(null)", "chats.visitor_phone": "", "chats.visitor_name": "n"},
		},
		{"visitor of a chat with a number for id", chatferry.Chats, `{"id":"a","visitor":{"id":1}}`, want{"chats.visitor_id": "1"}},
		{
			"history type never seen", chatferry.Chats, `{"id":"a","history":[{"type":"chat.hologram","beam":[1,{"x":"y"}]}]}`,
			want{"chat_history.type": "chat.hologram", "chat_history._extra": `{"beam":[1,{"x":"y"}]}`},
		},
		{"history is null", chatferry.Chats, `{"id":"a","history":null}`, want{"chats.history_len": "(null)"}},
		{"history is empty", chatferry.Chats, `{"id":"a","history":[]}`, want{"chats.history_len": "0"}},
		{"history is absent", chatferry.Chats, `{"id":"a"}`, want{"chats.history_len": "(null)"}},
		{
			"history has null elements", chatferry.Chats, `{"id":"a","history":[null,{},"x"]}`,
			want{"chats.history_len": "3", "chat_history._extra": "null", "chat_history#1._extra": "(null)", "chat_history#2._extra": `"x"`},
		},
		{"id behind the arrays", chatferry.Chats, `{"history":[{"msg":"m"}],"id":"late"}`, want{"chat_history.chat_id": "late"}},
		{
			"lone surrogate, emoji and NUL", chatferry.Chats,
			`{"id":"a","history":[{"msg":"x\ud83dy"},{"msg":"\ud83d\ude00 😀"},{"msg":"\u0000"}]}`,
			want{
				"chat_history.msg": "x\uFFFDy", "chat_history._extra": `{"msg":"x\ud83dy"}`,
				"chat_history#1.msg": "😀 😀", "chat_history#1._extra": "(null)", "chat_history#2.msg": "\x00",
			},
		},
		{
			"second halves of surrogate pairs", chatferry.Chats, `{"id":"a","message":"\ude00\ude00","comment":"\ud83d\u0041\ud83d"}`,
			want{"chats.message": "\uFFFD\uFFFD", "chats.comment": "\uFFFDA\uFFFD"},
		},
		{
			"skills requested and fulfilled", chatferry.Chats, `{"id":"a","skills_requested":[3,4],"skills_fulfilled":true}`,
			want{"chats.skills_requested": "[3,4]", "chats.skills_fulfilled": "true"},
		},
		{
			"average response time", chatferry.Chats, `{"id":"a","response_time":{"first":10,"avg":136.03566670417786,"max":347}}`,
			want{"chats.response_time_avg": "136.03566670417786", "chats.response_time_max": "347"},
		},
		{
			"response time of nulls", chatferry.Chats, `{"id":"a","response_time":{"first":null,"avg":null,"max":null}}`,
			want{"chats.response_time_avg": "(null)"},
		},
		{"empty visitor", chatferry.Chats, `{"id":"a","visitor":{},"session":{ }}`, want{"chats.visitor_id": "(null)"}},
		{"visitor is null", chatferry.Chats, `{"id":"a","visitor":null,"session":"none"}`, want{"chats.visitor_id": "(null)"}},
		{
			"engagement", chatferry.Chats,
			`{"id":"a","engagements":[{"id":"e","agent_id":7,"department_id":"8","timestamp":"2020-01-01T00:00:00.5Z","duration":12.5,"count":{"total":3},"rating":null}]}`,
			want{
				"chat_engagements.agent_id": "7", "chat_engagements.department_id": "8", "chat_engagements.timestamp": "2020-01-01T00:00:00.500000Z",
				"chat_engagements.duration": "12.5", "chat_engagements.count_total": "3",
			},
		},
		{
			"conversion inside a chat", chatferry.Chats,
			`{"id":"a","conversions":[{"id":"c","goal_id":5,"goal_name":"g","timestamp":"2020-01-01T00:00:00Z","attribution":{"agent_id":1,"agent_name":"n","department_id":null}}]}`,
			want{"chat_conversions.attribution_agent_id": "1", "chat_conversions.attribution_department_id": "(null)"},
		},
		{
			"attachment", chatferry.Chats, `{"id":"a","history":[{"type":"chat.file","attachment":{"url":"u","size":12,"mime_type":"image/png","metadata":{"w":1}}}]}`,
			want{"chat_history.attachment_size": "12", "chat_history._extra": `{"attachment":{"metadata":{"w":1}}}`},
		},
		{
			"transfer with ids of both forms", chatferry.Chats, `{"id":"a","history":[{"type":"chat.transfer","department_id":5,"prev_department_id":"6"}]}`,
			want{"chat_history.department_id": "5", "chat_history.prev_department_id": "6"},
		},
		{"time in epoch seconds is not sure", chatferry.Chats, `{"id":"a","timestamp":1493309458}`, want{"chats.timestamp": "(null)"}},
		{"time with an offset", chatferry.Chats, `{"id":"a","timestamp":"2017-04-24T12:45:32+02:00"}`, want{"chats.timestamp": "2017-04-24T10:45:32.000000Z"}},
		{"time without a zone is not sure", chatferry.Chats, `{"id":"a","timestamp":"2017-04-24T12:45:32"}`, want{"chats.timestamp": "(null)"}},
		{
			"time of no year", chatferry.Chats, `{"id":"a","timestamp":"0000-04-24T12:45:32Z","end_timestamp":"9999-12-31T23:59:59-01:00"}`,
			want{"chats.timestamp": "(null)", "chats.end_timestamp": "(null)"},
		},
		{"ids only", chatferry.Chats, `{"id":"1704.2314999.QHgVx6SOrRuSx"}`, want{"chats.id_created_at": "2017-04-24T04:36:44.804000Z", "chats.message_suspect": "(null)"}},
		{"a member called _absent", chatferry.Chats, `{"id":"a","_absent":["rating"],"__absent":1,"\u005fabsent_":2,"_\u005f_absent":3}`, want{}},
		{"an inner member called _absent", chatferry.Chats, `{"id":"a","visitor":{"_absent":1,"id":"v"}}`, want{"chats.visitor_id": "v"}},
		{
			"a member called as a column", chatferry.Chats, `{"id":"a","visitor_id":"top","visitor":{"id":"in"},"_extra":{},"_raw_sha256":null,"history_len":9}`,
			want{"chats.visitor_id": "in"},
		},
		{"an escaped name", chatferry.Chats, `{"\u0069d":"a","\u0074ype":"chat"}`, want{"chats.id": "a", "chats.type": "chat"}},
		{"letter case matters", chatferry.Chats, `{"id":"a","ID":"b","Type":"x"}`, want{"chats.id": "a", "chats.type": "(null)"}},
		{
			"index and chat_id on the wire", chatferry.Chats, `{"id":"a","history":[{"index":5,"chat_id":"z"}]}`,
			want{"chat_history.index": "0", "chat_history.chat_id": "a"},
		},
		{
			"timeline with a float duration", chatferry.AgentTimeline,
			`{"agent_id":360786799676,"start_time":"2021-04-26T13:54:02.171963Z","duration":459.213926,"status":"online","engagement_count":0}`,
			want{"agent_timeline.duration": "459.213926", "agent_timeline.start_time": "2021-04-26T13:54:02.171963Z"},
		},
		{
			"event with a number for its value", chatferry.AgentEvents,
			`{"id":"e","field_name":"engagements","previous_value":0,"value":1,"timestamp":"2018-10-19T12:33:50.140101Z"}`,
			want{"agent_events.value": "1", "agent_events.previous_value": "0"},
		},
		{"event with a status word", chatferry.AgentEvents, `{"id":"e","previous_value":"online","value":"away"}`, want{"agent_events.value": "away"}},
		{
			"department event", chatferry.DepartmentEvents, `{"id":"e","department_id":5,"value":{"a": [1,2]},"previous_value":null}`,
			want{"department_events.value": `{"a": [1,2]}`, "department_events.previous_value": "(null)", "department_events._extra": "(null)"},
		},
		{
			"conversion", chatferry.Conversions, `{"id":"c","timestamp":"2020-01-01T00:00:00Z","goal_id":null,"goal_name":null,"attribution":{"chat_id":"x"}}`,
			want{"conversions.attribution_chat_id": "x", "conversions._extra": "(null)"},
		},
		{
			"attachment that was fetched", chatferry.Attachments,
			`{"chat_id":"x","index":4,"url":"https://files.example.com/a.png","name":"a.png","size":3,"mime_type":"image/png","status":"fetched","http_status":200,` +
				`"content_type":"image/png","fetched_at":"2021-04-26T13:54:02Z","fetched_size":3,"sha256":"ba78","content_base64":"YWJj"}`,
			want{
				"attachments.content_base64": "YWJj", "attachments.index": "4", "attachments.fetched_size": "3",
				"attachments.fetched_at": "2021-04-26T13:54:02.000000Z", "attachments.reason": "(null)", "attachments._extra": "(null)",
			},
		},
		{"visitor with a number for id", chatferry.Visitors, `{"id":1,"banned":false,"created":"2014-09-01T10:29:59Z"}`, want{"visitors.id": "1", "visitors._extra": `{"id":1}`}},
		{"ban without a date", chatferry.Bans, `{"id":124900251,"type":"ip_address","ip_address":"27.55.75.161","reason":"r"}`, want{"bans.created_at": "(null)"}},
		{"ban with a null date", chatferry.Bans, `{"id":"5","created_at":null}`, want{"bans.id": "5", "bans._extra": `{"id":"5","created_at":null}`}},
		{
			"agent enabled as 1", chatferry.Agents, `{"id":4123471,"enabled":1,"departments":[],"last_login":null}`,
			want{"agents.enabled": "true", "agents.departments": "[]", "agents.enabled_departments": "(null)", "agents.id_upgraded": "(null)"},
		},
		{"agent roles", chatferry.Agents, `{"id":1,"roles":{"owner":true,"administrator":false}}`, want{"agents.roles_owner": "true"}},
		{"legacy department", chatferry.Departments, `{"id":1,"settings":{},"members":[4141565]}`, want{"departments.members": "[4141565]"}},
		{
			"trigger without an id", chatferry.Triggers, `{"name":"n","definition":{"event":"chat_requested","condition":["and",["not",["firedBefore"]],60,false]}}`,
			want{"triggers.definition": `{"event":"chat_requested","condition":["and",["not",["firedBefore"]],60,false]}`},
		},
		{"goal settings", chatferry.Goals, `{"id":265,"settings":{"conditions":[]}}`, want{"goals.settings": `{"conditions":[]}`}},
		{
			"account plan", chatferry.Account, `{"account_key":"k","plan":{"price":0.0,"max_agents":30,"max_departments":"unlimited","goals":"unlimited"}}`,
			want{"account.plan_price": "0", "account.plan_max_agents": "30", "account.plan_goals": "(null)"},
		},
		{
			"oauth client without a zone", chatferry.OAuthClients, `{"id":1,"create_date":"2017-04-24T12:45:32","update_date":"2017-04-24T12:45:32Z"}`,
			want{"oauth_clients.create_date": "2017-04-24T12:45:32.000000Z", "oauth_clients.update_date": "2017-04-24T12:45:32.000000Z"},
		},
		{
			"routing settings", chatferry.RoutingSettings, `{"routing_mode":"assigned","chat_limit":{"enabled":true,"limit":3},"auto_accept":{"enabled":false}}`,
			want{"routing_settings.chat_limit_limit": "3"},
		},
		{"numbers in other forms", chatferry.Agents, `{"id":5.0,"login_count":1e3,"role_id":-0}`, want{"agents.id": "5", "agents.login_count": "1000", "agents.role_id": "0"}},
		{
			"numbers beyond int64", chatferry.Agents, `{"id":9223372036854775807,"login_count":9223372036854775808,"role_id":-9223372036854775808}`,
			want{"agents.id": "9223372036854775807", "agents.login_count": "(null)", "agents.role_id": "-9223372036854775808"},
		},
		{
			"floats that float64 cannot hold", chatferry.AgentTimeline,
			`{"agent_id":1,"start_time":"2021-04-26T13:54:02.171963Z","duration":9007199254740993}`,
			want{"agent_timeline.duration": "9.007199254740992e+15"},
		},
		{"a float too large", chatferry.AgentTimeline, `{"agent_id":1,"start_time":"2021-04-26T13:54:02.171963Z","duration":1e400}`, want{"agent_timeline.duration": "(null)"}},
		{"a float too small", chatferry.AgentTimeline, `{"agent_id":1,"start_time":"2021-04-26T13:54:02.171963Z","duration":1e-400}`, want{"agent_timeline.duration": "(null)"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := loadOne(t, c.stream, c.record)
			for at, want := range c.want {
				table, column, _ := strings.Cut(at, ".")
				row := 0
				if name, n, ok := strings.Cut(table, "#"); ok {
					table = name
					fmt.Sscan(n, &row)
				}
				if got := cell(t, tables(b)[chatferry.Table(table)], row, column); got != want {
					t.Errorf("%s = %q, want %q", at, got, want)
				}
			}
		})
	}
}
