package chatferry

import (
	"slices"
	"strings"
)

// Stream names one kind of object of the legacy account.
type Stream string

// Table names one table of the dataset. Every Stream feeds the table of its own name; chats feeds four more.
type Table string

// The Streams, in the order in which they are carried over: the configuration first, then history, then analytics.
const (
	Account          Stream = "account"
	Agents           Stream = "agents"
	Roles            Stream = "roles"
	Departments      Stream = "departments"
	Skills           Stream = "skills"
	Shortcuts        Stream = "shortcuts"
	Triggers         Stream = "triggers"
	Goals            Stream = "goals"
	Bans             Stream = "bans"
	RoutingSettings  Stream = "routing_settings"
	OAuthClients     Stream = "oauth_clients"
	Chats            Stream = "chats"
	Visitors         Stream = "visitors"
	AgentTimeline    Stream = "agent_timeline"
	AgentEvents      Stream = "agent_events"
	DepartmentEvents Stream = "department_events"
	Conversions      Stream = "conversions"

	// The files that were sent in chats: a record for each entry of a history that names one. No account and no dump gives
	// such records; they are made of the chats that a dataset holds, and of what the address of a file answers.
	Attachments Stream = "attachments"

	// The analytics files of the Chat dashboard (CSV), one Stream for each report.
	AnalyticsAgentActivity           Stream = "analytics_agent_activity"
	AnalyticsChatActivity            Stream = "analytics_chat_activity"
	AnalyticsDepartmentAgentActivity Stream = "analytics_department_agent_activity"
	AnalyticsDepartmentChatActivity  Stream = "analytics_department_chat_activity"
	AnalyticsLoginSessions           Stream = "analytics_login_sessions"
	AnalyticsServingSessions         Stream = "analytics_serving_sessions"
	AnalyticsStatusSessions          Stream = "analytics_status_sessions"
)

// The child tables of the chats Stream. Their rows carry chat_id and the index of the element in its array.
const (
	ChatHistory     Table = "chat_history"
	ChatWebpath     Table = "chat_webpath"
	ChatEngagements Table = "chat_engagements"
	ChatConversions Table = "chat_conversions"
)

var streams = []Stream{
	Account, Agents, Roles, Departments, Skills, Shortcuts, Triggers, Goals, Bans, RoutingSettings, OAuthClients,
	Chats, Visitors, AgentTimeline, AgentEvents, DepartmentEvents, Conversions, Attachments,
	AnalyticsAgentActivity, AnalyticsChatActivity, AnalyticsDepartmentAgentActivity, AnalyticsDepartmentChatActivity,
	AnalyticsLoginSessions, AnalyticsServingSessions, AnalyticsStatusSessions,
}

// Streams returns every Stream in the order in which they are carried over. The caller owns the slice.
func Streams() []Stream { return slices.Clone(streams) }

// Given returns the Streams whose records an account or a dump gives, in the same order: all but those that are Made. The
// caller owns the slice.
func Given() []Stream { return slices.DeleteFunc(Streams(), Stream.Made) }

// Known reports whether s is one of Streams.
func (s Stream) Known() bool { return slices.Contains(streams, s) }

// CSV reports whether the records of s are rows of CSV files rather than JSON values.
func (s Stream) CSV() bool { return strings.HasPrefix(string(s), "analytics_") }

// Made reports whether the records of s are made by chatferry itself, out of those of other Streams.
func (s Stream) Made() bool { return s == Attachments }

// Configuration reports whether s says how the account is set up, rather than what happened in it.
func (s Stream) Configuration() bool {
	at := slices.Index(streams, s)
	return at >= 0 && at < slices.Index(streams, Chats)
}

// Secret reports whether records of s hold credentials, which are removed before hashing and never kept.
func (s Stream) Secret() bool { return s == OAuthClients }

// Parent is the table that has one row for each record of s.
func (s Stream) Parent() Table { return Table(s) }

// Tables returns the tables that s feeds, the parent first. The caller owns the slice.
func (s Stream) Tables() []Table {
	if s == Chats {
		return []Table{Table(Chats), ChatHistory, ChatWebpath, ChatEngagements, ChatConversions}
	}
	return []Table{s.Parent()}
}
