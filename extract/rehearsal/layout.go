package rehearsal

import (
	"time"

	"chatferry"
)

// Format is how records stand in a file. Rows of analytics reports always stand in CSV files.
type Format int

// The Formats.
const (
	NDJSON Format = iota // a record a line. The only Format that can hold broken records; the others leave them out
	Array                // one JSON array
	Saved                // what the API answered: pages of the incremental export, bans in two lists, settings under "data"
	Docs                 // chats as the bulk endpoint gives them, under their ids; of other Streams as Saved
)

// Compression is how a file is compressed.
type Compression int

// The Compressions.
const (
	Plain Compression = iota
	Gzip
	Zstd
)

// Form is how one file is written.
type Form struct {
	Format      Format
	Compression Compression
	Members     int // records after which a new gzip member or zstd frame begins; 0: one for the file
	Page        int // records of a page; 0: 1000 of Saved, 50 of Docs
}

// Split says how the records of a Stream are spread over files. The zero value: they all stand in one.
type Split struct {
	Months  bool  // a file for each month in which something was made
	Records int64 // else a file for so many records; of chats, not counting those that occur again
}

// Layout is how a dump lies on disk: a folder for each Stream, and files in it.
type Layout struct {
	Split func(chatferry.Stream) Split
	// Form is asked for each file by its name without extensions: 2021-03 with Months, otherwise a number.
	Form func(s chatferry.Stream, file string) Form
}

// Uniform is the Layout whose files are all written alike.
func Uniform(f Form, s Split) Layout {
	return Layout{
		Split: func(chatferry.Stream) Split { return s },
		Form:  func(chatferry.Stream, string) Form { return f },
	}
}

// Demo is what people have on their disks: chats by month, compressed, the last month as it was saved from the API;
// the configuration as the API gave it; reports as they came by e-mail.
func (a *Account) Demo() Layout {
	end := month(a.o.To.Add(-time.Hour).UnixMilli())
	return Layout{
		Split: func(s chatferry.Stream) Split {
			switch s {
			case chatferry.Chats:
				return Split{Months: true}
			case chatferry.AgentTimeline, chatferry.AgentEvents:
				return Split{Months: true}
			case chatferry.Visitors:
				return Split{Records: 100_000}
			}
			return Split{Months: s.CSV()}
		},
		Form: func(s chatferry.Stream, file string) Form {
			switch s {
			case chatferry.Chats:
				switch {
				case file == end:
					return Form{Format: Saved, Page: 200}
				case file >= "2020" && file < "2021":
					return Form{Compression: Zstd}
				case file < "2018":
					return Form{Compression: Gzip, Members: 500} // a file that was appended to, day by day
				}
				return Form{Compression: Gzip}
			case chatferry.Visitors, chatferry.AgentTimeline:
				return Form{Compression: Gzip}
			case chatferry.AgentEvents, chatferry.DepartmentEvents:
				return Form{}
			case chatferry.Conversions:
				return Form{Format: Saved, Compression: Gzip}
			case chatferry.Agents, chatferry.Roles, chatferry.Departments, chatferry.Skills, chatferry.Shortcuts,
				chatferry.Triggers, chatferry.Goals, chatferry.OAuthClients:
				return Form{Format: Array}
			}
			return Form{Format: Saved}
		},
	}
}

// extension is what a file's name ends with.
func (f Form) extension(s chatferry.Stream) string {
	ext := ".json"
	switch {
	case s.CSV():
		ext = ".csv"
	case f.Format == NDJSON:
		ext = ".ndjson"
	}
	switch f.Compression {
	case Gzip:
		ext += ".gz"
	case Zstd:
		ext += ".zst"
	}
	return ext
}

// stem is what a file's name begins with: the reports have names of their own.
func stem(s chatferry.Stream) string {
	switch s {
	case chatferry.AnalyticsAgentActivity:
		return "agent_chats_analytics_"
	case chatferry.AnalyticsChatActivity:
		return "chats_analytics_"
	case chatferry.AnalyticsDepartmentAgentActivity:
		return "department_agent_chats_analytics_"
	case chatferry.AnalyticsDepartmentChatActivity:
		return "department_chats_analytics_"
	case chatferry.AnalyticsLoginSessions:
		return "login_sessions_"
	case chatferry.AnalyticsServingSessions:
		return "serving_sessions_"
	case chatferry.AnalyticsStatusSessions:
		return "status_sessions_"
	default:
		return ""
	}
}
