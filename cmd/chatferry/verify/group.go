package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"chatferry"
	"chatferry/checkpoint"
)

// group is the Parts whose records share files, with these files. What belongs together in a dataset is in one group, so
// that it can be compared there. A file that is derived from whole tables is a group without Parts.
type group struct {
	parts []checkpoint.PartID
	files []*checkpoint.InventoryFile // sorted by name
}

// groupsOf returns the groups of a dataset in the order of their first Parts, and then the files without Parts.
func groupsOf(d *checkpoint.Dataset) []*group {
	var parts []checkpoint.PartID
	for i := range d.Shards {
		for j := range d.Shards[i].Commits {
			if p := &d.Shards[i].Commits[j]; !p.Reopened {
				parts = append(parts, checkpoint.PartID{Shard: d.Shards[i].Shard.ID, Seq: p.Seq})
			}
		}
	}
	leader := make([]int, len(parts)) // of the group that a Part is in: the index of its first Part
	find := func(i int) int {
		for leader[i] != i {
			leader[i] = leader[leader[i]]
			i = leader[i]
		}
		return i
	}
	of := d.FilesOf()
	first := map[string]int{} // by a file's name, the index of its first Part
	for i, id := range parts {
		leader[i] = i
		for j := range of[id] {
			name := of[id][j].Name
			if k, ok := first[name]; !ok {
				first[name] = i
			} else if a, b := find(k), find(i); a != b {
				leader[max(a, b)] = min(a, b)
			}
		}
	}
	var out []*group
	at := map[int]*group{}
	for i, id := range parts {
		g := at[find(i)]
		if g == nil {
			g = &group{}
			at[find(i)] = g
			out = append(out, g)
		}
		g.parts = append(g.parts, id)
	}
	inventory := d.Inventory()
	for i := range inventory {
		f := &inventory[i]
		if k, ok := first[f.Name]; ok {
			g := at[find(k)]
			g.files = append(g.files, f)
			continue
		}
		out = append(out, &group{files: []*checkpoint.InventoryFile{f}})
	}
	return out
}

// chosen reports whether a group is in a sample. It depends on names alone, so that the same share is the same files, and
// a larger one has those of a smaller one.
func (g *group) chosen(share float64) bool {
	if share <= 0 || share >= 1 || len(g.files) == 0 {
		return true
	}
	sum := sha256.Sum256([]byte(g.files[0].Name))
	return float64(binary.BigEndian.Uint64(sum[:])) < share*math.MaxUint64
}

// size is that of the files together.
func (g *group) size() (sum int64) {
	for _, f := range g.files {
		sum += f.Size
	}
	return sum
}

// records is about how many records are rows of parent tables or in the ledger.
func (g *group) records() (n int64) {
	for _, f := range g.files {
		if !isChild(f.Table) && f.Kind != chatferry.FileQuarantine && f.Kind != chatferry.FileReplayed {
			n += f.Rows
		}
	}
	return min(n, mostRecords)
}

// mostRecords is how many records there are in a group, about.
const mostRecords = 1 << 20

// ordered returns the files with the rows of parent tables first and those of child tables last.
func (g *group) ordered() []*checkpoint.InventoryFile {
	rank := func(f *checkpoint.InventoryFile) int {
		switch {
		case f.Kind != chatferry.FileRows:
			return 1
		case isChild(f.Table):
			return 2
		}
		return 0
	}
	files := slices.Clone(g.files)
	slices.SortFunc(files, func(a, b *checkpoint.InventoryFile) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return files
}

func isChild(t chatferry.Table) bool {
	return slices.Contains(chatferry.Chats.Tables()[1:], t)
}
