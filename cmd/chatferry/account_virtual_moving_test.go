package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
	"chatferry/extract/api"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
	"chatferry/load"
	"chatferry/transform"
)

var (
	movingCount = flag.Int("account-seeds", movingSeeds, "moving accounts to carry")
	movingFirst = flag.Uint64("account-seed", 1, "the first of their seeds")
)

// moving is an account that changes while it is carried.
type moving struct {
	seed    uint64
	account rehearsal.Options
	server  chatapi.Options
	latency time.Duration
	rate    int
	cuts    []time.Duration // after which runs are cut short, the odd ones without a chance to seal
	pause   time.Duration   // between two runs
	deaths  []int           // operations of settling, and then of compacting, before which runs lose their disk for good
}

// drawMoving makes an account of a seed. Every sixteenth has a storm of 2,500 chats within one second.
func drawMoving(seed uint64) moving {
	r := rand.New(rand.NewPCG(seed, 0x6d6f76696e67))
	upTo := func(n int) int { return r.IntN(n + 1) }
	m := moving{
		seed: seed,
		account: rehearsal.Options{
			Seed: seed, Chats: int64(50 + upTo(250)), From: serverBegin.AddDate(0, -6, 0), To: serverBegin.AddDate(0, 0, 2),
		},
		server: chatapi.Options{
			Change: chatapi.Changes{
				Seed: seed, Touches: float64(upTo(600)), Inserts: float64(upTo(200)), Deletes: float64(upTo(60)),
				Neither: r.IntN(2) == 0, Open: r.IntN(2) == 0,
			},
			Quirks: chatapi.Quirks{PageCap: 6 + upTo(10)},
		},
		latency: time.Duration(100+upTo(2000)) * time.Millisecond,
		rate:    20 + upTo(100),
		pause:   time.Duration(upTo(20)) * time.Minute,
	}
	c := &m.server.Change
	if r.IntN(4) > 0 {
		c.Late = time.Duration(1+upTo(299)) * time.Second
	}
	for range upTo(2) {
		c.Storms = append(c.Storms, chatapi.Storm{Chats: 1 + upTo(200), After: time.Duration(upTo(40)) * time.Minute})
	}
	if seed%16 == 4 {
		m.account.Chats = 2_600
		m.server.Quirks.PageCap = 40
		c.Storms = append(c.Storms, chatapi.Storm{After: time.Duration(upTo(1800)) * time.Second})
	}
	for range upTo(2) {
		m.cuts = append(m.cuts, time.Duration(10+upTo(900))*time.Second)
	}
	if seed%2 == 0 {
		for range 1 + upTo(2) {
			m.deaths = append(m.deaths, 1+upTo(100))
		}
	}
	return m
}

// However an account changes while it is carried, and wherever runs end, inside settling and compacting too, no id is
// missing, of each record the newest version that bears a time up to the watermark is there, or a newer one, and none is
// there twice.
func TestMovingAccount(t *testing.T) {
	for seed := *movingFirst; seed < *movingFirst+uint64(*movingCount); seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			bubble(t, func(t *testing.T) { carryMoving(t, drawMoving(seed)) })
		})
	}
}

func carryMoving(t *testing.T, m moving) {
	m.server.Rate = m.rate
	v := newVirtual(t, m.account, m.server, func(h http.Handler) http.Handler { return slow(m.latency, h) })
	t.Logf("seed %d: %+v", m.seed, m)
	rate := []string{"--rate", strconv.Itoa(m.rate), "--rate-share", "100%"}
	var e ended
	var begun time.Duration
	for i := 0; ; i++ {
		begun = time.Since(v.begun)
		ctx, cancel := context.WithCancel(t.Context())
		args := rate
		switch {
		case i >= len(m.cuts):
		case i%2 == 0:
			args = append(args, "--deadline", fmt.Sprint(m.cuts[i]))
		default:
			time.AfterFunc(m.cuts[i], cancel)
		}
		e = v.carry(ctx, args...)
		cancel()
		if e.code != exitStopped || i == len(m.cuts) {
			break
		}
		time.Sleep(m.pause)
	}
	if e.code != exitDone {
		t.Fatalf("exit code %d: %s", e.code, e.stderr)
	}
	r := e.result(t)
	mark, err := time.Parse(time.RFC3339, r.Watermark)
	if err != nil || mark.Before(serverBegin.Add(begun-time.Hour)) || mark.Before(serverBegin) {
		t.Errorf("the watermark is %s, %v; the last run was begun at %s", r.Watermark, err, serverBegin.Add(begun))
	}
	stats := v.server.Stats()
	if stats.Busiest > int64(m.rate) || stats.Refused > 0 {
		t.Errorf("%d requests in a minute, where %d are permitted; %d refused", stats.Busiest, m.rate, stats.Refused)
	}

	got, _ := v.holds()
	pages := 0
	for _, s := range api.Streams() {
		if api.Grows(s) {
			pages += (len(got[s]) + m.server.Quirks.PageCap - 1) / m.server.Quirks.PageCap
		} else {
			pages++
		}
	}
	t.Logf("%d requests for %d pages, %d records of chats, %d of them different, up to %s, %s", stats.Total(), pages, got[chatferry.Chats].total(), len(got[chatferry.Chats]), r.Watermark, time.Since(v.begun))
	if stats.Total() > 2*int64(pages) {
		t.Errorf("%d requests for %d pages", stats.Total(), pages)
	}
	v.holdsMoving(m, got, mark)

	if len(m.deaths) == 0 {
		return
	}
	// It goes on changing. Of later runs some lose their disk while they settle, and of compactions while they work.
	for i, at := range append(m.deaths, 0) {
		time.Sleep(m.pause)
		for k, again := range [][]string{{"run", "--from", "http://127.0.0.1:9", "--to", v.root, "--incremental"}, {"compact", v.root}} {
			died := func() bool { return false }
			if k == i%2 {
				died = v.losesDisk(at)
			}
			e = v.program(t.Context(), append(again, "--json")...)
			v.disk = nil
			if e.code == exitDone {
				continue
			}
			if !died() || e.code != exitEnvironment {
				t.Fatalf("%s %d: exit code %d: %s", again[0], i, e.code, e.stderr)
			}
			t.Logf("%s lost its disk before operation %d", again[0], at)
			break // it is not complete, and cannot be compacted
		}
	}
	if mark, err = time.Parse(time.RFC3339, e.result(t).Watermark); err != nil {
		t.Fatal(err)
	}
	got, _ = v.holds()
	v.holdsMoving(m, got, mark)
}

