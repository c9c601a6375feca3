package settle

import (
	"cmp"
	"slices"
	"strings"

	"chatferry"
	"chatferry/checkpoint"
)

// unit is a group of Parts whose records no file shares with other Parts: one Part, or those that were compacted into
// the same files.
type unit struct {
	stream chatferry.Stream
	parts  []checkpoint.PartID // in order
	spans  []checkpoint.PartSpan
	files  []checkpoint.InventoryFile // sorted by name
}

// of returns the unit's files of a kind, and of a table if it is one of rows.
func (u *unit) of(kind chatferry.FileKind, table chatferry.Table) []*checkpoint.InventoryFile {
	var out []*checkpoint.InventoryFile
	for i := range u.files {
		if f := &u.files[i]; f.Kind == kind && f.Table == table {
			out = append(out, f)
		}
	}
	return out
}

// units returns the Streams that are read to their end, each with its units in the order of Shards and numbers, and the
// Streams that are not.
func units(d *checkpoint.Dataset) (ready map[chatferry.Stream][]*unit, waiting []chatferry.Stream) {
	g := grouping{leader: map[checkpoint.PartID]checkpoint.PartID{}}
	open := map[chatferry.Stream]bool{}
	var parts []checkpoint.PartID
	streams := map[checkpoint.PartID]chatferry.Stream{}
	for i := range d.Shards {
		s := &d.Shards[i]
		open[s.Shard.Stream] = open[s.Shard.Stream] || !s.Done
		for j := range s.Commits {
			if s.Commits[j].Reopened {
				continue
			}
			id := checkpoint.PartID{Shard: s.Shard.ID, Seq: s.Commits[j].Seq}
			streams[id] = s.Shard.Stream
			parts = append(parts, id)
		}
	}
	files := d.FilesOf()
	holds := map[string]checkpoint.PartID{} // the first Part of each file
	for _, id := range parts {
		for i := range files[id] {
			if first, ok := holds[files[id][i].Name]; ok {
				g.join(first, id)
			} else {
				holds[files[id][i].Name] = id
			}
		}
	}
	ready = map[chatferry.Stream][]*unit{}
	of := map[checkpoint.PartID]*unit{}
	for _, id := range parts {
		stream := streams[id]
		if open[stream] || len(files[id]) == 0 {
			continue
		}
		u := of[g.find(id)]
		if u == nil {
			u = &unit{stream: stream}
			of[g.find(id)] = u
			ready[stream] = append(ready[stream], u)
		}
		u.parts = append(u.parts, id)
		u.files = append(u.files, files[id]...)
	}
	rank := ranks(d)
	for _, u := range of {
		u.spans = spansOf(u.parts, rank)
		slices.SortFunc(u.files, func(a, b checkpoint.InventoryFile) int { return strings.Compare(a.Name, b.Name) })
		u.files = slices.CompactFunc(u.files, func(a, b checkpoint.InventoryFile) bool { return a.Name == b.Name })
	}
	for _, s := range chatferry.Streams() {
		if open[s] {
			waiting = append(waiting, s)
		}
	}
	return ready, waiting
}

// ranks numbers the Parts that count, so that those with numbers that follow each other are neighbours.
func ranks(d *checkpoint.Dataset) map[checkpoint.PartID]int {
	out := map[checkpoint.PartID]int{}
	for i := range d.Shards {
		for j := range d.Shards[i].Commits {
			if p := &d.Shards[i].Commits[j]; !p.Reopened {
				out[checkpoint.PartID{Shard: d.Shards[i].Shard.ID, Seq: p.Seq}] = len(out)
			}
		}
	}
	return out
}

// spansOf names Parts, which are in order, in as few spans as possible.
func spansOf(parts []checkpoint.PartID, rank map[checkpoint.PartID]int) []checkpoint.PartSpan {
	var spans []checkpoint.PartSpan
	for i, id := range parts {
		if n := len(spans); n > 0 && spans[n-1].Shard == id.Shard && rank[id] == rank[parts[i-1]]+1 {
			spans[n-1].To = id.Seq
			continue
		}
		spans = append(spans, checkpoint.PartSpan{Shard: id.Shard, From: id.Seq, To: id.Seq})
	}
	return spans
}

// grouping joins Parts that share a file.
type grouping struct {
	leader map[checkpoint.PartID]checkpoint.PartID
}

func (g *grouping) find(id checkpoint.PartID) checkpoint.PartID {
	for {
		up, ok := g.leader[id]
		if !ok {
			return id
		}
		id = up
	}
}

// join makes the earlier one of two groups' leaders the leader of both.
func (g *grouping) join(a, b checkpoint.PartID) {
	a, b = g.find(a), g.find(b)
	if a == b {
		return
	}
	if compareParts(a, b) > 0 {
		a, b = b, a
	}
	g.leader[b] = a
}

func compareParts(a, b checkpoint.PartID) int {
	return cmp.Or(cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Seq, b.Seq))
}
