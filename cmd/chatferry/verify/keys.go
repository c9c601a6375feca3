package verify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"golang.org/x/sync/errgroup"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/settle"
	"chatferry/load"
	"chatferry/transform"
)

// keyHash stands for a key: the first 16 bytes of its SHA-256. Nobody finds two keys with one of them.
type keyHash struct{ hi, lo uint64 }

func hashKey(key string) keyHash {
	sum := sha256.Sum256([]byte(key))
	return keyHash{binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])}
}

func (k keyHash) compare(o keyHash) int {
	return cmp.Or(cmp.Compare(k.hi, o.hi), cmp.Compare(k.lo, o.lo))
}

// keys proves that there is one row for each key of the Streams that are settled, and one for each visitor.
func (v *verifier) keys(ctx context.Context) error {
	if v.o.Sample > 0 && v.o.Sample < 1 {
		return nil
	}
	var tables []*keyTable
	for _, stream := range v.settled() {
		tables = append(tables, newKeyTable(stream))
	}
	tables = append(tables, &keyTable{
		table: settle.ChatVisitors, columns: []string{"id"}, types: []arrow.DataType{arrow.BinaryTypes.String},
		keyOf: func(rec arrow.Record, row int) string { return rec.Column(0).(*array.String).Value(row) },
	})
	inventory := v.d.Inventory()
	for _, t := range tables {
		rows, whole := int64(0), true
		for i := range inventory {
			if f := &inventory[i]; f.Kind == chatferry.FileRows && f.Table == t.table {
				if v.isBroken(f.Name) {
					whole = false
					continue
				}
				t.files = append(t.files, f)
				rows += f.Rows
			}
		}
		distinct, err := v.distinct(ctx, t, rows)
		switch {
		case err != nil:
			return err
		case !distinct || !whole:
		case t.table == settle.ChatVisitors:
			v.report.Visitors = rows
		default:
			v.report.Keyed[chatferry.Stream(t.table)] = rows
		}
	}
	return nil
}

// settled returns the Streams of which the last run left one row for each key, and enters the others. Reports of analytics
// have no keys.
func (v *verifier) settled() (out []chatferry.Stream) {
	open, there := map[chatferry.Stream]bool{}, map[chatferry.Stream]bool{}
	for i := range v.d.Shards {
		s := &v.d.Shards[i]
		there[s.Shard.Stream] = true
		open[s.Shard.Stream] = open[s.Shard.Stream] || !s.Done
	}
	ended := false
	if runs := v.d.Runs(); v.report.Ended {
		last := &runs[len(runs)-1]
		ended = last.Operation["settle"] == "true" && last.Shaping["limit"] == "0"
	}
	for _, s := range chatferry.Streams() {
		switch {
		case !there[s] || s.CSV():
		case ended && !open[s]:
			out = append(out, s)
		default:
			v.report.Unsettled = append(v.report.Unsettled, s)
		}
	}
	return out
}

// keyTable is a table of which each key has one row.
type keyTable struct {
	table   chatferry.Table
	columns []string
	types   []arrow.DataType
	keyOf   func(rec arrow.Record, row int) string // of a record with these columns
	files   []*checkpoint.InventoryFile
}

func newKeyTable(stream chatferry.Stream) *keyTable {
	key := transform.KeyOf(stream)
	schema := transform.Schema(stream.Parent())
	t := &keyTable{table: stream.Parent()}
	at := make([]int, schema.NumFields())
	for _, name := range append(slices.Clone(key.Columns), key.Else, key.Version) {
		if name != "" {
			i := schema.FieldIndices(name)[0]
			at[i] = len(t.columns)
			t.columns, t.types = append(t.columns, name), append(t.types, schema.Field(i).Type)
		}
	}
	t.keyOf = func(rec arrow.Record, row int) string {
		text, _ := key.Of(some{rec, at}, row)
		return text
	}
	return t
}

// some shows the columns that were read under the numbers that they have in the whole table.
type some struct {
	arrow.Record
	at []int
}

func (s some) Column(i int) arrow.Array { return s.Record.Column(s.at[i]) }

