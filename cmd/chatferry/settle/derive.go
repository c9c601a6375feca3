package settle

import (
	"context"
	"errors"

	"chatferry"
	"chatferry/checkpoint"
)

// scanned scans the hashes of a file that is derived from f. One that is missing or damaged is made; then undo takes back
// what each was given before.
func (s *settler) scanned(ctx context.Context, kind *fileKind, k *keyed, f *checkpoint.InventoryFile, each func([]byte), undo func()) (keyFile, error) {
	name := kind.name(f.SHA256)
	var found keyFile
	read := func() (err error) {
		found, err = s.derived.scan(ctx, kind, name, each)
		return err
	}
	err := s.mended(ctx, origin{k, f}, name, read, func() error {
		if undo != nil {
			undo()
		}
		return nil
	})
	return found, err
}

// mended reads a derived file. If read finds that it is unusable, it is made again, and read called once more, after again
// if that is not nil.
func (s *settler) mended(ctx context.Context, of origin, name string, read, again func() error) error {
	err := read()
	if err == nil || !unusable(err) {
		return err
	}
	if err := s.derived.list(ctx); err != nil {
		return err
	}
	s.derived.have[name] = false
	if err := s.derive(ctx, []origin{of}); err != nil {
		return err
	}
	err = nil
	if again != nil {
		err = again()
	}
	if err == nil {
		err = read()
	}
	if errors.Is(err, errDamagedKeys) {
		err = chatferry.Errorf(chatferry.KindEnvironment, "check the disk, then run the same command again",
			"%s is not what was written: %w", name, err)
	}
	return err
}

// origin is a file that others are derived from.
type origin struct {
	k    *keyed // nil: of chat_visitors, which is none of a Stream
	file *checkpoint.InventoryFile
}

// stream is the Stream of which it holds keys; the visitors are those of chats.
func (o *origin) stream() chatferry.Stream {
	if o.k == nil {
		return chatferry.Chats
	}
	return o.k.stream
}

// derivation is what is made of a file in one pass through it.
type derivation struct {
	origin
	keys, visits    bool
	hashes, sighted [][]byte // the pieces of the key file and of the visits
}

// derive makes what is missing of the files that are derived from some.
func (s *settler) derive(ctx context.Context, files []origin) error {
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
		d := &derivation{origin: of, keys: of.k != nil && !s.derived.have[keysKind.name(of.file.SHA256)]}
		d.visits = hasVisits(of.file) && !s.derived.have[visitsKind.name(of.file.SHA256)]
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
	return inOrder(ctx, len(all), s.atOnce, s.limits.besideBytes, weigh, read, func(i int, d *derivation) error {
		s.o.Progress(Progress{Step: "keys", Stream: d.stream(), Done: int64(i), Total: int64(len(all))})
		err := s.keep(ctx, d)
		d.hashes, d.sighted = nil, nil
		return err
	})
}

// read makes what is missing of one file. It may be called by several goroutines.
func (s *settler) read(ctx context.Context, d *derivation) error {
	var seen *sightings
	if d.visits {
		seen = &sightings{hash: s.hash, all: make([]sighting, 0, d.file.Rows)}
	}
	if d.k == nil {
		return s.readTable(ctx, d, seen)
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

// readTable makes the visits of one file of chat_visitors.
func (s *settler) readTable(ctx context.Context, d *derivation, seen *sightings) error {
	seen.apart = true
	if err := eachRecord(ctx, s.o.Store, d.file, nil, seen.readTable); err != nil {
		return err
	}
	d.sighted = seen.file()
	return nil
}

// deriveAll makes what is missing of the derived files of everything that is settled, so that the next settle reads no
// file that it does not touch.
func (s *settler) deriveAll(ctx context.Context, d *checkpoint.Dataset) error {
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
			all = append(all, origin{file: f})
		}
	}
	return s.derive(ctx, all)
}
