package checkpoint

import (
	"time"

	"chatferry"
)

// Replace announces that files will be exchanged for others which are durable in staging. It takes effect for the
// Inventory and the books with its ReplaceDone.
type Replace struct {
	Generation uint64        `json:"generation"` // 1 + number of earlier replaces, undone ones included
	Reason     string        `json:"reason"`     // "settle", "compact", "replay"
	Retire     []RetiredFile `json:"retire"`
	Add        []AddedFile   `json:"add"`
	Moves      []Move        `json:"moves,omitempty"`
	Rule       *Rule         `json:"rule,omitempty"` // by which the bytes of the records that move were changed; nil: they were not
	// KeepS is for how many seconds after its ReplaceDone the retired files stay, for readers who work with a list of
	// files. It is a courtesy: nothing breaks if a clock makes it shorter or longer.
	KeepS int64 `json:"keep_s,omitempty"`
}

// Rule is how the bytes of records in quarantine were changed before they were converted.
type Rule struct {
	Name   string           `json:"name"` // of the file that it was read from
	SHA256 chatferry.SHA256 `json:"sha256"`
	Text   string           `json:"text"`
}

// RetiredFile is a file that leaves the Inventory.
type RetiredFile struct {
	Kind  chatferry.FileKind `json:"kind"`
	Table chatferry.Table    `json:"table,omitempty"`
	Name  string             `json:"name"`
	Size  int64              `json:"size"`
	Rows  int64              `json:"rows"`
}

// AddedFile is a file that comes into the Inventory.
type AddedFile struct {
	chatferry.PartFile
	// Parts are those whose records the file holds. A file that is derived from whole tables has none.
	Parts []PartSpan `json:"parts,omitempty"`
}

// PartSpan names the Parts From to To of a Shard, both included. Of these, only those that were not reopened are meant.
type PartSpan struct {
	Shard chatferry.ShardID `json:"shard"`
	From  uint64            `json:"from"`
	To    uint64            `json:"to"`
}

// Move says that records of a Part were loaded when they were committed and are something else now, or the reverse.
type Move struct {
	Shard chatferry.ShardID `json:"shard"`
	Seq   uint64            `json:"seq"`
	From  Column            `json:"from"`
	To    Column            `json:"to"`
	chatferry.Tally
}

// ReplaceDone says that the files of the Replace with this generation are published. From here on they are in the
// Inventory, and the retired ones are not and may be removed.
type ReplaceDone struct {
	Generation uint64 `json:"generation"`
}

// ReplaceUndone says that the Replace with this generation is given up, since files that it was to add are gone from
// staging. It had retired nothing yet. Those of its files that can be seen are removed.
type ReplaceUndone struct {
	Generation uint64 `json:"generation"`
	Gone       string `json:"gone"` // the first file that could not be published
}

// Removed says that what these replaces retired, or what they had added if they were undone, no longer exists.
type Removed struct {
	Generations []uint64 `json:"generations"`
}

// ReplaceState is one replacement of files as the dataset log tells it.
type ReplaceState struct {
	Replace
	N     uint64 // the record that announced it
	Begun uint64 // the epoch that announced it, and staged its files
	// Epoch and At are those of the record that ended it; while it is in progress, of the one that announced it.
	Epoch uint64
	At    time.Time
	// Done: its files are in the Inventory. Undone: they never were, nor will be. Neither: it is in progress.
	Done, Undone bool
	Removed      bool // what was to be removed behind it is gone
}

// DueAt is when the files that it retired may be removed.
func (r *ReplaceState) DueAt() time.Time {
	if r.Undone {
		return r.At
	}
	return r.At.Add(time.Duration(r.KeepS) * time.Second)
}

// due reports whether files of the replace have to be removed.
func (r *ReplaceState) due(now time.Time) bool {
	return !r.Removed && (r.Done || r.Undone) && !now.Before(r.DueAt())
}

// holds reports whether a file of the span's Parts holds records of this one.
func (s PartSpan) holds(shard chatferry.ShardID, seq uint64) bool {
	return s.Shard == shard && s.From <= seq && seq <= s.To
}

// touches reports whether the replace changed anything of a Part that was committed with these files.
func (r *ReplaceState) touches(shard chatferry.ShardID, p *chatferry.Part) bool {
	for _, m := range r.Moves {
		if m.Shard == shard && m.Seq == p.Seq {
			return true
		}
	}
	for _, f := range r.Add {
		for _, s := range f.Parts {
			if s.holds(shard, p.Seq) {
				return true
			}
		}
	}
	for _, f := range r.Retire {
		for _, own := range p.Files {
			if f.Name == own.Name {
				return true
			}
		}
	}
	return false
}
