package settle

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/transform"
)

// ChatVisitors is the table of the visitors whom the chats name, derived from all chats: one row each, with what the
// newest chat knows of them. No Part has rows of it, and its files are exchanged as a whole.
const ChatVisitors chatferry.Table = "chat_visitors"

// What is read of the chats, in this order.
var visitorColumns = []string{
	transform.ColumnSourceShard, transform.ColumnSourceOffset, "visitor_id", "id", "timestamp", "update_timestamp",
	"visitor_name", "visitor_email", "visitor_phone", "visitor_notes",
}

const (
	visitorID = 2 + iota
	visitorChat
	visitorTimestamp
	visitorUpdate
	visitorTexts
)

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
	var chats, old []*checkpoint.InventoryFile
	var of chatferry.Digest // the values of all chats
	files := d.Inventory()
	for i := range files {
		switch f := &files[i]; f.Table {
		case chatferry.Chats.Parent():
			chats = append(chats, f)
			of.Merge(f.V)
		case ChatVisitors:
			old = append(old, f)
		}
	}
	if len(chats) == 0 && len(old) == 0 {
		return nil
	}
	s.derived = derivedName(of, valuesIn(old))
	switch _, err := s.o.FSys.Stat(s.derived); {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return atomicfile.Explain("look at", s.derived, err)
	}
	b := s.newBatch(d, string(ChatVisitors))
	b.begin()
	now, err := s.deriveVisitors(ctx, b, chats, old)
	if err != nil {
		return errors.Join(fmt.Errorf("derive %s: %w", ChatVisitors, err), b.discard())
	}
	s.derived = derivedName(of, now)
	return s.keys.write(s.derived, nil)
}

const derivedExt = ".visitors"

// derivedName is the name of an empty file which says that chat_visitors with these values is what chats with those values
// give. It stands among the key files, and is as much derived as they are: without it, that is found out anew.
func derivedName(chats, visitors chatferry.Digest) string {
	sum := sha256.Sum256([]byte(chats.String() + visitors.String()))
	return path.Join(keysFolder, hex.EncodeToString(sum[:])+derivedExt)
}

func valuesIn(files []*checkpoint.InventoryFile) (d chatferry.Digest) {
	for _, f := range files {
		d.Merge(f.V)
	}
	return d
}

// deriveVisitors builds the table, and exchanges its files if it differs from what they hold. It returns the digest of its
// values.
func (s *settler) deriveVisitors(ctx context.Context, b *batch, chats, old []*checkpoint.InventoryFile) (now chatferry.Digest, err error) {
	w := visitorWriter{ctx: ctx, b: b}
	err = s.census(ctx, chats, w.add)
	if err == nil {
		err = w.seal()
	}
	if err != nil {
		return now, errors.Join(err, w.abort())
	}
	var rows, was int64
	for i := range b.body.Add {
		rows += b.body.Add[i].Rows
		now.Merge(b.body.Add[i].V)
	}
	for _, f := range old {
		was += f.Rows
	}
	s.report.Visitors = rows
	if rows == was && now == valuesIn(old) {
		return now, b.discard()
	}
	for _, f := range old {
		b.retire(f)
	}
	return now, b.replace(ctx)
}

// visitor is what the chats say of one visitor.
type visitor struct {
	id          string
	hash        uint64
	newest      order // of the chat that the rest is from
	chat        string
	texts       [4]text // name, email, phone, notes
	at          int64   // that chat's time; 0: it has none
	first, last int64   // of the chats' times; 0: none has one
	chats       int64
}

// text is a string or null.
type text struct {
	s  string
	ok bool
}

// About how many bytes a visitor takes besides its texts.
const visitorSize = 320

// span is a range of hashes, both ends included.
type span struct{ from, to uint64 }

// census gives add every visitor of the chats, in the order of their hashes. It holds as many as the memory allows: when
// there are more it keeps the lower half of their hashes and reads the chats again for the upper half.
func (s *settler) census(ctx context.Context, chats []*checkpoint.InventoryFile, add func(*visitor) error) error {
	todo := []span{{0, ^uint64(0)}}
	for len(todo) > 0 {
		now := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		c := &crowd{span: now, room: s.limits.visitorBytes, of: map[string]*visitor{}}
		for i, f := range chats {
			s.o.Progress(Progress{Step: "visitors", Stream: chatferry.Chats, Done: int64(i), Total: int64(len(chats))})
			if err := eachRecord(ctx, s.o.Store, f, visitorColumns, c.read); err != nil {
				return err
			}
		}
		todo = append(todo, c.left...)
		for _, v := range c.sorted() {
			if err := add(v); err != nil {
				return err
			}
		}
	}
	return nil
}
