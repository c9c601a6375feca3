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
	return s.derive(ctx, []origin{{k, f}}, true)
}

// origin is a file that others are derived from.
type origin struct {
	k    *keyed
	file *checkpoint.InventoryFile
}

// derivation is what is made of a file in one pass through it.
type derivation struct {
	origin
	keys, visits    bool
	hashes, sighted [][]byte // the pieces of the key file and of the visits
}

// derive makes what is missing of the files that are derived from some, visits too or keys alone.
func (s *settler) derive(ctx context.Context, files []origin, visits bool) error {
	if err := s.derived.list(ctx); err != nil {
		return err
	}
	var all []*derivation
	met := map[chatferry.SHA256]bool{}
	for _, of := range files {
		if met[of.file.SHA256] {
			continue // a ledger of several Streams
		}
		met[of.file.SHA256] = true
		d := &derivation{origin: of, keys: !s.derived.have[keysKind.name(of.file.SHA256)]}
		d.visits = visits && hasVisits(of.file) && !s.derived.have[visitsKind.name(of.file.SHA256)]
		if d.keys || d.visits {
			all = append(all, d)
		}
	}
	weigh := func(i int) int64 {
		if all[i].visits {
			return all[i].file.Rows * (3*sightingSize + 3*keySize)
		}
		return all[i].file.Rows * 3 * keySize
	}
	read := func(ctx context.Context, i int) (*derivation, error) { return all[i], s.read(ctx, all[i]) }
	return inOrder(ctx, len(all), s.atOnce, s.limits.visitorBytes, weigh, read, func(i int, d *derivation) error {
		s.o.Progress(Progress{Step: "keys", Stream: d.k.stream, Done: int64(i), Total: int64(len(all))})
		return s.keep(ctx, d)
	})
}

// read makes what is missing of one file. It may be called by several goroutines.
func (s *settler) read(ctx context.Context, d *derivation) error {
	var seen *sightings
	if d.visits {
		seen = &sightings{hash: s.hash}
	}
	keys := make([]uint64, 0, d.file.Rows)
	deleted := int64(0)
	err := d.k.idsIn(ctx, s.o.Store, d.file, seen, func(e *entry) error {
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
	if d.keys {
		d.hashes = [][]byte{hashesOf(&keysKind, deleted, sortedHashes(keys))}
	}
	if d.visits {
		d.sighted = seen.file()
	}
	return nil
}

// keep writes what was made of one file.
func (s *settler) keep(ctx context.Context, d *derivation) error {
	if d.keys {
		s.report.KeyFiles++
		if err := s.derived.write(ctx, keysKind.name(d.file.SHA256), d.hashes...); err != nil {
			return err
		}
	}
	if !d.visits {
		return nil
	}
	return s.derived.write(ctx, visitsKind.name(d.file.SHA256), d.sighted...)
}

// hasVisits reports whether a file is one of chats.
func hasVisits(f *checkpoint.InventoryFile) bool {
	return f.Kind == chatferry.FileRows && f.Table == chatferry.Chats.Parent()
}

// deriveAll makes what is missing of the derived files of everything that is settled, so that the next settle reads no
// file that it does not touch.
func (s *settler) deriveAll(ctx context.Context, d *checkpoint.Dataset, visits bool) error {
	ready, _ := units(d)
	var all []origin
	for _, stream := range chatferry.Streams() {
		var k *keyed
		for _, f := range holding(stream, ready[stream]) {
			if k == nil {
				k = newKeyed(stream)
			}
			all = append(all, origin{k, f})
		}
	}
	files := d.Inventory()
	for i := range files {
		if f := &files[i]; f.Table == ChatVisitors {
			all = append(all, origin{visitorKey, f})
		}
	}
	return s.derive(ctx, all, visits)
}

// visitorKey is where the files of chat_visitors hold the ids of visitors.
var visitorKey = &keyed{stream: chatferry.Stream(ChatVisitors), columns: []string{"id"}, ids: 1, deleted: -1}

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
