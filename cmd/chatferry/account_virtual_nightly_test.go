package main

import (
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"chatferry"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
	"chatferry/load"
)

var (
	nights     = flag.Int("nights", 100, "incremental runs in a row over an account that changes between them")
	nightChats = flag.Int64("night-chats", 1000, "chats of that account")
)

// A dataset that is kept by a hundred incremental runs in a row, over an account of which one in a hundred chats changes
// between them, nine in ten of these not older than a week, is what a fresh full run makes of the account, row for row; and
// it has few files.
func TestNightlyRuns(t *testing.T) {
	const seed = 21
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: *nightChats, Message: 0.05}, chatapi.Options{
			Quirks: chatapi.Quirks{PageCap: 100}, Change: chatapi.Changes{Seed: seed, Late: 4 * time.Minute},
		}, nil)
		how := []string{"--rate", "60000", "--fetch", "visitors"}
		v.mustCarry(how...)
		changes := max(2, int(*nightChats/100))
		most := 0
		for night := range *nights {
			time.Sleep(20 * time.Hour)
			v.change(night, changes)
			time.Sleep(time.Hour)
			v.mustCarry(append(how, "--incremental")...)
			if night%10 == 9 {
				n := len(v.dataset().Inventory())
				most = max(most, n)
				t.Logf("night %d: %d files of the dataset, %d in all", night+1, n, len(v.files()))
			}
		}
		t.Logf("%d chats, at most %d files", v.server.Chats(), most)
		if most > 800 {
			t.Errorf("seed %d: there were %d files", seed, most)
		}
		if e := v.program(t.Context(), "verify", v.root); e.code != exitDone {
			t.Errorf("seed %d: verify ended with %d: %s%s", seed, e.code, e.stdout, e.stderr)
		}
		kept := v.rows()
		before := v.dataset()
		v.root = filepath.Join(t.TempDir(), "fresh")
		v.mustCarry(how...)
		fresh := v.rows()
		for _, table := range slices.Sorted(maps.Keys(fresh)) {
			v.sameRows(table, kept[table], fresh[table])
		}
		for table := range kept {
			if fresh[table] == nil {
				t.Errorf("seed %d: a fresh run has no %s", seed, table)
			}
		}
		books, _, err := before.Books()
		if err != nil {
			t.Fatal(err)
		}
		if chats := books[chatferry.Chats]; chats.Superseded.N < int64(*nights*changes/4) {
			t.Errorf("seed %d: only %d chats came in several versions", seed, chats.Superseded.N)
		}
	})
}

// change changes n chats, nine in ten of them of the last week; every few nights one is deleted, and something of the
// configuration is removed.
func (v *virtual) change(night, n int) {
	added := n / 3
	v.server.Insert(added)
	chats := v.server.Chats()
	week := int64(7 * added)
	for i := range int64(n - added) {
		if i%10 == 9 {
			v.server.Touch((int64(night)*7919 + i) % chats)
		} else {
			v.server.Touch(chats - 1 - (int64(night)*31+i*3)%max(week, 1))
		}
	}
	if night%5 == 2 {
		v.server.Delete((int64(night)*104729 + 11) % chats)
	}
	if night%30 == 7 {
		v.server.Remove(chatferry.Triggers, 0)
		v.server.Remove(chatferry.Bans, 0)
	}
}

// dataset is the dataset as it is.
func (v *virtual) dataset() *dataset {
	v.t.Helper()
	d, err := (&app{environment: &environment{program: "chatferry"}}).openDataset(v.t.Context(), v.root, &Config{})
	if err != nil {
		v.t.Fatal(err)
	}
	return d
}

// rows are those of every table as text, without the columns that say where they were read; how often each is there.
func (v *virtual) rows() map[chatferry.Table]map[string]int {
	v.t.Helper()
	d := v.dataset()
	out := map[chatferry.Table]map[string]int{}
	for _, f := range d.Inventory() {
		if f.Kind != chatferry.FileRows {
			continue
		}
		if out[f.Table] == nil {
			out[f.Table] = map[string]int{}
		}
		err := load.Scan(v.t.Context(), d.store, f.Name, nil, func(rec arrow.Record) error {
			for i := range int(rec.NumRows()) {
				var b strings.Builder
				for c := range int(rec.NumCols()) {
					if name := rec.ColumnName(c); !strings.HasPrefix(name, "_source_") {
						fmt.Fprintf(&b, "%s=%s ", name, rec.Column(c).ValueStr(i))
					}
				}
				out[f.Table][b.String()]++
			}
			return nil
		})
		if err != nil {
			v.t.Fatal(err)
		}
	}
	return out
}

func (v *virtual) sameRows(table chatferry.Table, got, want map[string]int) {
	v.t.Helper()
	missing, foreign, n := 0, 0, 0
	for row, times := range want {
		n += times
		if got[row] == times {
			continue
		}
		if missing++; missing <= 2 {
			v.t.Errorf("%s: %d times instead of %d: %s", table, got[row], times, shorten(row))
		}
	}
	for row, times := range got {
		if want[row] > 0 {
			continue
		}
		if foreign += times; foreign <= 2 {
			v.t.Errorf("%s: a fresh run does not have %s", table, shorten(row))
		}
	}
	if missing+foreign > 0 {
		v.t.Errorf("%s: of %d rows %d are missing, and %d are others", table, n, missing, foreign)
	}
}

func shorten(text string) string {
	if len(text) > 400 {
		return text[:400] + "…"
	}
	return text
}
