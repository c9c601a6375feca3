package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"chatferry"
)

var accessQuestions = []question{
	{
		"token.valid", "The token is accepted",
		"The account can be read until the upgrade, which voids every token.", tokenValid,
	},
	{
		"token.person", "The token is an administrator's",
		"What the token's agent may not see, no export holds.", tokenPerson,
	},
	{
		"token.permissions", "The role of the token's agent sees the whole account",
		"Nothing is left out of the exports without a word.", tokenPermissions,
	},
	{
		"token.streams", "Every stream is given",
		"Every stream of the account can be carried over.", tokenStreams,
	},
	{
		"clock.skew", "The clocks agree",
		"The API refuses to be asked for its last five minutes; chatferry goes by the server's clock, others by this machine's.", clockSkew,
	},
}

func tokenValid(l *look) {
	root, ok := take(l, &l.f.Root)
	if ok {
		l.see("the API answers at %s, and lets the token read", root)
		return
	}
	if g := l.f.Root.Gap; g != nil && g.err != nil {
		l.environment = true
		do := strings.ReplaceAll(chatferry.HintOf(g.err), "run `chatferry resume ROOT`", "run it again")
		if do == "" {
			do = "give a token that is valid, with the scope read"
		}
		if chatferry.KindOf(g.err) == chatferry.KindTemporary {
			l.unsure("The account could not be reached, which says nothing about the token.", do)
			return
		}
		l.fail("Nothing can be read of this account. After an upgrade this is as it must be: every old token is void.", do)
	}
}

func tokenPerson(l *look) {
	me, ok := take(l, &l.f.Me)
	if !ok {
		return
	}
	switch {
	case me.Roles == nil:
		l.unsure("Whether the agent is an administrator is not said by the record.", "look into the dashboard: Settings > Agents")
	case me.owner():
		l.see("it is the owner's")
	case me.administrator():
		l.see("it is an administrator's")
	default:
		l.environment = true
		l.name(me.who(), "whose token it is")
		l.see("it is that of an agent who is neither owner nor administrator")
		l.fail("An agent's exports may hold less than the account does, and do not say so.", "make a token as the owner or an administrator")
	}
	if !me.Enabled {
		l.see("the agent is disabled")
		l.warn("A disabled agent's token may be refused at any time.", "make a token as an administrator who is enabled")
	}
}

// needed are the permissions without which exports hold less, with what they hide.
var needed = []struct{ name, hides string }{
	{"view_past_chats", "chats"},
	{"access_analytics", "what agents and departments did, and conversions"},
}

func tokenPermissions(l *look) {
	me, ok := take(l, &l.f.Me)
	if !ok {
		return
	}
	if me.owner() {
		l.see("it is the owner's, whom no role restricts")
		return
	}
	roles, ok := take(l, &l.f.Roles)
	if !ok {
		return
	}
	at := slices.IndexFunc(roles, func(r Role) bool { return r.ID == me.RoleID && me.RoleID != 0 })
	if at < 0 {
		l.see("the agent's record names none of the %s", counted(int64(len(roles)), "role"))
		l.unsure("What the agent may see is not known.", "look into the dashboard: Settings > Roles, for View past chats and Access analytics")
		return
	}
	for _, p := range needed {
		value, there := roles[at].Permissions[p.name]
		switch {
		case !there:
			l.see("the role does not say %s", p.name)
			l.unsure("What the agent may see is not known.", "look into the dashboard: Settings > Roles")
		case value == "account":
			l.see("%s is account", p.name)
		default:
			l.environment = true
			l.see("%s is %s", p.name, string(value))
			l.fail(fmt.Sprintf("The export of %s holds only what this agent may see, and looks complete.", p.hides),
				"make a token as the owner, or as an agent whose role has view_past_chats and access_analytics for the whole account")
		}
	}
}

func tokenStreams(l *look) {
	var given []string
	refused := map[Why][]string{}
	accepted := 0
	judge := func(s chatferry.Stream, g *Gap) {
		switch {
		case g == nil:
			given = append(given, string(s))
		case g.Why == Missing || g.Why == Forbidden:
			refused[g.Why] = append(refused[g.Why], string(s))
			if slices.Contains(l.f.Accepted, s) {
				accepted++
			}
		}
	}
	for _, s := range setup {
		f := l.f.Setup[s]
		take(l, &f)
		judge(s, f.Gap)
	}
	for _, s := range growing() {
		f := l.f.Exports[s]
		take(l, &f)
		judge(s, f.Gap)
	}
	if l.f.Sample.Known && l.f.Sample.Gap == nil && l.f.Exports[chatferry.Chats].Gap != nil {
		l.see("chats are given by %s instead of their export, which takes 25 times as many requests", l.f.Sample.Value.Endpoint)
	}
	if len(given) > 0 {
		l.see("given: %s", strings.Join(given, ", "))
	}
	missing, forbidden := refused[Missing], refused[Forbidden]
	if len(missing) > 0 {
		l.see("not there (404): %s", strings.Join(missing, ", "))
	}
	if len(forbidden) > 0 {
		l.see("forbidden (403): %s", strings.Join(forbidden, ", "))
	}
	k, _ := l.f.kind()
	switch {
	case len(missing)+len(forbidden) == 0:
	case accepted == len(missing)+len(forbidden):
		l.warn("What is not given is not carried over; --allow-missing accepts that.", "see that nobody needs it")
	case k == Phase3 && len(forbidden) == 1 && forbidden[0] == string(chatferry.Account):
		l.warn("The record of a Phase 3 account is managed from Support, and not given here.", "accept it: --allow-missing account")
	case len(forbidden) > 0:
		l.fail("What is forbidden is missing from the dataset, and after the upgrade it is too late to read it here.",
			"use a token of the owner; if the account is managed from Support and gives no more: --allow-missing "+strings.Join(forbidden, ","))
	}
	if len(missing) > 0 {
		l.warn("What is not there cannot be carried over; not every account has everything. A run ends with 4 unless it is told to allow it.",
			"see in the dashboard whether the account has any; if not: --allow-missing "+strings.Join(missing, ","))
	}
}

// The skew of clocks that is worth a word, and the one at which S3 refuses requests.
const (
	skewWarn = time.Minute
	skewS3   = 15 * time.Minute
)

func clockSkew(l *look) {
	skew, ok := take(l, &l.f.Clock)
	if !ok {
		return
	}
	off, side := skew.Abs(), "ahead of"
	if skew < 0 {
		side = "behind"
	}
	if off <= 2*time.Second {
		l.see("this machine's clock and the server's are less than 3 s apart")
		return
	}
	l.see("this machine's clock is %s %s the server's", off, side)
	const do = "set this machine's clock, for example by NTP"
	switch {
	case off >= skewS3 && strings.HasPrefix(l.f.To, "s3:"):
		l.environment = true
		l.fail("S3 refuses requests of a clock that is 15 minutes off.", do)
	case off >= skewWarn:
		l.warn("chatferry goes by the server's clock, and loses nothing by this; other exporters on this machine may be refused, or miss the last minutes.", do)
	}
}
