package settle

import (
	"context"
	"errors"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
)

// scanned scans the hashes of a file that is derived from f. One that is missing or damaged is made; then undo takes back
// what each was given before.
func (s *settler) scanned(ctx context.Context, kind *fileKind, k *keyed, f *checkpoint.InventoryFile, each func([]byte), undo func()) (keyFile, error) {
	name := kind.name(f.SHA256)
	found, err := s.derived.scan(ctx, kind, name, each)
	if err == nil || !unusable(err) {
		return found, err
	}
	if undo != nil {
		undo()
	}
	if err := s.remake(ctx, k, f, name); err != nil {
		return found, err
	}
	found, err = s.derived.scan(ctx, kind, name, each)
	if errors.Is(err, errDamagedKeys) {
		err = chatferry.Errorf(chatferry.KindEnvironment, "check the disk, then run the same command again",
			"%s is not what was written: %w", name, err)
	}
	return found, err
}

// remake makes a file that is derived from f, and others that are missing.
func (s *settler) remake(ctx context.Context, k *keyed, f *checkpoint.InventoryFile, name string) error {
	if err := s.derived.list(ctx); err != nil {
		return err
	}
	s.derived.have[name] = false
	return s.derive(ctx, k, f)
}

// derive makes what is missing of the files that are derived from f, in one pass through it.
func (s *settler) derive(ctx context.Context, k *keyed, f *checkpoint.InventoryFile) error {
	if err := s.derived.list(ctx); err != nil {
		return err
	}
	keysName, visitsName := keysKind.name(f.SHA256), visitsKind.name(f.SHA256)
	missing := !s.derived.have[keysName]
	var seen *sightings
	if hasVisits(f) && !s.derived.have[visitsName] {
		seen = &sightings{hash: s.hash}
	}
	if !missing && seen == nil {
		return nil
	}
	keys := make([]uint64, 0, f.Rows)
	deleted := int64(0)
	err := k.entriesAnd(ctx, s.o.Store, f, seen, func(e *entry) error {
		hash := s.hash(e.id)
		if e.excluded {
			hash |= excludedBit
		}
		if e.deleted {
			deleted++
		}
		keys = append(keys, hash)
		return nil
	})
	if err != nil {
		return err
	}
	if missing {
		s.report.KeyFiles++
		if err := s.derived.makeKeys(ctx, keysName, keys, deleted); err != nil {
			return err
		}
	}
	if seen == nil {
		return nil
	}
	return s.derived.write(ctx, visitsName, seen.file()...)
}

// hasVisits reports whether a file is one of chats.
func hasVisits(f *checkpoint.InventoryFile) bool {
	return f.Kind == chatferry.FileRows && f.Table == chatferry.Chats.Parent()
}

// deriveAll makes what is missing of the derived files of everything that is settled, so that the next settle reads no
// file that it does not touch.
func (s *settler) deriveAll(ctx context.Context, d *checkpoint.Dataset) error {
	ready, _ := units(d)
	for _, stream := range chatferry.Streams() {
		var k *keyed
		for _, f := range holding(stream, ready[stream]) {
			if k == nil {
				k = newKeyed(stream)
			}
			if err := s.derive(ctx, k, f); err != nil {
				return err
			}
		}
	}
	files := d.Inventory()
	for i := range files {
		if f := &files[i]; f.Table == ChatVisitors {
			if err := s.derive(ctx, visitorKey, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// visitorKey is where the files of chat_visitors hold the ids of visitors.
var visitorKey = &keyed{stream: chatferry.Stream(ChatVisitors), columns: []string{"id"}, deleted: -1}

// ofVisitors gives the entries of a file of chat_visitors, which have an id and a row alone.
func (k *keyed) ofVisitors(rec arrow.Record, from int32, visit func(*entry) error) error {
	ids, ok := rec.Column(0).(*array.String)
	if !ok {
		return damaged(errors.New("column id is of a wrong type"))
	}
	var e entry
	var text []byte
	for i := range ids.Len() {
		text, e.id = idOf(text, string(k.stream), ids.Value(i))
		e.row = from + int32(i)
		if err := visit(&e); err != nil {
			return err
		}
	}
	return nil
}
