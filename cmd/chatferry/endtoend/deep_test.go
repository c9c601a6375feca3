package endtoend

import (
	"testing"

	"chatferry"
	"chatferry/cmd/chatferry/deep"
	"chatferry/extract/dump"
	"chatferry/load/local"

	"chatferry/checkpoint/atomicfile"
)

// compared holds a dataset against its dump, as `verify --deep` does.
func (c *carried) compared(t *testing.T) *deep.Report {
	t.Helper()
	listing, err := dump.List(t.Context(), []string{c.dump}, dump.OpenLocal)
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := atomicfile.OS(c.root)
	if err != nil {
		t.Fatal(err)
	}
	r, err := deep.Run(t.Context(), deep.Options{
		Dataset: c.Dataset, Files: local.New(fsys), Source: dump.NewSource(listing, smallCuts()), Streams: chatferry.Given(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mustBeEqual fails if anything of a dataset differs from its dump, or was not compared.
func (c *carried) mustBeEqual(t *testing.T) {
	t.Helper()
	r := c.compared(t)
	for i := range r.Differences {
		if i == 10 {
			t.Fatalf("and %d more", len(r.Differences)-i)
		}
		t.Errorf("%s: %s", r.Differences[i].Kind, &r.Differences[i])
	}
	books, _, err := c.Books()
	if err != nil {
		t.Fatal(err)
	}
	for s, b := range books {
		want := deep.Tally{
			Source: b.Read.N, Bytes: r.Streams[s].Bytes, Equal: b.Loaded.N, Quarantined: b.Quarantined.N, Excluded: b.ExcludedTotal().N, Superseded: b.Superseded.N,
		}
		if r.Streams[s] != want {
			t.Errorf("%s: %+v were compared, the books say %+v", s, r.Streams[s], want)
		}
	}
}
