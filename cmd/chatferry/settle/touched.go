package settle

import (
	"context"
	"fmt"
	"slices"
)

// scope finds the visitors whose rows may have to change since the table was derived: those of whom the files of chats
// that went say something else than those that came.
func (v *visiting) scope(ctx context.Context) error {
	was := v.s.state.Visitors
	if was == nil || was.Rows != rowsIn(v.old) || was.Values != valuesIn(v.old) {
		return fmt.Errorf("%w: it is about another table, if there was one", errStale)
	}
	there, before := setOf(sumsOf(v.chats)), setOf(was.Chats)
	v.touched = []id{}
	var went, came []*visitsReader
	for _, sum := range was.Chats {
		if !there[sum] {
			went = append(went, &visitsReader{name: visitsKind.name(sum), count: -1})
		}
	}
	for _, f := range v.chats {
		if !before[f.SHA256] {
			came = append(came, readerOf(origin{v.k, f}))
		}
	}
	return v.s.differing(ctx, went, came, func(of id) error {
		if v.touched = append(v.touched, of); int64(len(v.touched)) > v.s.limits.visitorBytes/touchedSize {
			return fmt.Errorf("%w: too many visitors changed", errStale)
		}
		return nil
	})
}

// touchedSize is about how many bytes of memory a visitor takes who is touched.
const touchedSize = 64

// differing calls visit for every visitor of whom the files that came say something else than those that went, in the
// order of hash and id. It takes the sightings of a range of hashes at a time.
func (s *settler) differing(ctx context.Context, went, came []*visitsReader, visit func(id) error) error {
	total, err := s.beginAll(ctx, slices.Concat(went, came))
	if err != nil {
		return err
	}
	before, after := sightings{hash: s.hash}, sightings{hash: s.hash}
	return eachRange(total, s.limits.visitorBytes/visitorSize, func(r *hashRange) error {
		before.all, after.all = before.all[:0], after.all[:0]
		if err := s.readRange(ctx, went, r, func(_ int, one *sighting) { before.all = append(before.all, *one) }); err != nil {
			return err
		}
		if err := s.readRange(ctx, came, r, func(_ int, one *sighting) { after.all = append(after.all, *one) }); err != nil {
			return err
		}
		before.fold()
		after.fold()
		return differences(before, after, visit)
	})
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
			same := a.all[0].visits == b.all[0].visits // in whatever row
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

// stale makes errStale of an error about a derived file that is missing or damaged. It is made again later.
func (s *settler) stale(name string, err error) error {
	if !unusable(err) {
		return err
	}
	s.derived.have[name] = false
	return fmt.Errorf("%w: %s: %w", errStale, name, err)
}
