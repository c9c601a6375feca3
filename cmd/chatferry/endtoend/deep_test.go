package endtoend

import (
	"context"
	"slices"
	"testing"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/cmd/chatferry/deep"
	"chatferry/extract/dump"
	"chatferry/extract/rehearsal"
	"chatferry/load/local"
)

// compared holds a dataset against its dump, as `verify --deep` does. with wraps what cuts the dump; it may be nil.
func (c *carried) compared(t *testing.T, with func(chatferry.Source) chatferry.Source) *deep.Report {
	t.Helper()
	listing, err := dump.List(t.Context(), []string{c.dump}, dump.OpenLocal)
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := atomicfile.OS(c.root)
	if err != nil {
		t.Fatal(err)
	}
	source := chatferry.Source(dump.NewSource(listing, smallCuts()))
	if with != nil {
		source = with(source)
	}
	r, err := deep.Run(t.Context(), deep.Options{
		Dataset: c.Dataset, Files: local.New(fsys), Source: source, Open: listing.Open, Streams: chatferry.Given(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mustBeEqual fails if anything of a dataset differs from its dump, or was not compared.
func (c *carried) mustBeEqual(t *testing.T) {
	t.Helper()
	r := c.compared(t, nil)
	for i := range r.Differences {
		if i == 10 {
			t.Fatalf("and %d more", len(r.Differences)-i)
		}
		t.Errorf("%s: %s", r.Differences[i].Kind, &r.Differences[i])
	}
	if r.Recounted == 0 {
		t.Errorf("no record was counted again; those of %d shards cannot be", r.Uncounted)
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

// forgetful passes over the third record of every Page, and says nothing.
type forgetful struct{ chatferry.Source }

// Open implements chatferry.Source.
func (f forgetful) Open(ctx context.Context, shard *chatferry.Shard, from chatferry.Position) (chatferry.Reader, error) {
	r, err := f.Source.Open(ctx, shard, from)
	return forgetfulReader{r}, err
}

type forgetfulReader struct{ chatferry.Reader }

// Next implements chatferry.Reader.
func (f forgetfulReader) Next(ctx context.Context) (*chatferry.Page, error) {
	p, err := f.Reader.Next(ctx)
	if err == nil && len(p.Records) > 2 {
		p.RawBytes -= int64(len(p.Records[2].Raw))
		p.Records = slices.Delete(p.Records, 2, 3)
	}
	return p, err
}

// What is passed over when a dump is cut into records is in no row, no book and no digest, and is passed over again when it
// is compared. That the files hold it shows by cutting them in another way.
func TestDeepFindsWhatCuttingLoses(t *testing.T) {
	account := rehearsal.New(rehearsal.Options{Seed: 9, Chats: 40, Bad: -1, Message: -1})
	for _, form := range []rehearsal.Form{{}, {Format: rehearsal.Array, Compression: rehearsal.Gzip}, {Format: rehearsal.Saved, Page: 7, Compression: rehearsal.Zstd}} {
		c := &carried{dump: t.TempDir(), root: t.TempDir()}
		if _, err := account.WriteDump(t.Context(), c.dump, rehearsal.Uniform(form, rehearsal.Split{Records: 30})); err != nil {
			t.Fatal(err)
		}
		fsys, err := atomicfile.OS(c.root)
		if err != nil {
			t.Fatal(err)
		}
		j := join(t, c.dump, smallCuts(), 2)
		j.source = forgetful{j.source}
		if err := j.carry(t.Context(), fsys); err != nil {
			t.Fatal(err)
		}
		if c.Dataset, err = checkpoint.Load(t.Context(), checkpoint.NewDiskLogs(fsys)); err != nil {
			t.Fatal(err)
		}
		r := c.compared(t, func(s chatferry.Source) chatferry.Source { return forgetful{s} })
		found := map[chatferry.Stream]bool{}
		for _, d := range r.Differences {
			found[d.Stream] = true
			if d.Kind != deep.Count {
				t.Errorf("%+v: %s", form, &d)
			}
		}
		for _, s := range []chatferry.Stream{chatferry.Chats, chatferry.Agents, chatferry.AnalyticsStatusSessions} {
			if !found[s] {
				t.Errorf("%+v: that records of %s were passed over is not found: %v", form, s, r.Differences)
			}
		}
	}
}
