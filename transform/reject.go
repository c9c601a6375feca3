package transform

import (
	"bytes"

	"chatferry"
)

// rejectRawLimit is how much of a Reject's bytes is kept.
const rejectRawLimit = 1 << 20

// reject makes the Reject of a record.
func (t *Transformer) reject(p *chatferry.Page, seq uint64, r *chatferry.Record, f chatferry.Fault, rawLen int64, sum chatferry.SHA256) chatferry.Reject {
	rej := chatferry.Reject{
		Stream:    t.stream,
		Shard:     p.Shard.ID,
		Seq:       seq,
		Offset:    r.Offset,
		Place:     p.Shard.Place(r.Offset),
		Code:      f.Code,
		Reason:    f.Reason,
		RawLen:    rawLen,
		RawSHA256: sum,
	}
	if !t.stream.Secret() {
		rej.Raw = bytes.Clone(r.Raw[:min(len(r.Raw), rejectRawLimit)])
	}
	return rej
}
