package doctor

import (
	"net/url"
	"slices"
	"strings"
)

// Kind is what the account is: which products it joins, and since when.
type Kind string

// The Kinds, by the names that the rehearsal server knows as well.
const (
	ChatOnly    Kind = "legacy_chat_only"
	Linked      Kind = "legacy_linked"
	Phase3      Kind = "phase3"
	Phase4      Kind = "phase4"
	kindUnknown Kind = "unknown"
)

// words say what a Kind is.
func (k Kind) words() string {
	switch k {
	case ChatOnly:
		return "a legacy account for chat alone, made on zopim.com"
	case Linked:
		return "a legacy account that is linked with Support"
	case Phase3:
		return "Phase 3: chat was added from Support"
	case Phase4:
		return "Phase 4: it is upgraded already"
	}
	return "not known"
}

// sign is something seen that tells Kinds from others.
type sign struct {
	what string
	says []Kind
}

// Ids of upgraded agents are those of Support users, of twelve digits; legacy ones have about seven.
const (
	mostLegacyID    = 999_999_999
	leastUpgradedID = 10_000_000_000
)

// signs gathers what tells of the Kind, and reports whether every place was looked at that may tell.
func (f *Facts) signs() (list []sign) {
	add := func(what string, says ...Kind) { list = append(list, sign{what, says}) }
	if u, err := url.Parse(f.Root.Value); f.Root.Known && err == nil {
		switch host := u.Hostname(); {
		case strings.HasSuffix(host, ".zendesk.com"):
			add("it answers at a Zendesk subdomain", Linked, Phase3, Phase4)
		case strings.HasSuffix(host, "zopim.com"):
			add("it answers at zopim.com, and not at a subdomain, if one was named", ChatOnly, Linked, Phase3)
		}
	}
	legacy, upgraded := 0, 0
	for i := range f.Agents.Value {
		switch id := f.Agents.Value[i].ID; {
		case id > 0 && id <= mostLegacyID:
			legacy++
		case id >= leastUpgradedID:
			upgraded++
		}
	}
	switch {
	case legacy > 0 && upgraded == 0:
		add("the agents have Chat's own ids", ChatOnly, Linked, Phase3)
	case upgraded > 0 && legacy == 0:
		add("the agents have the ids of Support users", Phase4)
	case upgraded > 0:
		add("some agents have Chat's own ids, and some those of Support users")
	}
	if list0 := f.Departments.Value; len(list0) > 0 {
		groups := 0
		for i := range list0 {
			if list0[i].Settings.Group != 0 {
				groups++
			}
		}
		if groups > 0 {
			add("departments name their Support groups", Phase4)
		} else if f.Departments.Gap == nil {
			add("no department names a Support group", ChatOnly, Linked, Phase3)
		}
	}
	switch {
	case f.Account.Known && len(f.Account.Value.Billing) > 0:
		add("the account has billing details of its own", ChatOnly, Linked)
	case f.Account.Known:
		add("the account has no billing details of its own", Phase3, Phase4)
	case f.Account.Gap != nil && f.Account.Gap.Why == Forbidden && (f.Me.Value.owner() || f.Me.Value.administrator()):
		add("the account's record is forbidden to its administrators", Phase3)
	}
	if f.Sample.Known && f.Sample.Value.Tickets > 0 {
		add("chats name tickets in Support", Linked, Phase3, Phase4)
	}
	return list
}

// kind is what all signs agree upon, if they decide it.
func (f *Facts) kind() (Kind, bool) {
	left := []Kind{ChatOnly, Linked, Phase3, Phase4}
	signs := f.signs()
	for _, s := range signs {
		left = slices.DeleteFunc(left, func(k Kind) bool { return !slices.Contains(s.says, k) })
	}
	switch {
	case len(signs) == 0 || len(left) == 0:
		return "", false
	case len(left) == 1:
		return left[0], true
	case slices.Equal(left, []Kind{ChatOnly, Linked}) && f.Sample.Gap == nil && f.Sample.Value.Chats > 0:
		return ChatOnly, true // none of the chats left a ticket
	}
	return "", false
}

var kindQuestions = []question{
	{
		"account.kind", "Which kind of account it is",
		"The upgrade is made for such accounts. Agents and departments get other ids by it; join by e-mail address and name.", accountKind,
	},
	{
		"account.single", "All chats are of one account",
		"The chats can be told from those of any other account by the number in their ids.", accountSingle,
	},
}

func accountKind(l *look) {
	take(l, &l.f.Agents)
	take(l, &l.f.Departments)
	take(l, &l.f.Sample)
	if l.f.Account.Gap == nil || l.f.Account.Gap.Why != Forbidden {
		take(l, &l.f.Account)
	} else {
		take(l, &l.f.Me)
	}
	signs := l.f.signs()
	for _, s := range signs {
		l.see("%s", s.what)
	}
	if s := &l.f.Sample; s.Known && s.Gap == nil && s.Value.Chats > 0 && s.Value.Tickets == 0 {
		l.see("none of %s names a ticket", counted(int64(s.Value.Chats), "chat"))
	}
	k, ok := l.f.kind()
	if !ok {
		l.unsure("What the upgrade does depends on the kind of account.",
			"look where people sign in: dashboard.zopim.com is legacy; SUBDOMAIN.zendesk.com is Phase 3 or 4, where profiles are edited in Support (3) or in the Admin Center (4)")
		if len(signs) > 0 && len(l.NotSeen) == 0 {
			l.see("these signs do not agree, or do not decide")
		}
		return
	}
	l.see("so it is %s", k.words())
	switch k {
	case ChatOnly:
		l.warn("A stand-alone account is joined with a Support account by the upgrade: every agent becomes a user there.",
			"see which Support account it is to be joined with, and who owns that")
	case Phase3:
		if !l.f.Account.Known {
			l.warn("That is told by a refusal: the account's record is not given to administrators of a Phase 3 account.",
				"see that profiles are edited in Support, not in the Admin Center: then it is Phase 3")
		}
	case Phase4:
		l.warn("There is nothing left to upgrade. What is read now has the ids of the upgraded account.",
			"compare with what was carried over before; join by e-mail address and name, since ids differ")
	}
}

func accountSingle(l *look) {
	s, ok := take(l, &l.f.Sample)
	if !ok {
		return
	}
	for _, n := range sortedKeys(s.Accounts) {
		l.see("account %s in the ids of %s", n, counted(int64(s.Accounts[n]), "chat"))
	}
	switch {
	case len(s.Accounts) > 1:
		l.warn("The account was merged with another one, or made anew. Ids of agents and departments may differ between its parts.",
			"count the chats of each part, and expect both in the upgraded account")
	case len(s.Accounts) == 0:
		l.see("no chat was seen that tells the account's number")
	}
}
