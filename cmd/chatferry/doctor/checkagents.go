package doctor

import (
	"fmt"
	"strings"

	"chatferry/cmd/chatferry/progress"
)

var agentQuestions = []question{
	{"agents.email-missing", "Every agent has an e-mail address", "Each agent can be joined with a user of Support.", emailMissing},
	{"agents.email-shared", "No two agents share an e-mail address", "Each agent becomes a user of the unified account.", emailShared},
	{"agents.support-users", "Every agent is an agent of Support", "Each agent signs in with one e-mail address for both products.", supportUsers},
	{"agents.disabled", "No chat is of a disabled agent", "Whoever served chats can be looked up after the upgrade.", disabledAgents},
	{"agents.limit", "The agents fit into one workspace", "Routing works with as many agents.", agentLimit},
}

func emailMissing(l *look) {
	agents, ok := take(l, &l.f.Agents)
	if !ok {
		return
	}
	for i := range agents {
		a := &agents[i]
		switch {
		case a.Email == "":
			l.name(a.who(), "without an e-mail address")
		case strings.Count(string(a.Email), "@") != 1 || strings.ContainsAny(string(a.Email), " \t,;"):
			l.name(a.who(), "not an e-mail address")
		}
	}
	sorted(l.Named)
	l.see("%s of %s", progress.Count(int64(len(l.Named))), counted(int64(len(agents)), "agent"))
	if len(l.Named) > 0 {
		l.fail("An agent without a usable e-mail address is no user of the unified account, and the chats cannot be joined with anybody.",
			"give each an address of their own, the one of their user in Support")
	}
}

func emailShared(l *look) {
	agents, ok := take(l, &l.f.Agents)
	if !ok {
		return
	}
	by := map[string][]*Agent{}
	for i := range agents {
		if a := &agents[i]; a.Email != "" {
			by[folded(a.Email)] = append(by[folded(a.Email)], a)
		}
	}
	shared := 0
	for _, key := range sortedKeys(by) {
		if len(by[key]) < 2 {
			continue
		}
		shared++
		for _, a := range by[key] {
			l.name(a.who(), fmt.Sprintf("agent %d", a.ID))
		}
	}
	l.see("%s %s that of several agents, whatever the case of its letters", addresses(shared), are(shared))
	if shared > 0 {
		l.fail("Zendesk merges agents of one address into one user; whose chats were whose cannot be told afterwards.",
			"give each an address of their own, or remove the agent who is not needed, before the upgrade")
	}
}

func supportUsers(l *look) {
	agents, ok := take(l, &l.f.Agents)
	users, given := take(l, &l.f.Users)
	if !ok || !given {
		return
	}
	by := map[string]*User{}
	for i := range users {
		if users[i].Email != "" {
			by[folded(users[i].Email)] = &users[i]
		}
	}
	found, absent, unfit, spelt := 0, 0, 0, 0
	for i := range agents {
		a := &agents[i]
		u := by[folded(a.Email)]
		switch {
		case a.Email == "":
		case u == nil && bool(a.Enabled):
			absent++
			l.name(a.who(), "no agent of Support")
		case u == nil:
			l.name(a.who(), "no agent of Support; disabled in Chat")
		case u.endUser() || bool(u.Suspended):
			unfit++
			l.name(a.who(), map[bool]string{true: "an end user in Support", false: "suspended in Support"}[u.endUser()])
		case u.Email != a.Email:
			spelt++
			l.name(a.who(), "spelt "+string(u.Email)+" in Support")
		default:
			found++
		}
	}
	sorted(l.Named)
	l.see("%s of %s found among %s, %d enabled ones not", progress.Count(int64(found)), counted(int64(len(agents)), "agent"),
		counted(int64(len(users)), "user"), absent)
	switch {
	case unfit > 0:
		l.fail("An agent who is an end user, or suspended, in Support cannot serve chats there.", "make them agents in Support")
	case absent > 0:
		l.warn("Zendesk makes or merges users for agents that it does not find, once there is a date for the upgrade.",
			"review the addresses: give each the one of their user in Support, or make the user; each takes a seat")
	case len(l.Named) > spelt:
		l.warn("Disabled agents without a user in Support keep their chats under their name only.", "keep a list of them: chatferry run --streams agents")
	case spelt > 0:
		l.warn("The addresses count as one, but joins that compare letter by letter miss them.", "spell them alike, or join by lower case")
	}
}

func disabledAgents(l *look) {
	agents, ok := take(l, &l.f.Agents)
	sample, given := take(l, &l.f.Sample)
	if !ok || !given {
		return
	}
	known := map[number]bool{}
	disabled := 0
	for i := range agents {
		a := &agents[i]
		known[a.ID] = true
		if a.Enabled {
			continue
		}
		disabled++
		if n := sample.Agents[a.ID]; n > 0 {
			l.name(a.who(), "disabled, named by "+counted(int64(n), "chat"))
		}
	}
	gone := 0
	for id := range sample.Agents {
		if !known[id] {
			gone++
		}
	}
	sorted(l.Named)
	l.see("%s, %d of them named in a sample of %s", counted(int64(disabled), "disabled agent"), len(l.Named), counted(int64(sample.Chats), "chat"))
	if gone > 0 {
		l.see("%s in it %s no agent of the account any more", counted(int64(gone), "agent"), are(gone))
	}
	if len(l.Named)+gone > 0 {
		l.warn("Chats of people who left name an agent that the unified account may not have.",
			"carry the stream agents over before the upgrade: it holds their names and addresses")
	}
}

// How many agents one workspace should, and can, have.
const (
	agentsAdvised = 1300
	agentsMost    = 2000
)

func agentLimit(l *look) {
	agents, ok := take(l, &l.f.Agents)
	if !ok {
		return
	}
	n := 0
	for i := range agents {
		if agents[i].Enabled {
			n++
		}
	}
	l.see("%s", counted(int64(n), "enabled agent"))
	switch {
	case n > agentsMost:
		l.fail("A workspace takes 2,000 agents who serve.", "ask Zendesk before a date is set")
	case n > agentsAdvised:
		l.warn("Up to 1,300 agents who serve are advised.", "ask Zendesk what to expect of routing")
	}
}
