package checkpoint

import (
	"fmt"
	"maps"
	"slices"

	"chatferry"
)

// balance weighs what a replace adds and retires against its moves:
//
//	rows of a Stream's parent table      = moves into loaded - moves out of it
//	entries of the ledger                = moves into excluded and superseded - moves out of them
//	lines of the quarantine              = moves into quarantined - moves out of it
//	lines of what was replayed           = moves out of quarantined - moves into it
//	rows of every table of a Stream      = 0 where no record of that Stream moves
//
// in counts, and for all but the last in digests too.
type balance struct {
	files map[string]chatferry.Tally // by what they hold
	moved map[string]chatferry.Tally
	rows  map[chatferry.Table]int64
	moves map[chatferry.Stream]bool // the Streams of which records move
}

// What files hold that the books count; the rows of a parent table go by its name.
const (
	heldLedger     = "the ledger"
	heldQuarantine = "the quarantine"
	heldReplayed   = "what was replayed"
)

func newBalance() *balance {
	return &balance{
		files: map[string]chatferry.Tally{}, moved: map[string]chatferry.Tally{},
		rows: map[chatferry.Table]int64{}, moves: map[chatferry.Stream]bool{},
	}
}

// file adds a file, or with sign -1 takes it away.
func (b *balance) file(f *chatferry.PartFile, sign int64) {
	held := heldLedger
	switch f.Kind {
	case chatferry.FileQuarantine:
		held = heldQuarantine
	case chatferry.FileReplayed:
		held = heldReplayed
	case chatferry.FileRows:
		b.rows[f.Table] += sign * f.Rows
		held = string(f.Table)
		if !chatferry.Stream(f.Table).Known() {
			return // a child table, or a derived one
		}
	}
	b.files[held] = plus(b.files[held], chatferry.Tally{N: f.Rows, D: f.E}, sign)
}

func (b *balance) move(stream chatferry.Stream, m *Move) {
	b.moves[stream] = true
	for _, c := range []struct {
		column Column
		sign   int64
	}{{m.From, -1}, {m.To, 1}} {
		held, moved := heldLedger, chatferry.Tally{N: m.N, D: m.D}
		switch c.column {
		case Loaded:
			held = string(stream.Parent())
		case Quarantined:
			held = heldQuarantine
			b.moved[heldReplayed] = plus(b.moved[heldReplayed], moved, -c.sign)
		}
		b.moved[held] = plus(b.moved[held], moved, c.sign)
	}
}

func plus(a, b chatferry.Tally, sign int64) chatferry.Tally {
	if sign < 0 {
		a.N -= b.N
		a.D.Sub(b.D)
		return a
	}
	a.Add(b)
	return a
}

func (b *balance) check() error {
	all := maps.Clone(b.files)
	maps.Copy(all, b.moved)
	for _, held := range slices.Sorted(maps.Keys(all)) {
		if files, moved := b.files[held], b.moved[held]; files != moved {
			return fmt.Errorf("%w: its files change %s by %d records (digest %s), its moves by %d (digest %s)",
				errUnbalanced, held, files.N, files.D, moved.N, moved.D)
		}
	}
	for _, s := range chatferry.Streams() {
		for _, t := range s.Tables() {
			if n := b.rows[t]; n != 0 && !b.moves[s] {
				return fmt.Errorf("%w: its files change table %s by %d rows, but no record of %s moves", errUnbalanced, t, n, s)
			}
		}
	}
	return nil
}
