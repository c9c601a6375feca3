package verify

import "chatferry/checkpoint"

// Group is Parts whose records share files, with these files. Parts of different Groups share none.
type Group struct {
	Parts []checkpoint.PartID
	Files []*checkpoint.InventoryFile
}

// Groups returns the Groups of a dataset that a verification of such a share of it reads, in the order of their first Parts.
// What is derived from whole tables is in none.
func Groups(d *checkpoint.Dataset, share float64) []Group {
	var out []Group
	for _, g := range groupsOf(d) {
		if len(g.parts) > 0 && g.chosen(share) {
			out = append(out, Group{g.parts, g.files})
		}
	}
	return out
}
