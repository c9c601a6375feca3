package rehearsal

import (
	"fmt"
	"iter"

	"chatferry"
)

// Canary is part of every secret in the account. It must not occur anywhere in what is made from it.
const Canary = "CANARY-FAKE-SECRET"

var goalNames = []string{"Order placed", "Newsletter", "Checkout reached", "Compra concluída", "Katalog bestellt", "Wholesale enquiry"}

// configuration returns the records of a Stream that describes how the account is set up.
func (a *Account) configuration(s chatferry.Stream) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		emit := func(raw string) bool { return yield(Record{Raw: []byte(raw)}) }
		switch s {
		case chatferry.Account:
			emit(a.accountRecord())
		case chatferry.RoutingSettings:
			emit(`{"routing_mode":"assigned","chat_limit":{"enabled":true,"limit":4,"limit_type":"account","allow_agent_override":false},` +
				`"skill_routing":{"enabled":true,"max_wait_time":30},"reassignment":{"enabled":true,"timeout":45},` +
				`"auto_idle":{"enabled":false,"reassignments_before_idle":3,"new_status":"away"},"auto_accept":{"enabled":false}}`)
		case chatferry.Bans:
			a.bans(yield)
		default:
			for _, raw := range a.list(s) {
				if !emit(raw) {
					return
				}
			}
		}
	}
}

func (a *Account) list(s chatferry.Stream) []string {
	switch s {
	case chatferry.Agents:
		return a.agentRecords()
	case chatferry.Roles:
		return a.roleRecords()
	case chatferry.Departments:
		return a.departmentRecords()
	case chatferry.Skills:
		return a.skillRecords()
	case chatferry.Shortcuts:
		return a.shortcutRecords()
	case chatferry.Triggers:
		return a.triggerRecords()
	case chatferry.Goals:
		return a.goalRecords()
	case chatferry.OAuthClients:
		return a.oauthRecords()
	default:
		return nil
	}
}

func quoted(s string) string { return string(appendString(nil, s)) }

func stamp(ms int64) string { return string(appendTime(nil, ms)) }

func intList(ids []int64) string {
	b := []byte{'['}
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendInt(b, id)
	}
	return string(append(b, ']'))
}

// accountKey is the public key of the chat widget.
func (a *Account) accountKey() string {
	b := appendBase62(nil, a.hash(domConfig, 1), 11)
	b = appendBase62(b, a.hash(domConfig, 2), 11)
	return string(appendBase62(b, a.hash(domConfig, 3), 10))
}

func (a *Account) accountRecord() string {
	owner := &a.agents[theOwner]
	plan, days, full := a.plan()
	return fmt.Sprintf(`{"account_key":%q,"status":"active","create_date":%s,"billing":{"company":"Fernweh Outdoor Ltd.",`+
		`"first_name":%s,"last_name":%s,"email":%s,"address1":"1 Example Quay","address2":"","city":"Bristol","state":"","postal_code":"BS1 0AA",`+
		`"country_code":"GB","additional_info":""},"plan":{"name":%q,"price":59.0,"max_agents":%d,"max_departments":"unlimited",`+
		`"max_concurrent_chats":"unlimited","max_history_search_days":%q,"max_advanced_triggers":"unlimited","max_basic_triggers":"unlimited",`+
		`"goals":10,"analytics":%t,"rest_api":%t,"sla":false,"monitoring":true,"chat_reports":true,"agent_reports":true,"email_reports":true,`+
		`"daily_reports":true,"agent_leaderboard":true,"operating_hours":true,"file_upload":true,"ip_restriction":true,"integrations":true,`+
		`"support":true,"high_load":true,"unbranding":true,"widget_customization":"full","short_desc":"Premium","long_desc":"Premium, billed yearly"}}`,
		a.accountKey(), stamp(a.calendar.dayStart(0)-200*day), quoted(owner.first), quoted(owner.last), quoted(owner.email), plan, len(a.agents)+a.idle()+5,
		days, full, full)
}

// idle is how many agents there are beyond those who work.
func (a *Account) idle() int { return max(0, a.o.Agents-len(a.agents)) }

