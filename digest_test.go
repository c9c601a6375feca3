package chatferry

import "testing"

// Entries are the Entry of each, of every number of records around the size of a sheet.
func TestEntriesAreTheEntryOfEach(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 17, 127, 128, 129, 300} {
		for _, stream := range []Stream{Chats, Visitors, AgentTimeline} {
			raws, terms := make([][32]byte, n), make([][32]byte, n)
			for i := range raws {
				raws[i] = [32]byte{byte(i), byte(i >> 8), byte(n)}
			}
			Entries(terms, stream, raws)
			for i := range raws {
				if want := Entry(stream, &raws[i]); terms[i] != want {
					t.Fatalf("record %d of %d of %s: %x instead of %x", i, n, stream, terms[i], want)
				}
			}
		}
	}
}
