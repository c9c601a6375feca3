package endtoend

import (
	"fmt"
	"maps"
	"testing"

	"chatferry"
	"chatferry/extract/rehearsal"
)

// layouts are the ways in which the account below is dumped: every format, in every compression.
var layouts = []struct {
	name   string
	layout rehearsal.Layout
	plan   func(*rehearsal.Options)
}{
	{name: "ndjson", layout: rehearsal.Uniform(rehearsal.Form{}, rehearsal.Split{})},
	{name: "ndjson.gz", layout: rehearsal.Uniform(rehearsal.Form{Compression: rehearsal.Gzip, Members: 70}, rehearsal.Split{Records: 200})},
	{name: "ndjson.zst", layout: rehearsal.Uniform(rehearsal.Form{Compression: rehearsal.Zstd, Members: 90}, rehearsal.Split{Months: true})},
	{name: "array", layout: rehearsal.Uniform(rehearsal.Form{Format: rehearsal.Array}, rehearsal.Split{Records: 300})},
	{name: "array.gz", layout: rehearsal.Uniform(rehearsal.Form{Format: rehearsal.Array, Compression: rehearsal.Gzip}, rehearsal.Split{})},
	{name: "array.zst", layout: rehearsal.Uniform(rehearsal.Form{Format: rehearsal.Array, Compression: rehearsal.Zstd}, rehearsal.Split{Months: true})},
	{name: "pages", layout: rehearsal.Uniform(rehearsal.Form{Format: rehearsal.Saved, Page: 40}, rehearsal.Split{})},
	{name: "pages.gz", layout: rehearsal.Uniform(rehearsal.Form{Format: rehearsal.Saved, Page: 100, Compression: rehearsal.Gzip}, rehearsal.Split{Months: true})},
	{name: "pages.zst", layout: rehearsal.Uniform(rehearsal.Form{Format: rehearsal.Saved, Page: 30, Compression: rehearsal.Zstd}, rehearsal.Split{Records: 150})},
	{name: "docs", layout: rehearsal.Uniform(rehearsal.Form{Format: rehearsal.Docs}, rehearsal.Split{})},
	{name: "docs.gz", layout: rehearsal.Uniform(rehearsal.Form{Format: rehearsal.Docs, Compression: rehearsal.Gzip}, rehearsal.Split{Records: 100})},
	{name: "docs.zst", layout: rehearsal.Uniform(rehearsal.Form{Format: rehearsal.Docs, Compression: rehearsal.Zstd}, rehearsal.Split{Months: true})},
	{
		name: "long histories", layout: rehearsal.Uniform(rehearsal.Form{}, rehearsal.Split{}),
		plan: func(o *rehearsal.Options) { o.Big, o.Chats = 1, 60 },
	},
}

// Every record of an account comes back, equal as a JSON value, from the Parquet files alone; what was not loaded is in
// a ledger or in quarantine, byte for byte; and the account itself, which knows what must become of each record without
// having asked the product, agrees.
func TestLossless(t *testing.T) {
	for i, l := range layouts {
		if raceEnabled && i%3 != 0 {
			continue // every format, and long histories; what the compressions add is not about races
		}
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			o := rehearsal.Options{Seed: uint64(i + 1), Chats: 520, Duplicates: 0.05, Message: 0.03}
			if l.plan != nil {
				l.plan(&o)
			}
			t.Logf("account of %+v", o)
			account := rehearsal.New(o)
			dir := t.TempDir()
			written, err := account.WriteDump(t.Context(), dir, l.layout)
			if err != nil {
				t.Fatal(err)
			}
			p := &proof{
				carried: carryFolder(t, dir, smallCuts()), canary: rehearsal.Canary,
				columns: func(string) bool { return true },
			}
			p.prove(t)
			p.noCanaryInLogs(t)
			if i%12 == 0 {
				p.mustBeEqual(t)
			}
			compareWithAccount(t, p, account, written)
			compareBooks(t, p, written)
			if parts := len(p.Inventory()); parts < 60 && o.Big == 0 {
				t.Errorf("only %d files: the cuts are too large to prove anything about Parts", parts)
			}
		})
	}
}

