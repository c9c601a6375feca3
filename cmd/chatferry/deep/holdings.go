package deep

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
	"chatferry/transform"
)

const day = 24 * 60 * 60 // seconds

// holdings is what a dataset holds of the chats of an account. Of all of them only numbers are kept: those of each day.
type holdings struct {
	o        AccountOptions
	mark     int64
	rows     map[int64]int64 // by the day of their timestamp, before the mark
	excluded map[int64]int64
	chosen   choice
	aside    map[[16]byte]bool // SHA-256 of what is in quarantine; nil: not read yet
}

// holding is a chat that the dataset has as a row.
type holding struct {
	id   string
	file string
	place
}

// chatColumns are what is read of each chat.
var chatColumns = []string{"id", "timestamp", "deleted", transform.ColumnSourceShard, transform.ColumnSourceOffset}

// hold counts the chats of a dataset, and chooses some by chance: those whose ids have the smallest hashes under the seed,
// so that the choice does not depend on how rows stand in files.
func hold(ctx context.Context, o AccountOptions) (*holdings, error) {
	h := &holdings{o: o, mark: o.Mark.Unix(), rows: map[int64]int64{}, excluded: map[int64]int64{}}
	err := h.eachChat(ctx, func(c *chat) error {
		if c.deleted {
			return nil
		}
		h.enter(h.rows, c.second)
		h.chosen.offer(o.Seed, o.Refetch, holding{c.id, c.file, c.place})
		return nil
	})
	if err == nil {
		err = h.eachExcluded(ctx, func(id string) {
			if t, ok := transform.CreatedAt(id); ok {
				h.enter(h.excluded, t.Unix())
			}
		})
	}
	return h, err
}

// enter counts a chat of before the mark by its day.
func (h *holdings) enter(in map[int64]int64, second int64) {
	if second >= 0 && second < h.mark {
		in[second/day]++
	}
}

// chat is a row of chats.
type chat struct {
	id      string
	second  int64 // of its timestamp; -1: it has none
	deleted bool
	file    string
	place
}

