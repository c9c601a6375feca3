package rehearsal

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"chatferry"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// countsOnly skips a test that counts in one goroutine, which the race detector makes slow and no better.
func countsOnly(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("runs without the race detector")
	}
}

// sum hashes the records of a Stream, with what is said of them.
func sum(a *Account, s chatferry.Stream) string {
	h := sha256.New()
	for r := range a.Records(s) {
		h.Write(r.Header)
		h.Write(r.Raw)
		h.Write([]byte("\n" + string(r.Outcome.Code) + r.Outcome.Excluded + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// TestGolden holds every byte of a small account. A change of the generator changes it on purpose, or not at all.
func TestGolden(t *testing.T) {
	a := New(Options{Seed: 7, Chats: 700, Duplicates: 0.05, Big: 1, BigBytes: 100_000})
	var got []byte
	for _, s := range chatferry.Given() {
		got = append(got, string(s)+" "+sum(a, s)+"\n"...)
	}
	name := filepath.Join("testdata", "golden.txt")
	if *update {
		if err := os.WriteFile(name, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("the account is not as it was; if that is meant, run with -update\ngot:\n%swant:\n%s", got, want)
	}
}

func TestSeedsDiffer(t *testing.T) {
	one, two := New(Options{Seed: 1, Chats: 600}), New(Options{Seed: 2, Chats: 600})
	for _, s := range []chatferry.Stream{chatferry.Account, chatferry.Agents, chatferry.Chats, chatferry.Visitors, chatferry.Conversions, chatferry.AgentTimeline} {
		first, again := sum(one, s), sum(one, s)
		if first != again {
			t.Errorf("%s: two iterations differ", s)
		}
		if sum(one, s) == sum(two, s) {
			t.Errorf("%s: two seeds give the same records", s)
		}
	}
}

// TestRuns: chats written in runs, side by side, are those written in one go.
func TestRuns(t *testing.T) {
	a := New(Options{Seed: 3, Chats: 1500, Duplicates: 0.1})
	var whole, parts []string
	for r := range a.Records(chatferry.Chats) {
		whole = append(whole, string(r.Raw))
	}
	for _, bounds := range [][2]int64{{0, 1}, {1, 2}, {2, 700}, {700, 701}, {701, 1499}, {1499, 1500}} {
		for r := range a.chats(run{from: bounds[0], to: bounds[1]}) {
			parts = append(parts, string(r.Raw))
		}
	}
	if len(whole) != len(parts) {
		t.Fatalf("%d records in one go, %d in parts", len(whole), len(parts))
	}
	for i := range whole {
		if whole[i] != parts[i] {
			t.Fatalf("record %d differs:\n%s\n%s", i, whole[i], parts[i])
		}
	}
}

func TestSmallAccounts(t *testing.T) {
	for _, chats := range []int64{-1, 0, 1, 2, 13, 499, 500} {
		a := New(Options{Seed: 5, Chats: chats, Duplicates: 0.5, Big: 3, BigBytes: 10_000})
		for _, s := range chatferry.Given() {
			truth := a.Truth(s)
			if s == chatferry.Chats && truth.Keys+truth.QuarantinedTotal()+truth.ExcludedTotal() < max(0, chats) {
				t.Errorf("%d chats: %+v", chats, truth)
			}
		}
	}
}

// TestMemory takes a few thousand records out of the middle of an account of ten million chats: neither the account nor
// its records may take memory that grows with it.
func TestMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a := New(Options{Seed: 1, Chats: 10_000_000})
	n, bytes := 0, 0
	for r := range a.chats(run{from: 5_000_000, to: 5_003_000}) {
		n++
		bytes += len(r.Raw)
	}
	for _, s := range []chatferry.Stream{chatferry.Visitors, chatferry.AgentTimeline, chatferry.AnalyticsServingSessions} {
		k := 0
		for r := range a.Records(s) {
			bytes += len(r.Raw)
			if k++; k == 2000 {
				break
			}
		}
		n += k
	}
	runtime.ReadMemStats(&after)
	if n != 9_000 || bytes < 10<<20 {
		t.Errorf("%d records of %d bytes", n, bytes)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 16<<20 {
		t.Errorf("%d records of %d bytes took %d bytes of memory in all", n, bytes, allocated)
	}
}
