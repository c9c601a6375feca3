package transform

import "chatferry"

// The analytics reports of the Chat dashboard. A field's name is the header as the dashboard usually prints it; the zone
// behind a time's header varies with the account, so headers are matched without it. What a report has beyond these
// columns stands in _extra.

func csvTime(header string) field { return field{name: header, kind: kindTime, form: formCSV} }

func csvFields(s chatferry.Stream) []field {
	switch s {
	case chatferry.AnalyticsAgentActivity:
		return join(agentColumns(), spanColumns(), chatColumns(), startedColumns(), qualityColumns())
	case chatferry.AnalyticsChatActivity:
		return join(spanColumns(), volumeColumns(), chatColumns(), startedColumns(), qualityColumns())
	case chatferry.AnalyticsDepartmentAgentActivity:
		return join(departmentColumns(), agentColumns(), spanColumns(), chatColumns(), startedColumns(), qualityColumns())
	case chatferry.AnalyticsDepartmentChatActivity:
		return join(departmentColumns(), spanColumns(), volumeColumns(), chatColumns(), startedColumns(), qualityColumns())
	case chatferry.AnalyticsLoginSessions, chatferry.AnalyticsServingSessions:
		return join(agentColumns(), spanColumns(), durationColumns())
	default: // AnalyticsStatusSessions
		return join(agentColumns(), []field{low("Status")}, spanColumns(), durationColumns())
	}
}

func join(lists ...[]field) []field {
	var all []field
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func agentColumns() []field {
	return []field{integer("Agent ID"), str("First Name"), str("Last Name"), str("Email"), boolean("Enabled")}
}

func departmentColumns() []field {
	return []field{integer("Department ID"), low("Department"), low("Department Name")}
}

func spanColumns() []field {
	return []field{csvTime("Start Time (UTC+0)"), csvTime("End Time (UTC+0)")}
}

func durationColumns() []field {
	return []field{low("Duration"), float("Duration (Seconds)")}
}

func volumeColumns() []field {
	return []field{integer("Total Chats"), integer("Served Chats"), integer("Offline Messages")}
}

func chatColumns() []field {
	return []field{
		integer("Assigned Chats"), integer("Accepted Chats"), integer("Completed Chats"), integer("Dropped Chats"),
		integer("Missed Chats"),
	}
}

func startedColumns() []field {
	return []field{
		integer("Visitor Initiated"), integer("Agent Initiated"), integer("Trigger Initiated"),
		integer("Visitor Initiated (Completed)"), integer("Agent Initiated (Completed)"),
		integer("Trigger Initiated (Completed)"),
	}
}

func qualityColumns() []field {
	return []field{
		low("Status"), low("Acceptance"), integer("Good Ratings"), integer("Bad Ratings"),
		float("Average First Response Time"), float("Average Response Time"), float("Maximum Response Time"),
		float("Average Wait Time"), float("Maximum Wait Time"), float("Average Chat Duration"),
		float("Maximum Chat Duration"),
	}
}
