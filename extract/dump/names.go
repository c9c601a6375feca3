package dump

import (
	"path"
	"strings"

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
