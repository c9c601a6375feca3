package transform

import (
	"testing"

	"chatferry"
)

// A ticket that came through a social network excludes the chat that it is linked with, by its number or by the chat's id.
// Tickets that contradict each other prove nothing, whatever their order. What is only suspected is as the rule says.
func TestTicketsAndSuspects(t *testing.T) {
	type row struct {
		number  int64
		chat    string
		channel string
	}
	all := []row{
		{11, "", "facebook"},
		{12, "", "chat"},
		{0, "c3", "WhatsApp"},
		{14, "c4", "line"},
		{15, "c4", "web"},
		{16, "", "twitter_dm"},
		{16, "", "email"},
		{0, "c7", "wechat"},
		{17, "c7", "facebook"},
		{0, "", "facebook"},
	}
	read := func(rows []row) *Tickets {
		x := NewTickets(nil)
		for _, r := range rows {
			x.Add(r.number, r.chat, r.channel)
		}
		for _, r := range rows {
			x.Contest(r.number, r.chat, r.channel)
		}
		return x
	}
	backwards := []row{}
	for i := range all {
		backwards = append(backwards, all[len(all)-1-i])
	}
	const tickets, weak = "tickets_disagree", "unknown_type"
	for _, tt := range []struct {
		raw      string
		excluded string
		suspect  string
	}{
		{`{"id":"c1","type":"chat","zendesk_ticket_id":11}`, "message_ticket:facebook", ""},
		{`{"id":"c2","type":"chat","zendesk_ticket_id":12}`, "", ""},
		{`{"id":"c3","type":"offline_msg","zendesk_ticket_id":null}`, "message_ticket:whatsapp", ""},
		{`{"id":"c4","type":"chat"}`, "", tickets},
		{`{"id":"c6","type":"chat","zendesk_ticket_id":16}`, "", tickets},
		{`{"id":"c7","type":"chat"}`, "message_ticket:facebook", ""},
		{`{"id":"c8","type":"chat","zendesk_ticket_id":0}`, "", ""},
		{`{"id":"c9","type":"bot_chat"}`, "", weak},
		{`{"id":"c10","type":"chat","channel":"line","zendesk_ticket_id":12}`, "message:line", ""},
	} {
		for _, x := range []*Tickets{read(all), read(backwards)} {
			for _, rule := range []Suspects{"", SuspectsInclude, SuspectsQuarantine, SuspectsExclude} {
				b, err := New(chatferry.Chats, Options{Tickets: x, Suspects: rule}).Transform(&chatferry.Page{
					Shard: &chatferry.Shard{ID: 1, Stream: chatferry.Chats}, Records: []chatferry.Record{{Raw: []byte(tt.raw)}},
				}, 1)
				if err != nil {
					t.Fatal(err)
				}
				excluded, quarantined := tt.excluded, ""
				if tt.suspect != "" && rule == SuspectsExclude {
					excluded = "message_suspect:" + tt.suspect
				}
				if tt.suspect != "" && rule == SuspectsQuarantine {
					quarantined = "it may be a conversation of Zendesk Message: " + tt.suspect
				}
				got, flagged, rejected := "", "", ""
				for _, e := range b.Ledger {
					got = e.Reason
				}
				for _, r := range b.Rejects {
					if rejected = r.Reason; r.Code != chatferry.CodeSuspect || string(r.Raw) != tt.raw {
						t.Errorf("%s: the reject is %+v", tt.raw, r)
					}
				}
				if b.Books.Loaded.N == 1 {
					if flagged = cell(t, tables(b)["chats"], 0, "message_suspect"); flagged == "(null)" {
						flagged = ""
					}
				}
				want := tt.suspect
				if excluded != "" || quarantined != "" {
					want = ""
				}
				if got != excluded || flagged != want || rejected != quarantined {
					t.Errorf("%s, suspects %q: excluded %q, flagged %q, rejected %q", tt.raw, rule, got, flagged, rejected)
				}
				if err := b.Books.Close(); err != nil {
					t.Errorf("%s: %v", tt.raw, err)
				}
				b.Release()
			}
		}
	}
}
