package rehearsal

import (
	"fmt"
	"strings"
)

// Support is the Support account that the chat account is linked or joined with, as records of its API.
type Support struct {
	Users, Groups, Apps []string
	Owner               string // e-mail address, which no record tells
}

// Support makes the Support account. Its users are the agents, under their addresses in Chat, and a few people who never
// had to do with chats.
func (a *Account) Support() *Support {
	r := a.rng(domSupport, 0)
	id := int64(360_000_000_000 + r.intn(900_000_000))
	s := &Support{Owner: a.agents[theOwner].email}
	user := func(name, email, role string, suspended bool) {
		id += int64(r.between(11, 90_000_000))
		s.Users = append(s.Users, fmt.Sprintf(`{"id":%d,"name":%s,"email":%s,"role":%q,"suspended":%t,"active":true,"restricted_agent":false}`,
			id, quoted(name), quoted(email), role, suspended))
	}
	for i := range a.agents {
		ag := &a.agents[i]
		email, role := ag.email, "agent"
		if ag.role <= 1 {
			role = "admin"
		}
		switch {
		case (i == noUser || i == noUserEither) && a.has(MissingUsers):
			continue
		case i == endUser && a.has(MissingUsers):
			role = "end-user"
		case i == theOwner && a.has(OwnerSpelt):
			email = strings.ToUpper(email[:1]) + email[1:]
			s.Owner = email
		}
		user(strings.TrimSpace(ag.first+" "+ag.last), email, role, i == suspendedUser && a.has(MissingUsers))
	}
	const other = "astrid.nyberg@fernweh.example.com"
	user("Astrid Nyberg", other, "admin", false)
	user("Help desk", "desk@fernweh.example.com", "agent", false)
	switch {
	case a.has(OwnerElsewhere):
		s.Owner = other
	case a.has(OwnerAgent):
		s.Owner = a.agents[plainAgent].email
	}
	names := []string{"Tier 1", "Tier 2", "Returns"}
	if a.has(SameGroup) {
		names = append(names, strings.ToUpper(a.departments[1].name))
	}
	for k, name := range names {
		s.Groups = append(s.Groups, fmt.Sprintf(`{"id":%d,"name":%s,"deleted":false}`, 7_100_000_000_000+int64(k), quoted(name)))
	}
	if a.o.Upgraded {
		for _, d := range a.departments {
			s.Groups = append(s.Groups, fmt.Sprintf(`{"id":%d,"name":%s,"deleted":false}`, d.id, quoted(d.name)))
		}
	}
	for k, app := range []struct{ name, product string }{
		{"Order lookup", "support"}, {"Weather at the summit", "chat"}, {"Five stars", "support"},
	} {
		s.Apps = append(s.Apps, fmt.Sprintf(`{"id":%d,"app_id":%d,"product":%q,"enabled":%t,"settings":{"name":%q,"title":%q}}`,
			5100+k, 900+k, app.product, k != 2, app.name, app.name))
	}
	return s
}