func (a *Account) agentRecords() []string {
	var out []string
	end := a.calendar.dayStart(a.calendar.days())
	for i := range a.agents {
		ag := &a.agents[i]
		departments := make([]int64, len(ag.departments))
		for k, d := range ag.departments {
			departments[k] = a.departments[d].id
		}
		skills := make([]int64, len(ag.skills))
		for k, s := range ag.skills {
			skills[k] = a.skillIDs[s]
		}
		enabled, login := "true", stamp(end-a.clip(i))
		if ag.left != 0 {
			login = stamp(ag.left*day - hour)
		}
		switch {
		case !a.isEnabled(i):
			enabled = "false"
		case i%5 == 1:
			enabled = "1"
		case i == len(a.agents)-1:
			login = "null" // never came
		}
		raw := fmt.Sprintf(`{"id":%d,"email":%s,"first_name":%s,"last_name":%s,"display_name":%s,"enabled":%s,`+
			`"roles":{"owner":%t,"administrator":%t},"departments":%s,"create_date":%s,"last_login":%s,"login_count":%d`,
			ag.id, quoted(a.emailOf(i)), quoted(ag.first), quoted(ag.last), quoted(ag.display), enabled,
			a.isOwner(i), a.isAdministrator(i), intList(departments), stamp(ag.hired*day+9*hour), login, a.hash(domConfig, int64(100+i))%3000)
		if i%6 != 5 { // the others were last saved before these fields came
			raw += fmt.Sprintf(`,"role_id":%d,"enabled_departments":%s,"skills":%s,"scope":%q`,
				a.roles[a.roleOf(i)].id, intList(departments), intList(skills), map[bool]string{true: "all", false: "departments"}[ag.role <= 1])
		}
		out = append(out, raw+`}`)
	}
	id := a.agents[len(a.agents)-1].id
	for k := range a.idle() {
		id += int64(1 + a.hash(domConfig, int64(500+k))%900)
		out = append(out, fmt.Sprintf(`{"id":%d,"email":"seat.%04d@fernweh.example.com","first_name":"Seat","last_name":"%04d","display_name":"Seat %d",`+
			`"enabled":true,"roles":{"owner":false,"administrator":false},"departments":[],"create_date":%s,"last_login":null,"login_count":0,`+
			`"role_id":%d,"enabled_departments":[],"skills":[],"scope":"departments"}`, id, k, k, k, stamp(end-day), a.roles[2].id))
	}
	return out
}

// clip is how long before the account's end agent i was last seen.
func (a *Account) clip(i int) int64 { return int64(a.hash(domConfig, int64(200+i)) % uint64(3*day)) }

func (a *Account) roleRecords() []string {
	var out []string
	for k, role := range a.roles[:a.roleCount()] {
		members := 0
		if k == 2 {
			members = a.idle()
		}
		for i := range a.agents {
			if a.roleOf(i) == k {
				members++
			}
		}
		scope, rights := "account", "true"
		if !role.all {
			scope, rights = "none", "false"
		}
		see := scope
		if k == 3 {
			see = "listen-join"
		}
		out = append(out, fmt.Sprintf(`{"id":%d,"name":%s,"description":%s,"enabled":true,"members_count":%d,"permissions":{"visitors_seen":%q,`+
			`"proactive_chatting":%q,"view_past_chats":%q,"manage_bans":%q,"access_analytics":%q,"view_monitor":%q,"edit_department_agents":%q,`+
			`"set_agent_chat_limit":%q,"manage_shortcuts":%q,"edit_visitor_information":true,"edit_visitor_notes":%s,"edit_chat_tags":true}}`,
			role.id, quoted(role.name), quoted(role.description), members, see, see, scope, scope, scope, scope, scope, scope, scope, rights))
	}
	return out
}

func (a *Account) departmentRecords() []string {
	var out []string
	for d, dep := range a.departments {
		var members []int64
		for i := range a.agents {
			for _, m := range a.agents[i].departments {
				if m == d {
					members = append(members, a.agents[i].id)
				}
			}
		}
		enabled := fmt.Sprint(dep.enabled)
		if d == 1 {
			enabled = "1"
		}
		settings := ""
		if a.o.Upgraded {
			settings = fmt.Sprintf(`"chat_enabled":%t,"solved_ticket_reassignment_strategy":"","support_group_id":%d`, dep.enabled, dep.id)
		}
		out = append(out, fmt.Sprintf(`{"id":%d,"name":%s,"description":%s,"enabled":%s,"members":%s,"settings":{%s}}`,
			dep.id, quoted(a.departmentName(d)), quoted(dep.description), enabled, intList(members), settings))
	}
	return out
}

