package identity

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/extract/api"
	"chatferry/load"
	"chatferry/transform"
)

// Of are the Streams that have a map.
func Of() []chatferry.Stream { return []chatferry.Stream{chatferry.Agents, chatferry.Departments} }

// Known is what a dataset holds about who is who.
type Known struct {
	of     map[chatferry.Stream]*sides
	before map[chatferry.Stream][]Entry // what its maps say
	// Maps reports whether it has maps. Both reports whether it holds both sides, so that it can have them.
	Maps, Both bool
}

// Upgraded is the upgraded side as a person names it.
type Upgraded struct {
	members map[chatferry.Stream][]Member // of a Stream that is not there the dataset is asked
	given   map[chatferry.Stream]map[int64]int64
}

// Read reads what a dataset holds. The Streams agents, departments and roles are settled: there is one row for each key.
func Read(ctx context.Context, d *checkpoint.Dataset, files load.Opener) (*Known, error) {
	r := &reader{ctx: ctx, files: files, k: &Known{of: map[chatferry.Stream]*sides{}, before: map[chatferry.Stream][]Entry{}}, upgraded: upgradedParts(d), roles: map[int64]string{}}
	for _, of := range Of() {
		r.k.of[of] = &sides{}
	}
	inventory := d.Inventory()
	for _, table := range []struct {
		name chatferry.Table
		read func(string) error
	}{
		{chatferry.Roles.Parent(), r.readRoles},
		{chatferry.Agents.Parent(), r.readAgents},
		{chatferry.Departments.Parent(), r.readDepartments},
		{AgentMap, func(name string) error { return r.readBefore(name, chatferry.Agents) }},
		{DepartmentMap, func(name string) error { return r.readBefore(name, chatferry.Departments) }},
	} {
		for i := range inventory {
			if f := &inventory[i]; f.Kind == chatferry.FileRows && f.Table == table.name {
				if err := table.read(f.Name); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, s := range r.k.of {
		r.k.Both = r.k.Both || len(s.legacy) > 0 && len(s.upgraded) > 0
	}
	return r.k, nil
}

// Match makes the maps of what is known and of what a person names, which may be nil. What a person names takes the place of
// what an earlier one has named.
func (k *Known) Match(u *Upgraded) map[chatferry.Stream]*Map {
	out := map[chatferry.Stream]*Map{}
	for of, s := range k.of {
		now := sides{legacy: slices.Clone(s.legacy), upgraded: slices.Clone(s.upgraded), given: map[int64]int64{}}
		now.takeLegacy(k.before[of])
		if u == nil || u.members[of] == nil {
			now.takeUpgraded(k.before[of])
		} else {
			now.upgraded = merged(now.upgraded, u.members[of])
			maps.Copy(now.given, u.given[of])
		}
		out[of] = match(of, now)
	}
	return out
}

// merged are the members of both, those of the second where they are in both.
func merged(a, b []Member) []Member {
	of := map[int64]Member{}
	for _, m := range slices.Concat(a, b) {
		of[m.ID] = m
	}
	return slices.Collect(maps.Values(of))
}

// takeLegacy adds agents or departments that a map held and that are in no table any more: old chats still name them.
func (s *sides) takeLegacy(before []Entry) {
	there := idsOf(s.legacy)
	for _, e := range before {
		if e.Legacy != 0 && !there[e.Legacy] {
			s.legacy = append(s.legacy, Member{ID: e.Legacy, Key: e.Key, Name: e.LegacyName, Group: e.Group, Role: e.LegacyRole})
		}
	}
}

// takeUpgraded adds the upgraded side that a map held, and what a file said.
func (s *sides) takeUpgraded(before []Entry) {
	there := idsOf(s.upgraded)
	for _, e := range before {
		if e.Upgraded != 0 && !there[e.Upgraded] {
			s.upgraded = append(s.upgraded, Member{ID: e.Upgraded, Key: e.UpgradedKey, Name: e.UpgradedName, Owner: e.Role == transform.RoleOwner})
			there[e.Upgraded] = true
		}
		if e.By == byFile {
			s.given[e.Legacy] = e.Upgraded
		}
	}
}

func idsOf(members []Member) map[int64]bool {
	ids := map[int64]bool{}
	for _, m := range members {
		ids[m.ID] = true
	}
	return ids
}

// reader reads the tables.
type reader struct {
	ctx      context.Context
	files    load.Opener
	k        *Known
	upgraded map[checkpoint.PartID]bool
	roles    map[int64]string
}

// upgradedParts are the Parts that a run read of an account that was upgraded by then.
func upgradedParts(d *checkpoint.Dataset) map[checkpoint.PartID]bool {
	kind := map[uint64]string{}
	for _, r := range d.Runs() {
		kind[r.Epoch] = r.Scope[ScopeKind]
	}
	out := map[checkpoint.PartID]bool{}
	for i := range d.Shards {
		s := &d.Shards[i]
		for k := range s.Commits {
			if p := &s.Commits[k]; kind[p.Epoch] == api.KindUpgraded && s.Shard.API != nil {
				out[checkpoint.PartID{Shard: s.Shard.ID, Seq: p.Seq}] = true
			}
		}
	}
	return out
}

// scan reads columns of a file. each is also told whether the row was read of an upgraded account.
func (r *reader) scan(name string, columns []string, each func(rec arrow.Record, row int, upgraded bool)) error {
	all := append(slices.Clone(columns), transform.ColumnSourceShard, transform.ColumnSourceSeq)
	n := len(columns)
	err := load.Scan(r.ctx, r.files, name, all, func(rec arrow.Record) error {
		for row := range int(rec.NumRows()) {
			of := checkpoint.PartID{Shard: chatferry.ShardID(intAt(rec.Column(n), row)), Seq: uint64(intAt(rec.Column(n+1), row))}
			each(rec, row, r.upgraded[of])
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

func (r *reader) readRoles(name string) error {
	return r.scan(name, []string{"id", "name"}, func(rec arrow.Record, row int, _ bool) {
		r.roles[intAt(rec.Column(0), row)] = textAt(rec.Column(1), row)
	})
}

func (r *reader) readAgents(name string) error {
	columns := []string{"id", "email", "display_name", "roles_owner", "roles_administrator", "role_id"}
	return r.scan(name, columns, func(rec arrow.Record, row int, upgraded bool) {
		m := Member{ID: intAt(rec.Column(0), row), Key: fold(textAt(rec.Column(1), row)), Name: textAt(rec.Column(2), row)}
		owner := boolAt(rec.Column(3), row)
		if upgraded {
			m.Owner = owner
		} else {
			m.Role = transform.LegacyRole(owner, boolAt(rec.Column(4), row), r.roleNamed(intAt(rec.Column(5), row)))
		}
		r.add(chatferry.Agents, m, upgraded)
	})
}

// roleNamed is the name of a role. One that the dataset does not hold is called by its number, and taken for a custom one.
func (r *reader) roleNamed(id int64) string {
	name, ok := r.roles[id]
	if !ok && id != 0 {
		return fmt.Sprintf("role %d", id)
	}
	return name
}

func (r *reader) readDepartments(name string) error {
	return r.scan(name, []string{"id", "name", "settings_support_group_id"}, func(rec arrow.Record, row int, upgraded bool) {
		r.add(chatferry.Departments, Member{ID: intAt(rec.Column(0), row), Key: textAt(rec.Column(1), row), Group: intAt(rec.Column(2), row)}, upgraded)
	})
}

func (r *reader) add(of chatferry.Stream, m Member, upgraded bool) {
	to := &r.k.of[of].legacy
	if upgraded {
		to = &r.k.of[of].upgraded
	}
	*to = append(*to, m)
}

func (r *reader) readBefore(name string, of chatferry.Stream) error {
	entries, err := readMap(r.ctx, r.files, name, of)
	r.k.before[of] = append(r.k.before[of], entries...)
	r.k.Maps = r.k.Maps || err == nil
	return err
}
