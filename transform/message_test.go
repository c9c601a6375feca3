package transform

import (
	"testing"

	"chatferry"
)

func TestMessageExclusion(t *testing.T) {
	cases := []struct {
		name    string
		record  string
		channel string // empty: not excluded
	}{
		{"channel", `{"id":"a","channel":"facebook"}`, "facebook"},
		{"letter case", `{"id":"a","via":"WhatsApp"}`, "whatsapp"},
		{"object with a channel", `{"id":"a","via":{"channel":"twitter","source":{"x":["y"]}}}`, "twitter"},
		{"object with a type", `{"id":"a","source":{"id":5,"type":"native_messaging"}}`, "native_messaging"},
		{"object with a name", `{"id":"a","backend":{ "name" : "LINE" , "x":1 }}`, "line"},
		{"an ending", `{"id":"a","channel":"Facebook Messenger"}`, "facebook"},
		{"sunshine", `{"id":"a","channel":"sunshine_conversations_apple_business_chat"}`, "sunshine_conversations"},
		{"hyphen", `{"id":"a","channel":"native-messaging"}`, "native_messaging"},
		{"escaped", `{"id":"a","\u0063hannel":"\u0066acebook"}`, "facebook"},
		{"second member tells", `{"id":"a","channel":"chat","via":"wechat"}`, "wechat"},
		{"type", `{"id":"a","type":"facebook_message"}`, "facebook"},
		{"web widget", `{"id":"a","channel":"web_widget","via":"chat"}`, ""},
		{"word that begins like one", `{"id":"a","channel":"linear"}`, ""},
		{"name deeper inside", `{"id":"a","via":{"source":{"channel":"facebook"}}}`, ""},
		{"name in the wrong member", `{"id":"a","via":{"title":"facebook"}}`, ""},
		{"value of another type", `{"id":"a","channel":5,"via":null,"source":["facebook"],"backend":true}`, ""},
		{"channel of the visitor", `{"id":"a","visitor":{"channel":"facebook"}}`, ""},
		{"channel of the history", `{"id":"a","history":[{"channel":"facebook"}]}`, ""},
		{"tags and notes are no evidence", `{"id":"a","type":"chat","tags":["facebook"],"visitor":{"notes":"whatsapp"}}`, ""},
		{"unknown type", `{"id":"a","type":"hologram"}`, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			good := goodRecord(chatferry.Chats, "good")
			b := run(t, New(chatferry.Chats, Options{}), page(chatferry.Chats, "", good, c.record, good))
			if c.channel == "" {
				if b.Books.Loaded.N != 3 || len(b.Ledger) != 0 {
					t.Fatalf("excluded: %+v", b.Ledger)
				}
				sameJSON(t, rebuilt(t, chatferry.Chats, b)[1], []byte(c.record))
				return
			}
			reason := "message:" + c.channel
			if len(b.Ledger) != 1 || b.Ledger[0].Reason != reason || b.Books.Excluded[reason].N != 1 || b.Books.Loaded.N != 2 {
				t.Fatalf("%+v %+v", b.Ledger, b.Books)
			}
			if n := tables(b)["chats"].NumRows(); n != 2 {
				t.Errorf("%d rows", n)
			}
			sameJSON(t, rebuilt(t, chatferry.Chats, b)[1], []byte(good))
		})
	}
}

func TestLedgerEntry(t *testing.T) {
	record := `{"history":[{"msg":"x"}],"via":"line","update_timestamp":"2021-04-26T13:54:02Z","id":"a.b"}`
	b := run(t, New(chatferry.Chats, Options{}), page(chatferry.Chats, "", record))
	e := b.Ledger[0]
	if e.Stream != chatferry.Chats || e.Key != "a.b" || e.Version != 1619445242000000 || e.RawLen != int64(len(record)) || e.Disposition != chatferry.Excluded {
		t.Errorf("%+v", e)
	}
	if len(b.Rows) != 0 {
		t.Errorf("rows were left behind: %v", b.Rows)
	}
}

func TestSocialChannelsOption(t *testing.T) {
	record := `{"id":"a","channel":"facebook"}`
	if b := run(t, New(chatferry.Chats, Options{SocialChannels: []string{}}), page(chatferry.Chats, "", record)); b.Books.Loaded.N != 1 {
		t.Error("an empty list still excludes")
	}
	if b := run(t, New(chatferry.Chats, Options{SocialChannels: []string{"Fax"}}), page(chatferry.Chats, "", record, `{"id":"b","via":"fax"}`)); b.Books.Excluded["message:fax"].N != 1 {
		t.Errorf("%+v", b.Books)
	}
}

func TestMessageSuspect(t *testing.T) {
	cases := []struct{ name, record, want string }{
		{"usual chat", `{"id":"a","type":"chat","visitor":{"name":"n","email":""},"session":{"ip":"192.0.2.1"},"history":[{"type":"chat.msg","channel":"#supportchat:1-2"}]}`, "(null)"},
		{"ids only", `{"id":"a"}`, "(null)"},
		{"unknown type", `{"id":"a","type":"hologram"}`, "unknown_type"},
		{"one weak sign", `{"id":"a","type":"chat","visitor":{"name":"n"}}`, "(null)"},
		{"injected offline message", `{"id":"a","type":"offline_msg","visitor":{"name":"n","email":""},"message":"m"}`, "(null)"},
		{"no session, network in tags", `{"id":"a","visitor":{"name":"n"},"tags":["vip","Facebook"]}`, "no_session,network_named"},
		{"no session, network in notes", `{"id":"a","visitor":{"name":"n","notes":"Came from WhatsApp."},"webpath":[]}`, "no_session,network_named"},
		{"a visitor with an e-mail", `{"id":"a","visitor":{"name":"n","email":"e"},"tags":["facebook"]}`, "(null)"},
		{"network inside a word", `{"id":"a","visitor":{"name":"n","notes":"unfacebooklike"}}`, "(null)"},
		{"history", `{"id":"a","history":[{"type":"chat.msg","channel":"whatsapp:1"},{"type":"chat.hologram"}]}`, "unknown_history_type,foreign_history_channel"},
		{"a web path tells of a session", `{"id":"a","visitor":{"name":"n"},"webpath":[{}],"tags":["facebook"]}`, "(null)"},
		{"tags of the chat before", `{"id":"a","visitor":{"name":"n"},"tags":["x"]}`, "(null)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			decoy := `{"id":"z","tags":["facebook"],"history":[{"type":"odd","channel":"odd"}]}`
			b := run(t, New(chatferry.Chats, Options{}), page(chatferry.Chats, "", decoy, c.record))
			if got := cell(t, tables(b)["chats"], 1, "message_suspect"); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