func (h *holdings) eachChat(ctx context.Context, visit func(*chat) error) error {
	inventory := h.o.Dataset.Inventory()
	for i := range inventory {
		f := &inventory[i]
		if f.Kind != chatferry.FileRows || f.Table != chatferry.Chats.Parent() {
			continue
		}
		err := load.Scan(ctx, h.o.Files, f.Name, chatColumns, func(rec arrow.Record) error {
			places, err := placesOf(rec)
			if err != nil {
				return err
			}
			ids, err := column[*array.String](rec, "id")
			if err != nil {
				return err
			}
			times, err := column[*array.Timestamp](rec, "timestamp")
			if err != nil {
				return err
			}
			deleted, err := column[*array.Boolean](rec, "deleted")
			if err != nil {
				return err
			}
			for i, p := range places {
				c := chat{id: ids.Value(i), second: -1, deleted: deleted.IsValid(i) && deleted.Value(i), file: f.Name, place: p}
				if times.IsValid(i) {
					c.second = time.UnixMicro(int64(times.Value(i))).Unix()
				}
				if err := visit(&c); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Name, err)
		}
	}
	return nil
}

// eachExcluded calls visit for every chat that the ledger says is excluded.
func (h *holdings) eachExcluded(ctx context.Context, visit func(id string)) error {
	return h.eachFile(chatferry.FileLedger, func(f *checkpoint.InventoryFile) error {
		return load.Scan(ctx, h.o.Files, f.Name, []string{load.LedgerStream, load.LedgerKey, load.LedgerDisposition}, func(rec arrow.Record) error {
			streams, ok1 := rec.Column(0).(*array.String)
			keys, ok2 := rec.Column(1).(*array.String)
			dispositions, ok3 := rec.Column(2).(*array.String)
			if !ok1 || !ok2 || !ok3 {
				return errors.New("it is not a ledger")
			}
			for i := range keys.Len() {
				if streams.Value(i) == string(chatferry.Chats) && dispositions.Value(i) == string(chatferry.Excluded) {
					visit(keys.Value(i))
				}
			}
			return nil
		})
	})
}

func (h *holdings) eachFile(kind chatferry.FileKind, visit func(*checkpoint.InventoryFile) error) error {
	inventory := h.o.Dataset.Inventory()
	for i := range inventory {
		if f := &inventory[i]; f.Kind == kind {
			if err := visit(f); err != nil {
				return fmt.Errorf("read %s: %w", f.Name, err)
			}
		}
	}
	return nil
}

// first is the day of the oldest chat that is held; zero: there is none.
func (h *holdings) first() time.Time {
	first := int64(-1)
	for d := range h.rows {
		if first < 0 || d < first {
			first = d
		}
	}
	if first < 0 {
		return time.Time{}
	}
	return time.Unix(first*day, 0).UTC()
}

// in returns the rows and the excluded chats of whole days, and of the last one what lies before the mark.
func (h *holdings) in(s stretch) (rows, excluded int64) {
	for d := s.from.Unix() / day; d*day < s.to.Unix(); d++ {
		rows += h.rows[d]
		excluded += h.excluded[d]
	}
	return rows, excluded
}

// rowsOf returns the ids of the rows of days.
func (h *holdings) rowsOf(ctx context.Context, of []stretch) ([]map[string]bool, error) {
	out := make([]map[string]bool, len(of))
	for i := range out {
		out[i] = map[string]bool{}
	}
	err := h.eachChat(ctx, func(c *chat) error {
		for i, s := range of {
			if !c.deleted && c.second >= s.from.Unix() && c.second < s.to.Unix() {
				out[i][c.id] = true
			}
		}
		return nil
	})
	return out, err
}

// lookFor returns which of the ids are excluded, and which are rows.
func (h *holdings) lookFor(ctx context.Context, ids map[string]bool) (excluded, rows map[string]bool, err error) {
	excluded, rows = map[string]bool{}, map[string]bool{}
	err = h.eachChat(ctx, func(c *chat) error {
		if ids[c.id] {
			rows[c.id] = true
		}
		return nil
	})
	if err == nil {
		err = h.eachExcluded(ctx, func(id string) {
			if ids[id] && !rows[id] {
				excluded[id] = true
			}
		})
	}
	return excluded, rows, err
}

// quarantined reports whether a record stands in quarantine, byte for byte.
func (h *holdings) quarantined(ctx context.Context, raw []byte) (bool, error) {
	if h.aside == nil {
		h.aside = map[[16]byte]bool{}
		err := h.eachFile(chatferry.FileQuarantine, func(f *checkpoint.InventoryFile) error {
			return eachReject(ctx, h.o.Files, f.Name, func(r *chatferry.Reject) {
				if r.Stream == chatferry.Chats {
					h.aside[[16]byte(r.RawSHA256[:16])] = true
				}
			})
		})
		if err != nil {
			return false, err
		}
	}
	sum := sha256.Sum256(raw)
	return h.aside[[16]byte(sum[:16])], nil
}

// choice is the chats with the smallest hashes, the greatest of them on top.
type choice []chosen

type chosen struct {
	holding
	rank uint64
}

// Len implements heap.Interface, as do the others.
func (c choice) Len() int           { return len(c) }
func (c choice) Less(i, j int) bool { return c[i].rank > c[j].rank }
func (c choice) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *choice) Push(x any)        { *c = append(*c, x.(chosen)) }
func (c *choice) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

func (c *choice) offer(seed uint64, most int, h holding) {
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), h.id...))
	rank := binary.BigEndian.Uint64(sum[:])
	switch {
	case len(*c) < most:
		heap.Push(c, chosen{h, rank})
	case most > 0 && rank < (*c)[0].rank:
		(*c)[0] = chosen{h, rank}
		heap.Fix(c, 0)
	}
}
