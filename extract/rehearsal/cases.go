package rehearsal

import (
	"slices"
	"strings"
)

// Case is something about an account that its upgrade meets. An account may have several; one that contradicts another
// yields to it.
type Case string

// The Cases.
const (
	Unlinked        Case = "unlinked"         // no chat left a ticket
	TwoOwners       Case = "two-owners"       // two agents own the account
	NoOwner         Case = "no-owner"         // none does
	OwnerDisabled   Case = "owner-disabled"   // the owner is disabled
	OwnerElsewhere  Case = "owner-elsewhere"  // Support is owned by somebody who is no agent of Chat
	OwnerAgent      Case = "owner-agent"      // Support is owned by an agent of Chat who is no administrator
	OwnerSpelt      Case = "owner-spelt"      // the owner's address is spelt otherwise in Support
	NoEmail         Case = "no-email"         // an agent has no e-mail address
	SharedEmail     Case = "shared-email"     // two agents have one address but for the case of its letters
	MissingUsers    Case = "missing-users"    // some agents are no users of Support, one an end user, one suspended
	SameGroup       Case = "same-group"       // a group in Support is called like a department
	SameDepartment  Case = "same-department"  // two departments have one name
	StandardRoles   Case = "standard-roles"   // there are no roles but the built-in ones
	NoClients       Case = "no-clients"       // there is no OAuth client
	LitePlan        Case = "lite-plan"        // the plan has neither API nor analytics, and shows 30 days
	ShortHistory    Case = "short-history"    // the plan shows 90 days
	RestrictedToken Case = "restricted-token" // the token is that of an administrator whose role sees a part
	AgentToken      Case = "agent-token"      // the token is that of an agent who is no administrator
)

// Cases lists every Case.
func Cases() []Case {
	return []Case{
		Unlinked, TwoOwners, NoOwner, OwnerDisabled, OwnerElsewhere, OwnerAgent, OwnerSpelt, NoEmail, SharedEmail, MissingUsers,
		SameGroup, SameDepartment, StandardRoles, NoClients, LitePlan, ShortHistory, RestrictedToken, AgentToken,
	}
}

func (a *Account) has(c Case) bool { return slices.Contains(a.o.Cases, c) }

// The agents that Cases are about.
const (
	theOwner      = 0
	secondOwner   = 3 // an administrator
	plainAgent    = 2
	teamLead      = 8
	withoutEmail  = 10
	sharesEmail   = 11
	sharesWith    = 13
	noUser        = 15
	noUserEither  = 17
	endUser       = 19
	suspendedUser = 20
)

// TokenAgent is the number of the agent whose token it is, in the order of [Account.Records].
func (a *Account) TokenAgent() int {
	switch {
	case a.has(AgentToken):
		return plainAgent
	case a.has(RestrictedToken):
		return teamLead
	}
	return theOwner
}

func (a *Account) isOwner(i int) bool {
	return !a.has(NoOwner) && (i == theOwner || i == secondOwner && a.has(TwoOwners))
}

func (a *Account) isAdministrator(i int) bool {
	return a.agents[i].role <= 1 || i == teamLead && a.has(RestrictedToken)
}

func (a *Account) isEnabled(i int) bool {
	return a.agents[i].left == 0 && !(i == theOwner && a.has(OwnerDisabled))
}

// emailOf is the address that agent i has in Chat.
func (a *Account) emailOf(i int) string {
	switch {
	case i == withoutEmail && a.has(NoEmail):
		return ""
	case i == sharesEmail && a.has(SharedEmail):
		return strings.ToUpper(a.agents[sharesWith].email[:1]) + a.agents[sharesWith].email[1:]
	}
	return a.agents[i].email
}

// plan is the plan's name, the days of history that it shows, and whether it has the API and analytics.
func (a *Account) plan() (name, days string, full bool) {
	switch {
	case a.has(LitePlan):
		return "lite", "30", false
	case a.has(ShortHistory):
		return "premium", "90", true
	}
	return "premium", "unlimited", true
}

// builtIn is how many roles every account has: they stand first.
const builtIn = 3

func (a *Account) roleCount() int {
	if a.has(StandardRoles) {
		return builtIn
	}
	return len(a.roles)
}

// roleOf is the number of the role of agent i.
func (a *Account) roleOf(i int) int {
	role := a.agents[i].role
	if role >= a.roleCount() {
		return builtIn - 1
	}
	return role
}

// departmentName is what department d is called in the account's configuration.
func (a *Account) departmentName(d int) string {
	if d == 3 && a.has(SameDepartment) {
		return strings.ToLower(a.departments[0].name)
	}
	return a.departments[d].name
}