func (a *Account) skillRecords() []string {
	var out []string
	for k, name := range skillNames {
		var members []int64
		for i := range a.agents {
			for _, s := range a.agents[i].skills {
				if s == k {
					members = append(members, a.agents[i].id)
				}
			}
		}
		out = append(out, fmt.Sprintf(`{"id":%d,"name":%q,"description":"","enabled":%t,"members":%s}`, a.skillIDs[k], name, k != 5, intList(members)))
	}
	return out
}

func (a *Account) goalRecords() []string {
	var out []string
	for k, name := range goalNames {
		out = append(out, fmt.Sprintf(`{"id":%d,"name":%s,"description":"","enabled":%t,"attribution_model":%q,"attribution_period":%d,`+
			`"settings":{"conditions":[{"type":"url","operator":%q,"value":"%s/goal/%d"}]}}`, a.goalIDs[k], quoted(name), k != 4,
			[...]string{"first_touch", "last_touch"}[k%2], 5+5*k, [...]string{"equals", "contains"}[k%2], siteURL, k))
	}
	return out
}

func (a *Account) oauthRecords() []string {
	var out []string
	names := []string{"Warehouse export", "Intranet widget", "CRM sync (old)"}
	if a.has(NoClients) {
		names = nil
	}
	for k, name := range names {
		created, updated := stamp(a.calendar.dayStart(0)+int64(k)*90*day), stamp(a.calendar.dayStart(0)+int64(k)*100*day)
		if k == 2 {
			created = created[:len(created)-2] + `"` // without a zone
		}
		out = append(out, fmt.Sprintf(`{"id":%d,"name":%q,"company":"Fernweh Outdoor Ltd.","client_identifier":"fernweh_%d","client_secret":"%s-%d-a",`+
			`"client_type":%q,"redirect_uris":"https://intranet.example.com/oauth/%d","scopes":"read write","agent_id":%d,"create_date":%s,"update_date":%s,`+
			`"last_token":{"access_token":"%s-%d-b","refresh_token":"%s-%d-c","token_type":"Bearer"}}`,
			900+k, name, k, Canary, k, [...]string{"public", "confidential"}[k%2], k, a.agents[k*3].id, created, updated, Canary, k, Canary, k))
	}
	return out
}

// banned reports whether a visitor is banned.
func (a *Account) banned(visitor int64) bool { return a.share(domConfig, visitor, 0.002) }

// bans returns banned visitors and addresses. They share one row of ids; old ones do not say when they were made.
func (a *Account) bans(yield func(Record) bool) {
	id := int64(120_000_000 + a.hash(domConfig, -1)%9_000_000)
	created := func(k int64, at int64) string {
		switch {
		case k%10 < 3:
			return ""
		case k%10 == 3:
			return `,"created_at":null`
		default:
			return `,"created_at":` + stamp(at)
		}
	}
	var v visitor
	for i := range a.o.Chats {
		if a.visitorOf(i) != i || !a.banned(i) {
			continue
		}
		a.visitor(&v, i, a.calendar.made(i, a.calendar.dayOf(i)))
		id += int64(1 + i%977)
		b := fmt.Appendf(nil, `{"id":%d,"type":"visitor","visitor_id":"`, id)
		b = append(a.appendVisitorID(b, &v), `","visitor_name":"`...)
		b = append(appendAnonymousName(b, &v), `","reason":"abusive \"jokes\""`...)
		b = append(append(b, created(id, v.created+day)...), '}')
		if !yield(Record{Raw: b}) {
			return
		}
	}
	for k := range int64(9) {
		id += 31 + k
		b := fmt.Appendf(nil, `{"id":%d,"type":"ip_address","ip_address":"`, id)
		b = appendIP(b, a.hash(domConfig, 1000+k))
		b = fmt.Appendf(b, `","reason":%q%s}`, [...]string{"", "spam", "bot"}[k%3], created(id, a.calendar.dayStart(int(k)*30%a.calendar.days())))
		if !yield(Record{Raw: b, IPBan: true}) {
			return
		}
	}
}
