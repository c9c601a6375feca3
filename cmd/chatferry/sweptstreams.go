package main

import (
	"chatferry"
	"chatferry/checkpoint"
	"chatferry/extract/api"
)

// unswept names the Streams, of those that are meant, that runs before this one read from an account and that none of them
// brought to the end of its sweeps since: what changed while they were read may be missing, though all their Shards are done.
func (c *carriage) unswept(meant func(chatferry.Stream) bool) (owed streamSet) {
	if c.before == nil {
		return nil
	}
	added := grown(c.before.Shards)
	for _, stream := range chatferry.Streams() {
		if added[stream] == 0 || !meant(stream) || c.absent[stream] != nil {
			continue
		}
		if last := lastDoneOf(c.before, stream); last == nil || last.Epoch < added[stream] {
			owed = append(owed, stream)
		}
	}
	return owed
}

// watermark is the time before which every change of the account was read, of all Streams that the dataset holds: of those
// that are not asked for it is what runs before have proven.
func (c *carriage) watermark(states []checkpoint.ShardState) string {
	mark, own := c.from.watermark(), false
	others := ""
	for stream := range grown(states) {
		if c.inScope(stream) {
			own = true
			continue
		}
		before := ""
		if last := lastDoneOf(c.before, stream); last != nil {
			before = last.Done.Watermark
		}
		if before == "" {
			return ""
		}
		if others == "" || before < others { // of one form, in UTC
			others = before
		}
	}
	if others == "" || own && mark < others {
		return mark
	}
	return others
}

// grown returns the Streams that were read from an account and go on growing there, and the epoch that added the last Shard
// of each.
func grown(states []checkpoint.ShardState) map[chatferry.Stream]uint64 {
	last := map[chatferry.Stream]uint64{}
	for i := range states {
		if s := &states[i]; s.Shard.API != nil && api.Grows(s.Shard.Stream) && !isOneByOne(&s.Shard) {
			last[s.Shard.Stream] = max(last[s.Shard.Stream], s.Added)
		}
	}
	return last
}
