package transform

import (
	"testing"

	"chatferry"
)

const activityHeader = `First Name,Last Name,Email,Enabled,Start Time (UTC+0),End Time (UTC+0),Assigned Chats,Acceptance`

func TestCSVValues(t *testing.T) {
	cases := []struct {
		name, header, row string
		want              map[string]string
	}{
		{"usual", activityHeader, `Ana,"Souza, Jr.",ana@example.com,true,2021-04-26 13:00:00,2021-04-26 14:00:00,12,95%`, map[string]string{
			"first_name": "Ana", "last_name": "Souza, Jr.", "enabled": "true", "start_time": "2021-04-26T13:00:00.000000Z",
			"assigned_chats": "12", "acceptance": "95%", "accepted_chats": "(null)", "_extra": "(null)",
		}},
		{"other zone", "Start Time (UTC-5),End Time (UTC+05:30)", `2021-04-26 13:00:00,2021-04-26 13:00:00`, map[string]string{
			"start_time": "2021-04-26T18:00:00.000000Z", "end_time": "2021-04-26T07:30:00.000000Z",
			"_extra": `{"Start Time (UTC-5)":"2021-04-26 13:00:00","End Time (UTC+05:30)":"2021-04-26 13:00:00"}`,
		}},
		{"zone in the cell", activityHeader, `a,b,c,Yes,2021-04-26T13:00:00+02:00,,,`, map[string]string{
			"start_time": "2021-04-26T11:00:00.000000Z", "end_time": "(null)", "enabled": "true", "acceptance": "",
			"_extra": `{"Enabled":"Yes","Start Time (UTC+0)":"2021-04-26T13:00:00+02:00","End Time (UTC+0)":"","Assigned Chats":""}`,
		}},
		{"letter case of the header", "FIRST NAME,assigned chats", `Ana,5`, map[string]string{
			"first_name": "Ana", "assigned_chats": "5", "_extra": `{"FIRST NAME":"Ana","assigned chats":"5"}`,
		}},
		{"unknown header", `"Mood, if any",Email`, `"good ""mood""",x`, map[string]string{"email": "x", "_extra": `{"Mood, if any":"good \"mood\""}`}},
		{"number in another form", "Assigned Chats,Missed Chats", `05,1e3`, map[string]string{
			"assigned_chats": "5", "missed_chats": "(null)", "_extra": `{"Assigned Chats":"05","Missed Chats":"1e3"}`,
		}},
		{"byte order mark", "\ufeffEmail", `x`, map[string]string{"email": "x", "_extra": "(null)"}},
		{"one empty cell", "Email", ``, map[string]string{"email": ""}},
		{"quoted line break", "Email,Status", "\"a\r\nb\",x", map[string]string{"email": "a\r\nb"}},
		{"all cells empty", "Email,Status,Assigned Chats", `,,`, map[string]string{"email": "", "assigned_chats": "(null)"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := run(t, New(chatferry.AnalyticsAgentActivity, Options{}), page(chatferry.AnalyticsAgentActivity, c.header, c.row))
			if b.Books.Loaded.N != 1 {
				t.Fatalf("%+v", b.Rejects)
			}
			for column, want := range c.want {
				if got := cell(t, b.Rows[0].Record, 0, column); got != want {
					t.Errorf("%s = %q, want %q", column, got, want)
				}
			}
		})
	}
}

func TestCSVRejects(t *testing.T) {
	cases := []struct {
		name, header, row string
		code              chatferry.Code
	}{
		{"too few cells", "Email,Status", `x`, chatferry.CodeCSVRow},
		{"too many cells", "Email,Status", `x,y,z`, chatferry.CodeCSVRow},
		{"quote does not end", "Email,Status", `"x,y`, chatferry.CodeCSVRow},
		{"text behind a quote", "Email,Status", `"x"y,z`, chatferry.CodeCSVRow},
		{"quote inside", "Email,Status", `x"y",z`, chatferry.CodeCSVRow},
		{"not UTF-8", "Email,Status", "x,\xff", chatferry.CodeUTF8},
		{"no header", "", `x`, chatferry.CodeCSVHeader},
		{"empty header", "Email,", `x,y`, chatferry.CodeCSVHeader},
		{"header twice", "Mood,Mood", `x,y`, chatferry.CodeCSVHeader},
		{"column twice", "Email,EMAIL", `x,y`, chatferry.CodeCSVHeader},
		{"time twice", "Start Time (UTC+0),Start Time (UTC+1)", `,`, chatferry.CodeCSVHeader},
		{"broken header", `"Email`, `x`, chatferry.CodeCSVHeader},
		{"header not UTF-8", "Email,\xff", `x,y`, chatferry.CodeCSVHeader},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tr := New(chatferry.AnalyticsAgentActivity, Options{})
			b := run(t, tr, page(chatferry.AnalyticsAgentActivity, c.header, c.row, c.row))
			if len(b.Rejects) != 2 || b.Rejects[0].Code != c.code || b.Rejects[0].Reason == "" {
				t.Fatalf("%+v", b.Rejects)
			}
			// The next file of the Shard has a header of its own.
			if b := run(t, tr, page(chatferry.AnalyticsAgentActivity, "Email", "x")); b.Books.Loaded.N != 1 {
				t.Errorf("the next file: %+v", b.Rejects)
			}
		})
	}
}

func TestZones(t *testing.T) {
	cases := []struct {
		header, name string
		zone         int
		found        bool
	}{
		{"Start Time (UTC+0)", "Start Time", 0, true},
		{"Start Time (UTC)", "Start Time", 0, true},
		{"Start Time (UTC-11)", "Start Time", -11 * 3600, true},
		{"Start Time (UTC+5:30)", "Start Time", 5*3600 + 1800, true},
		{"Start Time (UTC +05:30)", "Start Time", 5*3600 + 1800, true},
		{"Start Time (UTC+0545)", "Start Time", 5*3600 + 45*60, true},
		{"Start Time (UTC-0330)", "Start Time", -(3*3600 + 30*60), true},
		{"Visitor Initiated (Completed)", "Visitor Initiated (Completed)", 0, false},
		{"Start Time (UTC+99)", "Start Time (UTC+99)", 0, false},
		{"Start Time (UTC+5:3)", "Start Time (UTC+5:3)", 0, false},
		{"(UTC+0)", "(UTC+0)", 0, false},
		{"", "", 0, false},
		{"(", "(", 0, false},
	}
	for _, c := range cases {
		if name, zone, found := cutZone(c.header); name != c.name || zone != c.zone || found != c.found {
			t.Errorf("%q: %q, %d, %t", c.header, name, zone, found)
		}
	}
}
