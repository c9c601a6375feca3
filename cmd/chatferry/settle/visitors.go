package settle

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"

	"chatferry"
	"chatferry/checkpoint"
)

// ChatVisitors is the table of the visitors whom the chats name, derived from all chats: one row each, with what the
// newest chat knows of them. No Part has rows of it.
const ChatVisitors chatferry.Table = "chat_visitors"

// visitors brings chat_visitors up to date, if all chats are read.
func (s *settler) visitors(ctx context.Context) error {
	d, err := s.dataset(ctx)
	if err != nil {
		return err
	}
	for i := range d.Shards {
		if d.Shards[i].Shard.Stream == chatferry.Chats && !d.Shards[i].Done {
			return nil
		}
	}
	v := &visiting{s: s, d: d}
	files := d.Inventory()
	for i := range files {
		switch f := &files[i]; f.Table {
		case chatferry.Chats.Parent():
			v.chats = append(v.chats, f)
		case ChatVisitors:
			v.old = append(v.old, f)
		}
	}
	if len(v.chats) == 0 && len(v.old) == 0 {
		s.state.Visitors = nil
		return nil
	}
	if err = v.scope(ctx); err == nil {
		err = v.derive(ctx)
	}
	if errors.Is(err, errStale) {
		s.o.Log.Info("derive chat_visitors from all chats", "since", err)
		v.touched = nil
		err = v.derive(ctx)
	}
	if err != nil {
		return fmt.Errorf("derive %s: %w", ChatVisitors, err)
	}
	return nil
}

// errStale says that what is known of an earlier derivation does not lead to the present one.
var errStale = errors.New("what is known of the last derivation cannot be used")

// visiting brings chat_visitors up to date. What it leaves depends on nothing but the chats and the present rows of the
// table: what is known of an earlier derivation makes it faster and no different.
type visiting struct {
	s          *settler
	d          *checkpoint.Dataset
	chats, old []*checkpoint.InventoryFile

	// touched are the visitors whose rows may have to change, in the order of hash and id; nil: all.
	touched []id
	retired []chatferry.SHA256        // files of chats that the table reflects and that are no more
	added   map[chatferry.SHA256]bool // that it does not reflect yet
}

// derive exchanges the files of the table that hold rows which are not right.
func (v *visiting) derive(ctx context.Context) error {
	now := reflected{Values: valuesIn(v.old), Rows: rowsIn(v.old), Chats: sumsOf(v.chats)}
	if v.touched == nil || len(v.touched) > 0 {
		b := v.s.newBatch(v.d, string(ChatVisitors))
		b.begin()
		if err := v.exchange(ctx, b, &now); err != nil {
			return errors.Join(err, b.discard())
		}
	}
	v.s.state.Visitors = &now
	return nil
}

// exchange carries the replace out, if there is anything to exchange, and brings what it says of the table up to date.
func (v *visiting) exchange(ctx context.Context, b *batch, now *reflected) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w := &visitorWriter{ctx: ctx, stop: stop, b: b}
	gone := map[string]bitmap{}
	err := v.census(ctx, gone, w.add)
	if err == nil {
		err = w.seal(v.old, gone)
	}
	if err != nil {
		return errors.Join(err, w.abort())
	}
	for i := range b.body.Add {
		now.Rows += b.body.Add[i].Rows
		now.Values.Merge(b.body.Add[i].V)
	}
	retired := map[string]bool{}
	for i := range b.body.Retire {
		retired[b.body.Retire[i].Name] = true
	}
	for _, f := range v.old {
		if retired[f.Name] {
			now.Rows -= f.Rows
			now.Values.Sub(f.V)
		}
	}
	v.s.report.Visitors, v.s.report.Touched = now.Rows, int64(len(v.touched))
	if len(b.body.Add) == 0 && len(b.body.Retire) == 0 {
		return b.discard()
	}
	return b.replace(ctx)
}

func valuesIn(files []*checkpoint.InventoryFile) (d chatferry.Digest) {
	for _, f := range files {
		d.Merge(f.V)
	}
	return d
}

func rowsIn(files []*checkpoint.InventoryFile) (n int64) {
	for _, f := range files {
		n += f.Rows
	}
	return n
}

// span is a range of hashes, both ends included.
type span struct{ from, to uint64 }

