package settle

import (
	"context"
	"slices"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/identity"
	"chatferry/extract/api"
)

// reasonGone is why a record is superseded that has no newer version: a later reading of the whole Stream does not have it.
const reasonGone = "gone"

// outdated returns the Shards of a Stream that an account gives whole each time, but those of its last reading. What they
// hold is no more, whether it is replaced or gone. A dump is not known to be whole, so that its Shards are not among them. Nor
// are those of an account as it was before it moved: the chats that were read then go on naming its agents and departments.
func outdated(d *checkpoint.Dataset, stream chatferry.Stream) map[chatferry.ShardID]bool {
	if !api.Whole(stream) {
		return nil
	}
	out := map[chatferry.ShardID]bool{}
	sides := identity.SidesOf(d)
	last, side := chatferry.ShardID(0), 0
	for i := range d.Shards {
		s := &d.Shards[i].Shard
		if s.Stream != stream || s.API == nil {
			continue
		}
		now := sides.Of(&d.Shards[i])
		if last != 0 && side == now {
			out[last] = true
		}
		last, side = s.ID, now
	}
	return out
}

// findGone marks the rows of outdated Shards, unless they are superseded by a row with their key. Only files that hold such
// rows are read.
func (s *settler) findGone(ctx context.Context, d *checkpoint.Dataset, k *keyed, holders []holder, out *drops) error {
	old := outdated(d, k.stream)
	if len(old) == 0 {
		return nil
	}
	for i := range holders {
		file := holders[i].file
		holds := func(span checkpoint.PartSpan) bool { return old[span.Shard] }
		if file.Kind != chatferry.FileRows || !slices.ContainsFunc(file.Parts, holds) {
			continue
		}
		superseded := out.superseded[file.Name]
		err := k.entries(ctx, s.o.Store, file, func(e *entry) error {
			if old[e.shard] && (superseded == nil || !superseded.has(uint64(e.row))) {
				mark(out.gone, file.Name, file.Rows, e.row)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
