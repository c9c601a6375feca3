package settle

import (
	"context"
	"errors"
	"fmt"

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
	v := &visiting{s: s, d: d, k: newKeyed(chatferry.Chats)}
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
	var all []origin
	for _, f := range v.chats {
		all = append(all, origin{v.k, f})
	}
	for _, f := range v.old {
		all = append(all, origin{file: f})
	}
	if err = s.derive(ctx, all); err == nil {
		err = v.scope(ctx)
	}
	if err == nil {
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
	k          *keyed // of chats
	chats, old []*checkpoint.InventoryFile

	// touched are the visitors whose rows may have to change, in the order of hash and id; nil: all.
	touched []id
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
	gone, err := v.renew(ctx, w)
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
