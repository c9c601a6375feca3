package settle

import (
	"context"
	"fmt"
	"math"
	"math/bits"

	"chatferry"
)

// scope finds the visitors whose rows may have to change since the table was derived: those of whom the files of chats
// that went say something else than those that came.
func (v *visiting) scope(ctx context.Context) error {
	was := v.s.state.Visitors
	if was == nil || was.Rows != rowsIn(v.old) || was.Values != valuesIn(v.old) {
		return fmt.Errorf("%w: it is about another table, if there was one", errStale)
	}
	there, before := setOf(sumsOf(v.chats)), setOf(was.Chats)
	v.touched, v.added, v.retired = []id{}, map[chatferry.SHA256]bool{}, nil
	var changes []*change
	for _, sum := range was.Chats {
		if !there[sum] {
			v.retired = append(v.retired, sum)
			changes = append(changes, &change{name: visitsKind.name(sum)})
		}
	}
	k := newKeyed(chatferry.Chats)
	var added []origin
	for _, f := range v.chats {
		if !before[f.SHA256] {
			v.added[f.SHA256] = true
			added = append(added, origin{k, f})
			changes = append(changes, &change{name: visitsKind.name(f.SHA256), added: true})
		}
	}
	if err := v.s.derive(ctx, added, true); err != nil {
		return err
	}
	return v.s.differing(ctx, changes, func(of id) error {
		if v.touched = append(v.touched, of); int64(len(v.touched)) > v.s.limits.visitorBytes/touchedSize {
			return fmt.Errorf("%w: too many visitors changed", errStale)
		}
		return nil
	})
}

// Of the memory for visitors, so many bytes are taken for each that is touched, and for each sighting that is held.
const (
	touchedSize = 64
	changeSize  = 256
)

// change is a file of visits that the last derivation used and that went since, or one that came.
type change struct {
	name  string
	added bool
	at    int64 // sightings that were read
}