// losesDisk lets the next calls lose their disk before an operation of settling or compacting: none that changes it is done
// from there on. 0: they keep it. What it returns tells whether that has happened.
func (v *virtual) losesDisk(at int) (died func() bool) {
	n := 0
	var mu sync.Mutex
	act := func(_ int, _, name string) error {
		mu.Lock()
		defer mu.Unlock()
		if n > 0 || strings.HasPrefix(name, "_chatferry/keys") || strings.HasPrefix(name, "_chatferry/staging/r") {
			n++
		}
		if at > 0 && n >= at {
			return syscall.EIO
		}
		return nil
	}
	v.disk = func(fsys atomicfile.FS) (atomicfile.FS, error) { return faultfs.Counted(fsys, act), nil }
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		return at > 0 && n >= at
	}
}

// holdsMoving compares what the dataset holds with the account, up to the watermark.
func (v *virtual) holdsMoving(m moving, got map[chatferry.Stream]held, mark time.Time) {
	v.t.Helper()
	v.holdsNewest(got[chatferry.Chats], mark)
	v.oneRowEach()
	for _, s := range []chatferry.Stream{chatferry.AgentTimeline, chatferry.AgentEvents, chatferry.DepartmentEvents, chatferry.Conversions} {
		missing, n := 0, 0
		for e := range v.server.Ledger(s) {
			if e.Updated > mark.UnixMicro() || s == chatferry.AgentTimeline && m.server.Change.Open {
				continue
			}
			if n++; got[s][e.SHA256] == 0 {
				if missing++; missing <= 3 {
					v.t.Errorf("%s: %s of %s is missing", s, e.Key, time.UnixMicro(e.Updated).UTC())
				}
			}
		}
		if missing > 0 {
			v.t.Errorf("%s: %d of %d records are missing", s, missing, n)
		}
	}
}

// oneRowEach sees that every chat has one row, and that the rows of the child tables are of that very record.
func (v *virtual) oneRowEach() {
	v.t.Helper()
	d := v.dataset()
	source := []string{transform.ColumnSourceShard, transform.ColumnSourceOffset}
	of := map[string]string{} // by the chat, where its row was read
	each := func(table chatferry.Table, key string, visit func(id, place string)) {
		for _, f := range d.Inventory() {
			if f.Kind != chatferry.FileRows || f.Table != table {
				continue
			}
			err := load.Scan(v.t.Context(), d.store, f.Name, append([]string{key}, source...), func(rec arrow.Record) error {
				for i := range int(rec.NumRows()) {
					visit(rec.Column(0).ValueStr(i), rec.Column(1).ValueStr(i)+"/"+rec.Column(2).ValueStr(i))
				}
				return nil
			})
			if err != nil {
				v.t.Fatal(err)
			}
		}
	}
	each(chatferry.Chats.Parent(), "id", func(id, place string) {
		if before := of[id]; before != "" {
			v.t.Errorf("chat %s has the rows %s and %s", id, before, place)
		}
		of[id] = place
	})
	for _, table := range chatferry.Chats.Tables()[1:] {
		each(table, transform.ColumnChatID, func(id, place string) {
			if of[id] != place {
				v.t.Errorf("%s: a row of chat %s is of record %s, and the chat of %s", table, id, place, of[id])
			}
		})
	}
}

// holdsNewest compares what the dataset holds of chats with all versions that the server knows. What was changed behind
// the watermark is for a later run: the API gives the newest version alone, at the place of its change, so that the versions
// before may never have been there when somebody asked.
func (v *virtual) holdsNewest(got held, mark time.Time) {
	v.t.Helper()
	missing, old, later, n := 0, 0, 0, 0
	known := map[digest]bool{}
	for e := range v.server.Ledger(chatferry.Chats) {
		n++
		newest, read := 0, -1
		for i, version := range e.Versions {
			known[version.SHA256] = true
			if got[version.SHA256] > 0 {
				read = i
			}
			newest = i
		}
		switch {
		case read == newest:
		case e.Versions[newest].Updated > mark.UnixMicro():
			if read < 0 && e.Versions[0].Updated <= mark.UnixMicro() {
				later++
			}
		case read < 0:
			if missing++; missing <= 3 {
				v.t.Errorf("chat %s is missing: %+v", e.Key, e.Versions)
			}
		default:
			if old++; old <= 3 {
				v.t.Errorf("of chat %s version %d was read, and %d is there: %+v", e.Key, read, newest, e.Versions)
			}
		}
	}
	foreign := 0
	for sum := range got {
		if !known[sum] {
			foreign++
		}
	}
	if missing+old+foreign > 0 {
		v.t.Errorf("of %d chats up to %s %d are missing and %d are old; %d records are none of the server's", n, mark, missing, old, foreign)
	}
	v.t.Logf("%d of %d chats are not there in any version: they kept changing until after the watermark", later, n)
}
