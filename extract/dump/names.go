package dump

import (
	"path"
	"regexp"
	"strings"
	"time"

	"chatferry"
)

// reports are the names that the Chat dashboard gives its CSV files, without the date behind them.
var reports = []struct {
	name   string
	stream chatferry.Stream
}{
	{"agent_chats_analytics", chatferry.AnalyticsAgentActivity},
	{"agent_activity", chatferry.AnalyticsAgentActivity},
	{"chats_analytics", chatferry.AnalyticsChatActivity},
	{"chat_analytics", chatferry.AnalyticsChatActivity},
	{"chat_activity", chatferry.AnalyticsChatActivity},
	{"department_agent_chats_analytics", chatferry.AnalyticsDepartmentAgentActivity},
	{"department_agent_activity", chatferry.AnalyticsDepartmentAgentActivity},
	{"department_chats_analytics", chatferry.AnalyticsDepartmentChatActivity},
	{"department_chat_analytics", chatferry.AnalyticsDepartmentChatActivity},
	{"department_chat_activity", chatferry.AnalyticsDepartmentChatActivity},
	{"login_sessions", chatferry.AnalyticsLoginSessions},
	{"serving_sessions", chatferry.AnalyticsServingSessions},
	{"status_sessions", chatferry.AnalyticsStatusSessions},
}

// analyticsFolder may hold CSV files under the names of the dashboard.
const analyticsFolder = "analytics"

// dateName is a date, or a date with a time behind it: 2026-11, 2026-11-28, 20261128, 2026-11-28T0200Z, 2026-11-28_02-00-00.
var dateName = regexp.MustCompile(`^(\d{4}-\d{2}(?:-\d{2})?|\d{8})(?:[T_ -]\d{2}(?:[-:.]?\d{2}){0,2}(?:Z|[+-]\d{2}:?\d{2})?)?$`)

// isDate reports whether a folder is named after a date. Such a folder is a dump of its own: that of a night, or a month.
func isDate(name string) bool {
	m := dateName.FindStringSubmatch(name)
	if m == nil {
		return false
	}
	for _, layout := range []string{"2006-01-02", "20060102"} {
		if _, err := time.Parse(layout, m[1]); err == nil {
			return true
		}
	}
	_, err := time.Parse("2006-01", name) // a month has no time behind it
	return err == nil
}

// undated is a path below the dump that it is part of: what is left of it behind the folders that are named after dates. It is
// empty for such a folder itself.
func undated(name string) string {
	for {
		top, rest, below := strings.Cut(name, "/")
		switch {
		case !isDate(top):
			return name
		case !below:
			return ""
		}
		name = rest
	}
}

// dumped reports whether a dump can hold s.
func dumped(s chatferry.Stream) bool { return s.Known() && !s.Made() }

// streamOfFolder returns the Stream that a top-level folder holds. A folder of attachments holds files as they were sent,
// not records.
func streamOfFolder(name string) (chatferry.Stream, bool) {
	s := chatferry.Stream(strings.ToLower(name))
	return s, dumped(s)
}

// streamOfFile tells a file's Stream by its name: a Stream's name followed by a dot, a hyphen or an underscore, or the
// name of a report. The longest name wins, so agent_timeline-2021.ndjson is not taken for agents.
func streamOfFile(name string) (chatferry.Stream, bool) {
	name = strings.ToLower(path.Base(name))
	var best chatferry.Stream
	longest := 0
	try := func(prefix string, s chatferry.Stream) {
		if len(prefix) > longest && len(name) > len(prefix) && name[:len(prefix)] == prefix && strings.IndexByte(".-_", name[len(prefix)]) >= 0 {
			best, longest = s, len(prefix)
		}
	}
	for _, s := range chatferry.Given() {
		try(string(s), s)
	}
	if isCSV(name) {
		for _, r := range reports {
			try(r.name, r.stream)
		}
	}
	return best, longest > 0
}

// compressed splits the extension of a compression off a name.
func compressed(name string) (rest, ext string) {
	for _, ext := range []string{".gz", ".zst"} {
		if n := len(name) - len(ext); n >= 0 && strings.EqualFold(name[n:], ext) {
			return name[:n], ext
		}
	}
	return name, ""
}

func isCSV(name string) bool {
	rest, _ := compressed(name)
	return strings.EqualFold(path.Ext(rest), ".csv")
}

// unreadable says why a file of a Stream is not taken, going by its extension; empty means that it is.
func unreadable(s chatferry.Stream, name string) string {
	rest, _ := compressed(name)
	switch strings.ToLower(path.Ext(rest)) {
	case ".csv":
		if !s.CSV() {
			return "a CSV file, but " + string(s) + " are read from JSON"
		}
	case ".json", ".ndjson", ".jsonl":
		if s.CSV() {
			return "a JSON file, but " + string(s) + " is read from CSV"
		}
	case ".zip", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz":
		return "an archive or a compression that is not read; unpack it"
	default:
		return "not .json, .ndjson, .jsonl or .csv, with or without .gz or .zst"
	}
	return ""
}
