package hydrate

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/extract/api"
	"chatferry/load"
	"chatferry/transform"
)

// idsKept is how many ids one scan finds. A million visitors take twenty scans.
const idsKept = 50_000

// Visitors names the visitors that the chats and bans of a dataset name. It is used by one goroutine.
type Visitors struct {
	tables tables
	after  chatferry.ShardID
	kept   int

	block []string // found by the last scan, and not yet given
	at    string   // the last id before block
	last  bool     // nothing stands behind block
}

var _ api.IDs = (*Visitors)(nil)

// NewVisitors returns the ids of the visitors that rows of a dataset name, whose files store opens: rows of Shards with a
// number greater than after.
func NewVisitors(d *checkpoint.Dataset, store load.Opener, after chatferry.ShardID) *Visitors {
	return &Visitors{tables: newTables(d, store, after), after: after, kept: idsKept}
}

// Next implements api.IDs.
func (v *Visitors) Next(ctx context.Context, after string, n int) ([]string, error) {
	if after != v.at || len(v.block) == 0 && !v.last {
		if err := v.scan(ctx, after); err != nil {
			return nil, err
		}
	}
	given := slices.Clone(v.block[:min(n, len(v.block))])
	if len(given) > 0 {
		v.block = v.block[len(given):]
		v.at = given[len(given)-1]
	}
	return given, nil
}

// scan finds the smallest ids behind one.
func (v *Visitors) scan(ctx context.Context, after string) error {
	found := smallest{after: after, most: v.kept}
	for _, table := range []chatferry.Table{chatferry.Chats.Parent(), chatferry.Bans.Parent()} {
		err := v.tables.scan(ctx, table, []string{"visitor_id", transform.ColumnSourceShard}, func(rec arrow.Record) error {
			ids, err1 := column[*array.String](rec, 0)
			shards, err2 := column[*array.Int64](rec, 1)
			if err := cmp.Or(err1, err2); err != nil {
				return err
			}
			for i := range ids.Len() {
				if !ids.IsNull(i) && chatferry.ShardID(shards.Value(i)) > v.after {
					found.add(ids.Value(i))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	v.block, v.last = found.take()
	v.at = after
	return nil
}

// smallest keeps the smallest of many texts that are greater than after, each once.
type smallest struct {
	after string
	most  int
	texts []string // up to twice as many
	bound string   // only smaller ones are of interest; "": all are
}

// add takes a text, which may be a view of memory that is used again.
func (s *smallest) add(text string) {
	if text <= s.after || s.bound != "" && text >= s.bound || len(text) > api.LongestVisitor {
		return
	}
	if n := len(s.texts); n > 0 && s.texts[n-1] == text {
		return
	}
	s.texts = append(s.texts, strings.Clone(text))
	if len(s.texts) >= 2*s.most {
		s.shrink()
	}
}

func (s *smallest) shrink() {
	slices.Sort(s.texts)
	s.texts = slices.Compact(s.texts)
	if len(s.texts) > s.most {
		clear(s.texts[s.most:])
		s.texts = s.texts[:s.most]
		s.bound = s.texts[s.most-1]
	}
}

// take returns the texts, in order, and whether there are no others.
func (s *smallest) take() (texts []string, all bool) {
	s.shrink()
	return s.texts, s.bound == ""
}
