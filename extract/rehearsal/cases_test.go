package rehearsal

import (
	"slices"
	"testing"

	"chatferry"
)

// A Case changes what it is about, and nothing else: every other record of the account is byte for byte the same.
func TestCases(t *testing.T) {
	const support = "the Support account"
	touches := map[Case][]string{
		Unlinked:        {"chats"},
		TwoOwners:       {"agents"},
		NoOwner:         {"agents"},
		OwnerDisabled:   {"agents"},
		OwnerElsewhere:  {support},
		OwnerAgent:      {support},
		OwnerSpelt:      {support},
		NoEmail:         {"agents"},
		SharedEmail:     {"agents"},
		MissingUsers:    {support},
		SameGroup:       {support},
		SameDepartment:  {"departments"},
		StandardRoles:   {"agents", "roles"},
		NoClients:       {"oauth_clients"},
		LitePlan:        {"account"},
		ShortHistory:    {"account"},
		RestrictedToken: {"agents"}, // the team lead is an administrator
		AgentToken:      {},
	}
	all := func(cases ...Case) (map[string][]string, int) {
		a := New(Options{Seed: 5, Chats: 60, Cases: cases})
		m := map[string][]string{}
		for _, s := range chatferry.Given() {
			for r := range a.Records(s) {
				m[string(s)] = append(m[string(s)], string(r.Raw))
			}
		}
		s := a.Support()
		m[support] = slices.Concat(s.Users, s.Groups, s.Apps, []string{s.Owner})
		return m, a.TokenAgent()
	}
	base, whose := all()
	if whose != 0 {
		t.Errorf("the token is that of agent %d, not the owner's", whose)
	}
	if len(touches) != len(Cases()) {
		t.Errorf("%d cases are tested, of %d", len(touches), len(Cases()))
	}
	for _, c := range Cases() {
		got, whose := all(c)
		for name := range base {
			if same, told := slices.Equal(base[name], got[name]), slices.Contains(touches[c], name); same == told {
				t.Errorf("%s: %s is the same: %t", c, name, same)
			}
		}
		if other := whose != 0; other != (c == AgentToken || c == RestrictedToken) {
			t.Errorf("%s: the token is that of agent %d", c, whose)
		}
	}
}

// Every agent of the chat account is a user of the Support account, whose ids are those of no agent.
func TestSupport(t *testing.T) {
	a := New(Options{Seed: 5, Chats: 10})
	s := a.Support()
	if len(s.Users) != len(a.agents)+2 || len(s.Groups) == 0 || len(s.Apps) == 0 || s.Owner != a.agents[0].email {
		t.Errorf("%d users of %d agents, %d groups, %d apps, owner %s", len(s.Users), len(a.agents), len(s.Groups), len(s.Apps), s.Owner)
	}
	if again := New(Options{Seed: 5, Chats: 10}).Support(); !slices.Equal(s.Users, again.Users) {
		t.Error("the same account has other users")
	}
}
