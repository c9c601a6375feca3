package api

import (
	"slices"

	"chatferry"
)

// The endpoints by which chats can be read; which of them Plan chooses.
const (
	chatsExport = "incremental/chats"
	chatsList   = "chats"
	chatsSearch = "chats/search"
)

// route is one way to read a Stream. Its name is Range.Endpoint, and is written into logs: names are never changed.
type route struct {
	name   string
	stream chatferry.Stream
	open   func(*reading, chatferry.Position) (pager, error)

	// A Stream that grows is read in windows and swept. changed are the members that say when a record was changed last,
	// the first one that is there; identity those that tell one version of a record from all others.
	grows    bool
	changed  []string
	identity []string
}

// Of agents' intervals the one that has not ended is served again and again, each time longer, so their length is no
// part of what tells them apart.
var endpoints = []route{
	{name: "account", stream: chatferry.Account, open: openWhole(formObject)},
	{name: "agents", stream: chatferry.Agents, open: openSince},
	{name: "roles", stream: chatferry.Roles, open: openWhole(formArray)},
	{name: "departments", stream: chatferry.Departments, open: openWhole(formArray)},
	{name: "skills", stream: chatferry.Skills, open: openWhole(formArray)},
	{name: "shortcuts", stream: chatferry.Shortcuts, open: openWhole(formArray)},
	{name: "triggers", stream: chatferry.Triggers, open: openWhole(formArray)},
	{name: "goals", stream: chatferry.Goals, open: openWhole(formArray)},
	{name: "bans", stream: chatferry.Bans, open: openSince},
	{name: "routing_settings", stream: chatferry.RoutingSettings, open: openRouting},
	{name: "oauth/clients", stream: chatferry.OAuthClients, open: openWhole(formArray)},
	{
		name: chatsExport, stream: chatferry.Chats, open: openExport[EpochSec], grows: true,
		changed: []string{"update_timestamp"}, identity: []string{"id", "update_timestamp"},
	},
	{
		name: chatsList, stream: chatferry.Chats, open: openList, grows: true,
		changed: []string{"update_timestamp", "end_timestamp", "timestamp"}, identity: []string{"id", "update_timestamp"},
	},
	{
		name: chatsSearch, stream: chatferry.Chats, open: openSearch, grows: true,
		changed: []string{"update_timestamp", "end_timestamp", "timestamp"}, identity: []string{"id", "update_timestamp"},
	},
	{
		name: "incremental/agent_timeline", stream: chatferry.AgentTimeline, open: openExport[EpochMicro], grows: true,
		changed: []string{"start_time"}, identity: []string{"agent_id", "start_time"},
	},
	{
		name: "incremental/agent_events", stream: chatferry.AgentEvents, open: openExport[EpochSec], grows: true,
		changed: []string{"timestamp"}, identity: []string{"id"},
	},
	{
		name: "incremental/department_events", stream: chatferry.DepartmentEvents, open: openExport[EpochSec], grows: true,
		changed: []string{"timestamp"}, identity: []string{"id"},
	},
	{
		name: "incremental/conversions", stream: chatferry.Conversions, open: openExport[EpochSec], grows: true,
		changed: []string{"timestamp"}, identity: []string{"id"},
	},
}

// endpointOf finds the endpoint of that name.
func endpointOf(name string) (*route, bool) {
	i := slices.IndexFunc(endpoints, func(e route) bool { return e.name == name })
	if i < 0 {
		return nil, false
	}
	return &endpoints[i], true
}

// usualEndpoint is the first endpoint by which a Stream can be read.
func usualEndpoint(s chatferry.Stream) (*route, bool) {
	i := slices.IndexFunc(endpoints, func(e route) bool { return e.stream == s })
	if i < 0 {
		return nil, false
	}
	return &endpoints[i], true
}

// EndpointOf names the first endpoint by which a Stream can be read; "" if the API does not give it.
func EndpointOf(s chatferry.Stream) string {
	e, ok := usualEndpoint(s)
	if !ok {
		return ""
	}
	return e.name
}

// Streams returns the Streams that the API gives, in the order in which they are carried over.
func Streams() []chatferry.Stream {
	return slices.DeleteFunc(chatferry.Streams(), func(s chatferry.Stream) bool {
		_, ok := usualEndpoint(s)
		return !ok
	})
}

// Grows reports whether a Stream is read in windows and swept, rather than whole.
func Grows(s chatferry.Stream) bool {
	e, ok := usualEndpoint(s)
	return ok && e.grows
}

// Whole reports whether a Stream is read whole each time: what the newest reading does not hold is no more.
func Whole(s chatferry.Stream) bool {
	e, ok := usualEndpoint(s)
	return ok && !e.grows
}
