package estimate

import (
	"chatferry"
)

// What becomes of raw bytes in Parquet. Chats hold much text that repeats; measured on rehearsal accounts, of which bench has
// the larger figures. A file has a footer, whatever it holds.
const (
	chatsWritten = 0.12
	otherWritten = 0.35
	fileWritten  = 3 << 10
	// settleRoom is what settling replaces at a time: the new files are there before the old ones go.
	settleRoom = 1 << 30
)

// Target says where the records go to, as far as that decides what is needed.
type Target struct {
	PartSize int64
	Memory   int64
	Lanes    int
}

// SetTarget adds what the dataset takes: bytes written, disk and memory.
func (e *Estimate) SetTarget(t Target) {
	all := Figure{}
	for name, s := range e.Streams {
		share := otherWritten
		if name == chatferry.Chats {
			share = chatsWritten
		}
		files := int64(len(name.Tables())) * (1 + s.Raw.N/max(1, t.PartSize))
		if s.Records.N == 0 {
			files = 0
		}
		s.Written = Figure{int64(share*float64(s.Raw.N)) + files*fileWritten, Assumed}
		all = all.plus(s.Written)
	}
	// Parts in staging; logs, ledger and keys; and what settling holds twice.
	staging := int64(float64(t.PartSize)*otherWritten) * 2 * int64(t.Lanes)
	e.Disk = Figure{all.N + all.N/20 + min(staging, all.N) + min(settleRoom, all.N), Assumed}
	e.Memory = Figure{t.Memory, Counted}
	e.Lanes = t.Lanes
}
