package identity

import (
	"cmp"
	"slices"
	"strings"

	"chatferry"
	"chatferry/transform"
)

// Status says what was found out about an agent or a department.
type Status string

// The Statuses.
const (
	Matched   Status = "matched"
	Ambiguous Status = "ambiguous"
	Missing   Status = "missing"
	NoEmail   Status = "no_email"
	NoName    Status = "no_name"
	New       Status = "new"
)

// What two are matched by.
const (
	byFile  = "file"
	byGroup = "support_group_id"
	byEmail = "email"
	byName  = "name"
)

// Member is an agent or a department as one side knows it.
type Member struct {
	ID    int64
	Key   string // case-folded e-mail, or name; "": it has none
	Name  string // agents
	Group int64  // departments: the group of Support that it belongs to; 0: none is named
	Role  string // agents of the legacy account
	Owner bool   // agents of the upgraded account: owns it
}

// Entry is a row of a map. An id of 0 is none.
type Entry struct {
	Legacy, Upgraded         int64
	Key                      string // of the legacy side; of the upgraded one where there is no other
	UpgradedKey              string
	Status                   Status
	By                       string
	LegacyName, UpgradedName string
	Group                    int64
	LegacyRole               string
	Role, RoleNote           string
	owner                    bool // the upgraded one owns the account
}

// Map is the agents or the departments of both sides.
type Map struct {
	Of      chatferry.Stream // Agents or Departments
	Entries []Entry          // those with a legacy id first, in its order; then the others in that of theirs

	becomes map[int64]int64
	own     map[int64]bool // ids of the upgraded side
}

// NewMap makes a map of its rows.
func NewMap(of chatferry.Stream, entries []Entry) *Map {
	m := &Map{Of: of, Entries: entries, becomes: map[int64]int64{}, own: map[int64]bool{}}
	for i := range entries {
		e := &entries[i]
		if e.Upgraded != 0 {
			m.own[e.Upgraded] = true
		}
		if e.Status == Matched && e.Legacy != 0 {
			m.becomes[e.Legacy] = e.Upgraded
		}
	}
	return m
}

// Upgraded returns what an id of either side is called since the upgrade. An id that is of one on the legacy side and of
// another one on the upgraded side is neither.
func (m *Map) Upgraded(id int64) (int64, bool) {
	to, known := m.becomes[id]
	switch own := m.own[id]; {
	case known && own && to != id:
		return 0, false
	case known:
		return to, true
	default:
		return id, own
	}
}

// Counts says how many rows there are of each Status.
func (m *Map) Counts() map[Status]int64 {
	n := map[Status]int64{}
	for i := range m.Entries {
		n[m.Entries[i].Status]++
	}
	return n
}

// sides are what a map is made of.
type sides struct {
	legacy, upgraded []Member
	given            map[int64]int64 // legacy id to upgraded id, as a person says
}

// match finds out who is who.
func match(of chatferry.Stream, s sides) *Map {
	upgraded := map[int64]*Member{}
	for i := range s.upgraded {
		upgraded[s.upgraded[i].ID] = &s.upgraded[i]
	}
	legacy := map[int64]*Member{}
	for i := range s.legacy {
		if m := &s.legacy[i]; upgraded[m.ID] == nil || s.given[m.ID] != 0 {
			legacy[m.ID] = m
		}
	}
	for id := range s.given { // of one who left the account before it was read, nothing else is known
		if legacy[id] == nil {
			legacy[id] = &Member{ID: id}
		}
	}
	pairs, taken := map[int64]Entry{}, map[int64]bool{}
	pair := func(a *Member, to int64, by string) {
		e := Entry{Legacy: a.ID, Upgraded: to, Key: a.Key, LegacyName: a.Name, Group: a.Group, LegacyRole: a.Role, Status: Matched, By: by}
		if b := upgraded[to]; b != nil {
			e.UpgradedKey, e.UpgradedName, e.owner = b.Key, b.Name, b.Owner
		}
		pairs[a.ID], taken[to] = e, true
	}
	for id, a := range legacy {
		if to := s.given[id]; to != 0 {
			pair(a, to, byFile)
		} else if a.Group != 0 && upgraded[a.Group] != nil {
			pair(a, a.Group, byGroup)
		}
	}
	by, none := byEmail, NoEmail
	if of == chatferry.Departments {
		by, none = byName, NoName
	}
	before, after := map[string]int{}, map[string][]int64{}
	for id, a := range legacy {
		if _, done := pairs[id]; !done && a.Key != "" {
			before[a.Key]++
		}
	}
	for id, b := range upgraded {
		if !taken[id] && b.Key != "" {
			after[b.Key] = append(after[b.Key], id)
		}
	}
	var entries []Entry
	for id, a := range legacy {
		e, done := pairs[id]
		switch there := after[a.Key]; {
		case done:
		case a.Key != "" && before[a.Key] == 1 && len(there) == 1:
			pair(a, there[0], by)
			e = pairs[id]
		default:
			e = Entry{Legacy: id, Key: a.Key, LegacyName: a.Name, Group: a.Group, LegacyRole: a.Role, Status: Missing}
			if a.Key == "" {
				e.Status = none
			} else if len(there) > 0 {
				e.Status = Ambiguous
			}
		}
		entries = append(entries, e)
	}
	for id, b := range upgraded {
		if taken[id] {
			continue
		}
		e := Entry{Upgraded: id, Key: b.Key, UpgradedKey: b.Key, UpgradedName: b.Name, Status: New, owner: b.Owner}
		if b.Key != "" && before[b.Key] > 0 {
			e.Status = Ambiguous
		}
		entries = append(entries, e)
	}
	if of == chatferry.Agents {
		for i := range entries {
			entries[i].convertRole()
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(boolInt(a.Legacy == 0), boolInt(b.Legacy == 0)), cmp.Compare(a.Legacy, b.Legacy), cmp.Compare(a.Upgraded, b.Upgraded))
	})
	return NewMap(of, entries)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// convertRole says what becomes of the role. Of one who has none on the legacy side, only that he owns the account is known.
func (e *Entry) convertRole() {
	switch {
	case e.LegacyRole != "":
		e.Role, e.RoleNote = transform.UpgradedRole(e.LegacyRole, e.owner)
	case e.owner:
		e.Role = transform.RoleOwner
	}
}

// fold is an e-mail as it is compared.
func fold(email string) string { return strings.ToLower(strings.TrimSpace(email)) }