// differing calls visit for every visitor of whom the files that came say something else than those that went, in the
// order of hash and id. It takes the sightings of a range of hashes at a time.
func (s *settler) differing(ctx context.Context, changes []*change, visit func(id) error) error {
	var total int64
	for _, c := range changes {
		f, err := s.visitsOf(ctx, c.name)
		if err != nil {
			return err
		}
		total += f.count
		_ = f.Close() // only read
	}
	ranges := uint64(total/max(1, s.limits.visitorBytes/changeSize) + 1)
	went, came := sightings{hash: s.hash}, sightings{hash: s.hash}
	for r := range ranges {
		limit := uint64(math.MaxUint64)
		if r+1 < ranges {
			limit, _ = bits.Div64(r+1, 0, ranges)
		}
		went.all, came.all = went.all[:0], came.all[:0]
		for _, c := range changes {
			to := &went
			if c.added {
				to = &came
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := s.readChange(ctx, c, limit, r+1 == ranges, to); err != nil {
				return err
			}
		}
		went.fold()
		came.fold()
		if err := differences(went, came, visit); err != nil {
			return err
		}
	}
	return nil
}

// readChange appends the sightings of a file below a limit, all that are left with whole set.
func (s *settler) readChange(ctx context.Context, c *change, limit uint64, whole bool, to *sightings) error {
	f, err := s.visitsOf(ctx, c.name)
	if err != nil {
		return err
	}
	defer f.Close() // only read
	for ; c.at < f.count; c.at++ {
		one, err := f.at(c.at)
		if err != nil {
			return s.stale(c.name, err)
		}
		if !whole && s.hash(one.id) >= limit {
			break
		}
		to.all = append(to.all, one)
	}
	return nil
}

// differences calls visit for the visitors who are not in both with the same visits.
func differences(a, b sightings, visit func(id) error) error {
	for len(a.all) > 0 || len(b.all) > 0 {
		var of id
		switch order := lesser(a, b); {
		case order < 0:
			of, a.all = a.all[0].id, a.all[1:]
		case order > 0:
			of, b.all = b.all[0].id, b.all[1:]
		default:
			same := a.all[0] == b.all[0]
			of, a.all, b.all = a.all[0].id, a.all[1:], b.all[1:]
			if same {
				continue
			}
		}
		if err := visit(of); err != nil {
			return err
		}
	}
	return nil
}

// lesser tells which of two begins with the lesser visitor: one that is at its end does not.
func lesser(a, b sightings) int {
	switch {
	case len(a.all) == 0:
		return 1
	case len(b.all) == 0:
		return -1
	}
	return a.compare(a.all[0].id, b.all[0].id)
}

// visitsOf opens a file of visits that a derivation has left. If there is none, that is known no more.
func (s *settler) visitsOf(ctx context.Context, name string) (*visitsFile, error) {
	f, err := s.derived.openVisits(ctx, name)
	if err != nil {
		return nil, s.stale(name, err)
	}
	return f, nil
}

// stale makes errStale of an error about a derived file that is missing or damaged. It is made again later.
func (s *settler) stale(name string, err error) error {
	if !unusable(err) {
		return err
	}
	s.derived.have[name] = false
	return fmt.Errorf("%w: %s: %w", errStale, name, err)
}

// gather takes in the touched visitors of a span: what the chats say of them from the files of visits, and the texts of
// those whose newest chat is another one than before from the chats.
func (v *visiting) gather(ctx context.Context, c *crowd) error {
	c.past = []past{}
	for _, of := range v.touched {
		if hash := v.s.hash(of); c.holds(hash) {
			c.all, c.past = append(c.all, visitor{sighting: sighting{id: of}, hash: hash}), append(c.past, past{})
			c.fit()
		}
	}
	hashes := c.hashes()
	k := newKeyed(chatferry.Chats)
	for i, f := range v.chats {
		v.s.o.Progress(Progress{Step: "visitors", Stream: chatferry.Chats, Done: int64(i), Total: int64(len(v.chats))})
		m := meetings{hashes: hashes}
		if _, err := v.s.scanned(ctx, &visitsKind, k, f, m.scan, m.clear); err != nil {
			return err
		}
		err := v.s.eachMet(ctx, visitsKind.name(f.SHA256), &m, func(one *sighting) {
			at := c.find(v.s.hash(one.id), one.id)
			if at < 0 {
				return
			}
			if !v.added[f.SHA256] {
				c.past[at].was.merge(&one.visits)
			}
			if c.all[at].merge(&one.visits); c.all[at].newest == one.newest {
				c.past[at].in = i
			}
		})
		if err != nil {
			return err
		}
	}
	for _, sum := range v.retired {
		m := meetings{hashes: hashes}
		name := visitsKind.name(sum)
		if _, err := v.s.derived.scan(ctx, &visitsKind, name, m.scan); err != nil {
			return v.s.stale(name, err)
		}
		err := v.s.eachMet(ctx, name, &m, func(one *sighting) {
			if at := c.find(v.s.hash(one.id), one.id); at >= 0 {
				c.past[at].was.merge(&one.visits)
			}
		})
		if err != nil {
			return err
		}
	}
	need := map[int]bool{}
	for at := range c.all {
		if c.all[at].chats > 0 && c.renewed(at) {
			need[c.past[at].in] = true
		}
	}
	for i, f := range v.chats {
		if !need[i] {
			continue
		}
		v.s.report.FilesSearched++
		if err := eachRecord(ctx, v.s.o.Store, f, visitorColumns, c.reread); err != nil {
			return err
		}
	}
	return nil
}

// meetings are the places in a derived file of hashes that are among some.
type meetings struct {
	hashes []uint64
	at     int
	before int64
	places []int64
}

func (m *meetings) scan(b []byte) {
	m.at = meet(m.hashes, m.at, b, func(_, j int, _ uint64) { m.places = append(m.places, m.before+int64(j)) })
	m.before += int64(len(b) / keySize)
}

func (m *meetings) clear() { *m = meetings{hashes: m.hashes, places: m.places[:0]} }

// eachMet reads the sightings at the places of a file of visits.
func (s *settler) eachMet(ctx context.Context, name string, m *meetings, visit func(*sighting)) error {
	if len(m.places) == 0 {
		return nil
	}
	f, err := s.visitsOf(ctx, name)
	if err != nil {
		return err
	}
	defer f.Close() // only read
	for _, at := range m.places {
		one, err := f.at(at)
		if err != nil {
			return s.stale(name, err)
		}
		visit(&one)
	}
	return nil
}
