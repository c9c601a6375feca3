package dump

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"chatferry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// folder makes a folder with files; names ending in a slash are folders.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		put(t, dir, name, content)
	}
	return dir
}

func put(t testing.TB, dir, name, content string) {
	t.Helper()
	full := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func list(t testing.TB, places ...string) *Listing {
	t.Helper()
	l, err := List(context.Background(), places, OpenLocal)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func noneDone(chatferry.ShardID) bool { return false }

func plan(t testing.TB, l *Listing, cuts chatferry.Cuts) []chatferry.Shard {
	t.Helper()
	shards, err := l.Plan(context.Background(), nil, noneDone, cuts, 1)
	if err != nil {
		t.Fatal(err)
	}
	return shards
}

// smallCuts make many Pages of little data.
func smallCuts(pageBytes int64) chatferry.Cuts {
	return chatferry.Cuts{PageBytes: pageBytes, ShardBytes: 1 << 40, RecordBytes: 1 << 20}
}

// pageCopy is a Page that outlives its memory, in a form that prints.
type pageCopy struct {
	From, After      chatferry.Position
	Header           string
	Records          []recordCopy
	RawBytes, Stored int64
	Doubts           []chatferry.Doubt
}

type recordCopy struct {
	Raw    string
	Offset chatferry.Offset
	Code   chatferry.Code
	RawLen int64
	SHA    string
}

func copyPage(p *chatferry.Page) pageCopy {
	c := pageCopy{From: p.From, After: p.After, Header: string(p.Header), RawBytes: p.RawBytes, Stored: p.StoredBytes, Doubts: p.Doubts}
	for _, r := range p.Records {
		rc := recordCopy{Raw: string(r.Raw), Offset: r.Offset}
		if r.Fault != nil {
			rc.Code, rc.RawLen = r.Fault.Code, r.Fault.RawLen
			if r.Fault.RawSHA256 != nil {
				rc.SHA = fmt.Sprintf("%x", *r.Fault.RawSHA256)
			}
		}
		c.Records = append(c.Records, rc)
	}
	return c
}

// readPages reads a Shard from a Position to its end.
func readPages(s *Source, shard *chatferry.Shard, from chatferry.Position) (pages []pageCopy, err error) {
	ctx := context.Background()
	r, err := s.Open(ctx, shard, from)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		p, err := r.Next(ctx)
		if err == io.EOF {
			return pages, nil
		}
		if err != nil {
			return pages, err
		}
		pages = append(pages, copyPage(p))
		p.Release()
	}
}

func mustRead(t testing.TB, s *Source, shard *chatferry.Shard, from chatferry.Position) []pageCopy {
	t.Helper()
	pages, err := readPages(s, shard, from)
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// contents of all Pages together.
func flatten(pages []pageCopy) (records []recordCopy, doubts []chatferry.Doubt, stored int64) {
	for _, p := range pages {
		records = append(records, p.Records...)
		doubts = append(doubts, p.Doubts...)
		stored += p.Stored
	}
	return records, doubts, stored
}

func raws(records []recordCopy) []string {
	var out []string
	for _, r := range records {
		out = append(out, r.Raw)
	}
	return out
}

// readFile reads one file as a Stream's whole dump.
func readFile(t testing.TB, stream chatferry.Stream, name, content string, cuts chatferry.Cuts) ([]recordCopy, []chatferry.Doubt) {
	t.Helper()
	l := list(t, string(stream)+"="+folder(t, map[string]string{name: content}))
	shards := plan(t, l, cuts)
	if len(shards) != 1 {
		t.Fatalf("%d shards", len(shards))
	}
	records, doubts, stored := flatten(mustRead(t, NewSource(l, cuts), &shards[0], ""))
	if stored != shards[0].Bytes {
		t.Errorf("pages account for %d stored bytes of %d", stored, shards[0].Bytes)
	}
	return records, doubts
}

type packing struct {
	name, ext string
	pack      func(parts ...string) string
}

var packings = []packing{
	{"plain", "", func(parts ...string) string { return strings.Join(parts, "") }},
	{"gzip", ".gz", func(parts ...string) string { return gzipOf(strings.Join(parts, "")) }},
	{"gzip members", ".gz", func(parts ...string) string { return mapJoin(parts, gzipOf) }},
	{"zstd", ".zst", func(parts ...string) string { return zstdOf(strings.Join(parts, "")) }},
	{"zstd frames", ".zst", func(parts ...string) string { return mapJoin(parts, zstdOf) }},
	{"zstd stream", ".zst", func(parts ...string) string { return zstdStream(strings.Join(parts, "")) }},
}

func mapJoin(parts []string, f func(string) string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(f(p))
	}
	return b.String()
}

func gzipOf(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func zstdOf(s string) string {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	defer w.Close()
	return string(w.EncodeAll([]byte(s), nil))
}

// zstdStream writes a frame that does not know its size beforehand.
func zstdStream(s string) string {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func sum(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }

func gzipWriter(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }

func zstdWriter(w io.Writer) io.WriteCloser {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	return z
}