// census marks the rows of the table that are not right, and gives add those that take their place and new ones, in the
// order of the visitors' hashes and ids. It holds as many visitors as the memory allows: when there are more it keeps the
// lower half of their hashes and reads again for the upper half.
func (v *visiting) census(ctx context.Context, gone map[string]bitmap, add func(*crowd, *visitor) error) error {
	todo := []span{{0, ^uint64(0)}}
	for len(todo) > 0 {
		c := &crowd{span: todo[len(todo)-1], hash: v.s.hash, room: v.s.limits.visitorBytes}
		todo = todo[:len(todo)-1]
		gather := v.gather
		if v.touched == nil {
			gather = v.gatherAll
		}
		if err := gather(ctx, c); err != nil {
			return err
		}
		if err := v.compare(ctx, c, gone); err != nil {
			return err
		}
		todo = append(todo, c.left...)
		for i := range c.all {
			one := &c.all[i]
			if one.kept || one.chats == 0 {
				continue
			}
			if !one.told {
				return fmt.Errorf("%w: a visitor has no row", errStale)
			}
			if err := add(c, one); err != nil {
				return err
			}
		}
	}
	return nil
}

// gatherAll takes in the visitors of all chats, and keeps the visits of those files of which they are missing. The files are
// read side by side, and what is gathered does not depend on which of them is first.
func (v *visiting) gatherAll(ctx context.Context, c *crowd) error {
	if err := v.s.derived.list(ctx); err != nil {
		return err
	}
	missing := make([]bool, len(v.chats))
	for i, f := range v.chats {
		missing[i] = !v.s.derived.have[visitsKind.name(f.SHA256)]
	}
	beside := c.room / 2 // for what is read and not in the crowd yet
	share := beside / int64(2*v.s.atOnce)
	weigh := func(i int) int64 {
		if missing[i] {
			return share + v.chats[i].Rows*3*sightingSize
		}
		return share
	}
	var mu sync.Mutex // of the crowd
	pour := func(some *crowd) *crowd {
		mu.Lock()
		defer mu.Unlock()
		if some != nil {
			c.join(some)
		}
		return &crowd{span: c.span, hash: c.hash}
	}
	read := func(ctx context.Context, i int) (visits [][]byte, err error) {
		f, some := v.chats[i], pour(nil)
		var seen *sightings
		if missing[i] {
			seen = &sightings{hash: c.hash, all: make([]sighting, 0, f.Rows)}
		}
		err = eachRecord(ctx, v.s.o.Store, f, visitorColumns, func(rec arrow.Record) error {
			if err := some.read(rec, seen); err != nil {
				return err
			}
			if some.size() > share {
				some = pour(some)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		pour(some)
		if seen != nil {
			visits = seen.file()
		}
		return visits, nil
	}
	err := inOrder(ctx, len(v.chats), v.s.atOnce, beside, weigh, read, func(i int, visits [][]byte) error {
		v.s.o.Progress(Progress{Step: "visitors", Stream: chatferry.Chats, Done: int64(i), Total: int64(len(v.chats))})
		if !missing[i] {
			return nil
		}
		return v.s.derived.write(ctx, visitsKind.name(v.chats[i].SHA256), visits...)
	})
	c.fold()
	return err
}

// compare holds the rows of the table against a crowd, and marks those that are not right.
func (v *visiting) compare(ctx context.Context, c *crowd, gone map[string]bitmap) error {
	hashes := c.hashes()
	for _, f := range v.old {
		if v.touched != nil {
			met := false
			at, meeting := 0, func(int, int, uint64) { met = true }
			_, err := v.s.scanned(ctx, &keysKind, visitorKey, f, func(b []byte) { at = meet(hashes, at, b, meeting) },
				func() { at, met = 0, false })
			if err != nil {
				return err
			}
			if !met {
				continue
			}
		}
		row := int32(0)
		err := eachRecord(ctx, v.s.o.Store, f, nil, func(rec arrow.Record) error {
			rows, err := visitorRowsOf(rec)
			if err != nil {
				return err
			}
			for i := range int(rec.NumRows()) {
				if !c.right(&rows, i, v.touched == nil) {
					mark(gone, f.Name, f.Rows, row)
				}
				row++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
