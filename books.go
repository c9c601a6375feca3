package chatferry

import (
	"fmt"
	"maps"
	"slices"
)

// Tally counts a set of records: how many, their raw bytes, and the Digest of their Entry terms.
type Tally struct {
	N     int64  `json:"n"`
	Bytes int64  `json:"bytes"`
	D     Digest `json:"d"`
}

// Count adds one record of rawLen bytes with the Entry term e.
func (t *Tally) Count(rawLen int64, e *[32]byte) {
	t.N++
	t.Bytes += rawLen
	t.D.Add(e)
}

// Add adds another Tally.
func (t *Tally) Add(o Tally) {
	t.N += o.N
	t.Bytes += o.Bytes
	t.D.Merge(o.D)
}

// Books account for every record that was read. They close when
// read = loaded + quarantined + excluded + superseded, in counts, bytes and Digests.
type Books struct {
	Read        Tally            `json:"read"`
	Loaded      Tally            `json:"loaded"`
	Quarantined Tally            `json:"quarantined"`
	Excluded    map[string]Tally `json:"excluded,omitempty"` // by reason
	Superseded  Tally            `json:"superseded"`
}

// Exclude counts one record as excluded for a reason.
func (b *Books) Exclude(reason string, rawLen int64, e *[32]byte) {
	if b.Excluded == nil {
		b.Excluded = map[string]Tally{}
	}
	t := b.Excluded[reason]
	t.Count(rawLen, e)
	b.Excluded[reason] = t
}

// Add adds the books o.
func (b *Books) Add(o Books) {
	b.Read.Add(o.Read)
	b.Loaded.Add(o.Loaded)
	b.Quarantined.Add(o.Quarantined)
	b.Superseded.Add(o.Superseded)
	for reason, t := range o.Excluded {
		if b.Excluded == nil {
			b.Excluded = map[string]Tally{}
		}
		sum := b.Excluded[reason]
		sum.Add(t)
		b.Excluded[reason] = sum
	}
}

// Clone returns a copy that shares nothing with b.
func (b Books) Clone() Books {
	b.Excluded = maps.Clone(b.Excluded)
	return b
}

// ExcludedTotal sums the excluded records over all reasons.
func (b Books) ExcludedTotal() Tally {
	var t Tally
	for _, reason := range slices.Sorted(maps.Keys(b.Excluded)) {
		t.Add(b.Excluded[reason])
	}
	return t
}

// Close returns nil if the books close, or an error of KindDiffers that says by how much they do not.
func (b Books) Close() error {
	sum := b.ExcludedTotal()
	sum.Add(b.Loaded)
	sum.Add(b.Quarantined)
	sum.Add(b.Superseded)
	if sum == b.Read {
		return nil
	}
	return &Error{
		Kind: KindDiffers, Op: "close the books",
		Err: fmt.Errorf("%d records (%d bytes, digest %s) were read, but %d (%d bytes, digest %s) are accounted for",
			b.Read.N, b.Read.Bytes, b.Read.D, sum.N, sum.Bytes, sum.D),
		Hint: "keep the dataset as it is and report this: it is a fault of chatferry or of the disk",
	}
}