// distinct reports whether no two rows of a table have one key. Where the keys of all rows do not fit into memory, the
// files are read several times, for a range of hashes each.
func (v *verifier) distinct(ctx context.Context, t *keyTable, rows int64) (bool, error) {
	most := v.o.MemoryLimit / 4 / 16
	passes := uint64(rows/most + 1)
	width := math.MaxUint64/passes + 1 // 0: all of them, in one pass
	if passes == 1 {
		width = 0
	}
	ok := true
	var parts [keyParts][]keyHash
	for i := range parts {
		each := min(rows, most) / keyParts
		parts[i] = make([]keyHash, 0, each+each/8)
	}
	for pass := range passes {
		for i := range parts {
			parts[i] = parts[i][:0]
		}
		err := v.eachKey(ctx, t, v.workers, func(_ *checkpoint.InventoryFile, _ int64, hashes []keyHash) {
			for _, h := range hashes {
				if width == 0 || h.hi/width == pass {
					parts[h.lo%keyParts] = append(parts[h.lo%keyParts], h)
				}
			}
		})
		if err != nil {
			return false, err
		}
		if twice := v.repeated(parts[:]); len(twice) > 0 {
			ok = false
			if err := v.tellTwice(ctx, t, twice); err != nil {
				return false, err
			}
		}
		v.o.Progress(Progress{Step: "keys", Done: int64(pass) + 1, Total: int64(passes)})
	}
	return ok, nil
}

// keyParts is in how many parts keys are compared side by side.
const keyParts = 16

// repeated returns the hashes that are in a part several times, not all of them if there are many.
func (v *verifier) repeated(parts [][]keyHash) map[keyHash][]string {
	var mu sync.Mutex
	twice := map[keyHash][]string{}
	var work errgroup.Group
	work.SetLimit(v.workers)
	for _, hashes := range parts {
		work.Go(func() error {
			slices.SortFunc(hashes, keyHash.compare)
			for i := 1; i < len(hashes); i++ {
				if hashes[i] == hashes[i-1] {
					mu.Lock()
					if len(twice) < maxFindings {
						twice[hashes[i]] = nil
					}
					mu.Unlock()
				}
			}
			return nil
		})
	}
	_ = work.Wait() // none of them fails
	return twice
}

// tellTwice enters keys that have several rows, with where these are.
func (v *verifier) tellTwice(ctx context.Context, t *keyTable, twice map[keyHash][]string) error {
	err := v.eachKey(ctx, t, 1, func(f *checkpoint.InventoryFile, row int64, hashes []keyHash) {
		for i, h := range hashes {
			if at, ok := twice[h]; ok && len(at) < 3 {
				twice[h] = append(at, fmt.Sprintf("row %d of %s", row+int64(i)+1, f.Name))
			}
		}
	})
	for _, at := range twice {
		v.found.add(Finding{Kind: Twice, Place: "table " + string(t.table), What: "one key has several rows: " + strings.Join(at, ", ")})
	}
	return err
}

// eachKey gives the keys of a table's files, of some rows at a time, the first of which is row. Files are read by so many
// goroutines; each is called by one at a time. A file that is gone is left out: a run has retired it, or it will be found
// missing.
func (v *verifier) eachKey(ctx context.Context, t *keyTable, workers int, each func(f *checkpoint.InventoryFile, row int64, hashes []keyHash)) error {
	var mu sync.Mutex
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(workers)
	for _, f := range t.files {
		if v.isBroken(f.Name) {
			continue
		}
		work.Go(func() error {
			return v.keysOf(ctx, t, f, func(row int64, hashes []keyHash) {
				mu.Lock()
				defer mu.Unlock()
				each(f, row, hashes)
			})
		})
	}
	return work.Wait()
}

// keysOf gives the keys of one file.
func (v *verifier) keysOf(ctx context.Context, t *keyTable, f *checkpoint.InventoryFile, each func(row int64, hashes []keyHash)) error {
	row := int64(0)
	var hashes []keyHash
	err := load.Scan(ctx, v.o.Store, f.Name, t.columns, func(rec arrow.Record) error {
		for i, name := range t.columns {
			if is := rec.Column(i).DataType(); !arrow.TypeEqual(is, t.types[i]) {
				return fmt.Errorf("its column %s is of type %s", name, is)
			}
		}
		hashes = hashes[:0]
		for i := range int(rec.NumRows()) {
			hashes = append(hashes, hashKey(t.keyOf(rec, i)))
		}
		each(row, hashes)
		row += rec.NumRows()
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.suspect(f)
	case err != nil && (ctx.Err() != nil || chatferry.KindOf(err) != chatferry.KindUnexpected):
		return err
	case err != nil:
		v.fail(f, Finding{Kind: Content, What: "its keys cannot be read: " + err.Error()})
	}
	return nil
}
