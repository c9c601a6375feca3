package chatapi

import (
	"net/url"
	"strings"
)

// zone is the part of the server that a path leads to.
type zone int

const (
	zoneNowhere zone = iota
	zoneAPI
	zoneToken
	zoneFiles
)

const (
	zopimRoot     = "/api/v2"
	subdomainRoot = "/api/v2/chat"
	tokenPath     = "/oauth2/token"
	filesRoot     = "/attachments"
)

// handler makes the body of an answer.
type handler func(*call) *failure

// endpoint is a path below the root, in which {} stands for one argument.
type endpoint struct {
	pattern string
	serve   handler
}

// endpoints are the addresses that can be read. Of two that match, the first counts.
var endpoints = []endpoint{
	{"/incremental/chats", exportChats},
	{"/incremental/agent_timeline", exportTimeline},
	{"/incremental/agent_events", exportAgentEvents},
	{"/incremental/conversions", exportConversions},
	{"/incremental/department_events", exportDepartmentEvents},
	{"/chats", chats},
	{"/chats/search", search},
	{"/chats/{}", oneChat},
	{"/visitors/{}", oneVisitor},
	{"/agents", listAgents},
	{"/agents/me", myself},
	{"/agents/email/{}", agentByEmail},
	{"/agents/{}", byID(streamAgents)},
	{"/departments", all(streamDepartments)},
	{"/departments/name/{}", byName(streamDepartments)},
	{"/departments/{}", byID(streamDepartments)},
	{"/bans", listBans},
	{"/bans/ip", bannedAddresses},
	{"/bans/{}", byID(streamBans)},
	{"/roles", all(streamRoles)},
	{"/roles/{}", byID(streamRoles)},
	{"/skills", all(streamSkills)},
	{"/skills/{}", byID(streamSkills)},
	{"/shortcuts", all(streamShortcuts)},
	{"/shortcuts/{}", byName(streamShortcuts)},
	{"/triggers", all(streamTriggers)},
	{"/goals", all(streamGoals)},
	{"/goals/{}", byID(streamGoals)},
	{"/account", account},
	{"/routing_settings/account", accountRouting},
	{"/routing_settings/agents", agentsRouting},
	{"/routing_settings/agents/me", myRouting},
	{"/routing_settings/agents/{}", agentRouting},
	{"/oauth/clients", all(streamOAuthClients)},
	{"/oauth/tokens", oauthTokens},
}

// Endpoints returns the patterns of all endpoints below the root, as [Stats] name them.
func Endpoints() []string {
	var names []string
	for _, e := range endpoints {
		names = append(names, e.pattern)
	}
	return names
}

// route finds the handler of the call's path, and sets what the path says: zone, root, endpoint, arguments.
func (c *call) route() handler {
	path := strings.TrimSuffix(c.r.URL.EscapedPath(), "/")
	q := &c.s.o.Quirks
	if path == tokenPath {
		c.zone, c.endpoint = zoneToken, tokenPath
		return giveToken
	}
	if name, ok := strings.CutPrefix(path, filesRoot+"/"); ok {
		c.zone, c.endpoint, c.args = zoneFiles, filesRoot+"/{}", []string{name}
		return attachment
	}
	c.endpoint = "other"
	if rest, ok := strings.CutPrefix(path, zopimRoot+"/"); ok && c.s.o.Support {
		for i := range supportEndpoints {
			if _, ok := match(supportEndpoints[i].pattern, "/"+rest); ok {
				c.zone, c.root, c.endpoint = zoneAPI, zopimRoot, supportEndpoints[i].pattern
				return supportEndpoints[i].serve
			}
		}
	}
	if rest, ok := strings.CutPrefix(path, subdomainRoot+"/"); ok && !q.NoSubdomain {
		c.zone, c.root, path = zoneAPI, subdomainRoot, "/"+rest
	} else if rest, ok := strings.CutPrefix(path, zopimRoot+"/"); ok && !q.NoZopim && !strings.HasPrefix(rest, "chat/") {
		c.zone, c.root, path = zoneAPI, zopimRoot, "/"+rest
	} else {
		return nil
	}
	for i := range endpoints {
		if args, ok := match(endpoints[i].pattern, path); ok {
			c.endpoint, c.args = endpoints[i].pattern, args
			return endpoints[i].serve
		}
	}
	return nil
}

// match compares a path with a pattern and returns its arguments.
func match(pattern, path string) (args []string, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	for i := range want {
		part, err := url.PathUnescape(got[i])
		switch {
		case err != nil:
			return nil, false
		case want[i] == "{}" && part != "":
			args = append(args, part)
		case want[i] != part:
			return nil, false
		}
	}
	return args, true
}
