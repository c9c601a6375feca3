package s3dump

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"chatferry"
	"chatferry/checkpoint/objectstore/realserver"
	"chatferry/extract/dump"
)

// read is what is read of a Shard: its Pages, what each says, and how far that goes.
type read struct {
	Shard   chatferry.Shard
	At      chatferry.Position
	Pages   []string
	Records []string
	Doubts  []chatferry.Doubt
}

// readDump lists, plans and reads a dump. What differs between a disk and a store is left out: time and ETag.
func readDump(t *testing.T, place string, open func(string) (dump.Store, error)) []read {
	t.Helper()
	cuts := chatferry.Cuts{PageBytes: 4 << 10, ShardBytes: 16 << 10, RecordBytes: 1 << 20}
	l, err := dump.List(t.Context(), []string{place}, open)
	if err != nil {
		t.Fatal(err)
	}
	shards, err := l.Plan(t.Context(), nil, func(chatferry.ShardID) bool { return false }, cuts, 1)
	if err != nil {
		t.Fatal(err)
	}
	doubts, err := dump.CheckSource(t.Context(), l, nil)
	if err != nil || len(doubts) != 1 {
		t.Fatalf("--check-source: %v, %v", doubts, err)
	}
	source := dump.NewSource(l, cuts)
	var all []read
	for _, shard := range shards {
		r, err := readShard(t.Context(), source, &shard, "")
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Shard.Files {
			r.Shard.Files[i].ModTime, r.Shard.Files[i].ETag = time.Time{}, ""
		}
		all = append(all, r)
	}
	return all
}

// readShard reads a Shard from a Position to its end, or to an error.
func readShard(ctx context.Context, source *dump.Source, shard *chatferry.Shard, from chatferry.Position) (r read, err error) {
	r.Shard, r.At = *shard, from
	reader, err := source.Open(ctx, shard, from)
	if err != nil {
		return r, err
	}
	defer reader.Close()
	for {
		p, err := reader.Next(ctx)
		if err == io.EOF {
			return r, nil
		}
		if err != nil {
			return r, err
		}
		r.Pages = append(r.Pages, fmt.Sprintf("%s..%s %s %d %d", p.From, p.After, p.Header, p.RawBytes, p.StoredBytes))
		for _, record := range p.Records {
			r.Records = append(r.Records, fmt.Sprintf("%d %q", record.Offset, record.Raw))
		}
		r.Doubts, r.At = append(r.Doubts, p.Doubts...), p.After
		p.Release()
	}
}

// dumpFiles are a small dump of every form, one file of it damaged, with n bytes in the largest.
func dumpFiles(t *testing.T, n int) map[string]string {
	t.Helper()
	var packed strings.Builder
	w := gzip.NewWriter(&packed)
	if _, err := io.WriteString(w, lines(n/2)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"chats/2021/a b+c%2F.ndjson":    lines(n), // read in ranges
		"chats/2021/ünï.ndjson.gz":      packed.String(),
		"chats/2021/cut.ndjson.gz":      packed.String()[:packed.Len()*2/3],
		"chats/2020.json":               "[" + strings.ReplaceAll(strings.TrimSpace(lines(n/10)), "\n", ",\n") + "]",
		"chats-more.ndjson":             lines(n / 5),
		"agents.json":                   `{"id":1}`,
		"visitors/empty.ndjson":         "",
		"login_sessions_1.csv":          "Agent,Start\n" + strings.Repeat("\"a\nb\",2021-03-01\n", n/100),
		"foreign/chats.json":            lines(n / 100),
		"chats/.hidden/x.ndjson":        lines(n / 100),
		"departments/deep/er/d.json.gz": packed.String(),
	}
}

// A dump in a bucket of a real server gives the same Shards, Pages, records and Doubts as on the disk.
func TestRealServerGivesTheSame(t *testing.T) {
	server := realserver.Start(t)
	folder := t.TempDir()
	bucket := server.Open(t, "dumps/acme")
	for name, content := range dumpFiles(t, 100_000) {
		full := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := bucket.PutIfAbsent(t.Context(), name, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	want := readDump(t, folder, dump.OpenLocal)
	got := readDump(t, "dumps/acme", func(prefix string) (dump.Store, error) { return Open(t.Context(), server.Open(t, ""), prefix) })
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-disk +bucket):\n%s", d)
	}
	shards, records := len(want), 0
	for _, r := range want {
		records += len(r.Records)
	}
	if shards < 10 || records < 5000 {
		t.Errorf("only %d shards and %d records were compared", shards, records)
	}
}

// Pages of a listing, of which a server gives 1,000 names at most, leave no name out and none in twice.
func TestRealServerListsInPages(t *testing.T) {
	server := realserver.Start(t)
	bucket := server.Open(t, "d")
	var want []string
	for i := range 1250 {
		name := fmt.Sprintf("chats/%d/%04d.json", i%3, i)
		want = append(want, name)
		if _, err := bucket.PutIfAbsent(t.Context(), name, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	files, _, err := open(t, server.Open(t, ""), "d").List(t.Context(), everywhere)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if d := cmp.Diff(want, paths(files)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
