package settle

import (
	"maps"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/load"
	"chatferry/load/local"
)

// A Stream that an account gives whole is what its last reading gave; what that does not have is in the ledger, as gone. What
// came from a dump stays, since a dump may not be whole.
func TestGoneFromTheAccount(t *testing.T) {
	f := newFeed()
	f.add(chatferry.Bans, `{"id":9,"type":"visitor"}`)
	f.read(chatferry.Bans, `{"id":1,"type":"visitor"}`, `{"id":2,"type":"visitor"}`, `{"id":3,"type":"visitor"}`)
	f.read(chatferry.Bans, `{"id":1,"type":"visitor"}`, `{"id":2,"type":"visitor","reason":"spam"}`, `{"id":4,"type":"visitor"}`)
	w := newWorld(t, f)
	if _, err := w.carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.read(chatferry.Bans, `{"id":4,"type":"visitor"}`)
	if _, err := w.carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.check(t.Context()); err != nil {
		t.Fatal(err)
	}

	d, err := w.dataset(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, file := range d.Inventory() {
		if file.Kind != chatferry.FileLedger {
			continue
		}
		columns := []string{load.LedgerShard, load.LedgerKey, load.LedgerReason}
		err := load.Scan(t.Context(), local.New(w.fsys), file.Name, columns, func(rec arrow.Record) error {
			for i := range int(rec.NumRows()) {
				key := rec.Column(0).ValueStr(i) + "/" + rec.Column(1).ValueStr(i)
				got[key] = "replaced"
				if reason := rec.Column(2).(*array.String); reason.IsValid(i) && reason.Value(i) != "" {
					got[key] = reason.Value(i)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"2/1": "replaced", "2/2": "replaced", "2/3": reasonGone, "3/1": reasonGone, "3/2": reasonGone, "3/4": "replaced"}
	if !maps.Equal(got, want) {
		t.Errorf("the ledger has %v, not %v", got, want)
	}
}