// compareWithAccount holds what was read from the dataset against the records of the account.
func compareWithAccount(t *testing.T, p *proof, account *rehearsal.Account, written *rehearsal.Dump) {
	t.Helper()
	for _, s := range chatferry.Given() {
		truth := written.Truth[s]
		if truth == nil {
			t.Errorf("the dump has no %s", s)
			continue
		}
		loaded, quarantined, set := map[string]int{}, map[rejected]int{}, map[setAside]int{}
		for r := range account.Records(s) {
			switch {
			case r.Outcome.Loaded():
				v, err := valueOf(&r)
				if err != nil {
					t.Fatalf("%s: %v in %s", s, err, r.Raw)
				}
				loaded[v.canonical(secretsOf(s)...)]++
			case r.Outcome.Excluded != "":
				set[setAside{
					sum: rawSum(s, r.Raw), disposition: chatferry.Excluded, reason: r.Outcome.Excluded,
					key: string(r.ID), version: r.Updated * 1000,
				}]++
			case truth.QuarantinedTotal() > 0: // else the layout cannot hold broken records
				quarantined[rejected{rawSum(s, r.Raw), r.Outcome.Code}]++
			}
		}
		compareCounts(t, string(s)+" loaded", p.loaded[s], loaded)
		compareCounts(t, string(s)+" quarantined", p.quarantined[s], quarantined)
		compareCounts(t, string(s)+" in the ledger", p.set[s], set)
	}
}

func valueOf(r *rehearsal.Record) (*value, error) {
	if r.Header != nil {
		return csvValue(string(r.Header), string(r.Raw))
	}
	return parseWhole(r.Raw)
}

// compareCounts compares two multisets and shows a few of their differences.
func compareCounts[K comparable](t *testing.T, what string, got, want map[K]int) {
	t.Helper()
	if maps.Equal(got, want) {
		return
	}
	shown := 0
	for _, m := range []map[K]int{want, got} {
		for k := range m {
			if got[k] != want[k] && shown < 6 {
				shown++
				t.Errorf("%s: %d times, want %d: %.300q", what, got[k], want[k], fmt.Sprintf("%+v", k))
			}
		}
	}
}

// compareBooks holds the totals of the logs against what the account says must come out.
func compareBooks(t *testing.T, p *proof, written *rehearsal.Dump) {
	t.Helper()
	books, tables, err := p.Books()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[chatferry.Table]int64{}
	for s, truth := range written.Truth {
		b := books[s]
		if err := b.Close(); err != nil {
			t.Errorf("%s: %v", s, err)
		}
		for what, n := range map[string][2]int64{
			"read": {b.Read.N, truth.Read}, "loaded": {b.Loaded.N, truth.Loaded}, "superseded": {b.Superseded.N, 0},
			"quarantined": {b.Quarantined.N, truth.QuarantinedTotal()}, "excluded": {b.ExcludedTotal().N, truth.ExcludedTotal()},
		} {
			if n[0] != n[1] {
				t.Errorf("%s: the books say %d %s, the account %d", s, n[0], what, n[1])
			}
		}
		if !s.Secret() && b.Read.Bytes != truth.Bytes {
			t.Errorf("%s: the books say that %d bytes were read, the account %d", s, b.Read.Bytes, truth.Bytes)
		}
		for reason, n := range truth.Excluded {
			if b.Excluded[reason].N != n {
				t.Errorf("%s: %d excluded as %s, the account says %d", s, b.Excluded[reason].N, reason, n)
			}
		}
		for table, n := range truth.Rows {
			rows[table] += n
		}
	}
	for table, n := range rows {
		if tables[table].Rows != n {
			t.Errorf("table %s has %d rows, the account says %d", table, tables[table].Rows, n)
		}
	}
}
