package rehearsal

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chatferry"

	"github.com/klauspost/compress/zstd"
)

// layouts are all ways to write a dump that the tests try.
func layouts(a *Account) map[string]Layout {
	return map[string]Layout{
		"demo":          a.Demo(),
		"lines":         Uniform(Form{}, Split{}),
		"lines-months":  Uniform(Form{Compression: Gzip, Members: 7}, Split{Months: true}),
		"lines-records": Uniform(Form{Compression: Zstd, Members: 50}, Split{Records: 100}),
		"array":         Uniform(Form{Format: Array, Compression: Zstd}, Split{Records: 333}),
		"saved":         Uniform(Form{Format: Saved, Compression: Gzip, Page: 40}, Split{Months: true}),
		"docs":          Uniform(Form{Format: Docs}, Split{}),
	}
}

// plain returns the uncompressed bytes of a file.
func plain(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var r io.Reader = bytes.NewReader(b)
	switch filepath.Ext(name) {
	case ".gz":
		if r, err = gzip.NewReader(r); err != nil {
			t.Fatal(err)
		}
	case ".zst":
		z, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	}
	if b, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	return b
}

// records returns the records in a file, compacted, so that they can be compared however they are laid out.
func records(t *testing.T, name string, s chatferry.Stream) (out []string) {
	t.Helper()
	b := plain(t, name)
	if s.CSV() {
		lines := strings.Split(strings.TrimSuffix(string(b), "\r\n"), "\r\n")
		return lines[1:]
	}
	if strings.Contains(name, ".ndjson") {
		sc := bufio.NewScanner(bytes.NewReader(b))
		sc.Buffer(nil, 8<<20)
		for sc.Scan() {
			out = append(out, sc.Text())
		}
		if sc.Err() != nil {
			t.Fatal(sc.Err())
		}
		return out
	}
	d := json.NewDecoder(bytes.NewReader(b))
	for d.More() {
		var doc json.RawMessage
		if err := d.Decode(&doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, unwrap(t, name, s, doc)...)
	}
	return out
}

func unwrap(t *testing.T, name string, s chatferry.Stream, doc json.RawMessage) (out []string) {
	t.Helper()
	var list []json.RawMessage
	if json.Unmarshal(doc, &list) == nil {
		for _, r := range list {
			out = append(out, string(r))
		}
		return out
	}
	var page map[string]json.RawMessage
	if err := json.Unmarshal(doc, &page); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	switch {
	case page["docs"] != nil:
		var docs map[string]json.RawMessage
		if err := json.Unmarshal(page["docs"], &docs); err != nil {
			t.Fatal(err)
		}
		for id, r := range docs {
			if decode(t, r)["id"] != id {
				t.Errorf("%s: chat %s under another id", name, id)
			}
			out = append(out, string(r))
		}
	case page["visitor"] != nil && s == chatferry.Bans:
		out = append(unwrap(t, name, s, page["visitor"]), unwrap(t, name, s, page["ip_address"])...)
	case page["data"] != nil:
		out = append(out, string(page["data"]))
	case page[string(s)] != nil:
		out = unwrap(t, name, s, page[string(s)])
		var count, end int64
		var next string
		for field, into := range map[string]any{"count": &count, "end_time": &end, "next_page": &next} {
			if err := json.Unmarshal(page[field], into); err != nil {
				t.Errorf("%s: %s: %v", name, field, err)
			}
		}
		if count != int64(len(out)) || end == 0 || next == "" || s == chatferry.Chats && page["end_id"] == nil {
			t.Errorf("%s: a page of %d records says count %d, end %d, next %s", name, len(out), count, end, next)
		}
	default:
		out = append(out, string(doc))
	}
	return out
}

func TestWriteDump(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(layouts(New(Options{})))) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{Seed: 41, Chats: 600, Duplicates: 0.1}
			if name != "demo" { // whose months are years apart
				o.To = time.Date(2018, 2, 20, 0, 0, 0, 0, time.UTC)
			}
			a := New(o)
			l := layouts(a)[name]
			dir := filepath.Join(t.TempDir(), "new", "dump")
			d, err := a.WriteDump(context.Background(), dir, l)
			if err != nil {
				t.Fatal(err)
			}
			got := map[chatferry.Stream][]string{}
			for _, f := range d.Files {
				full := filepath.Join(dir, f.Path)
				rs := records(t, full, f.Stream)
				info, err := os.Stat(full)
				if err != nil || info.Size() != f.Bytes || int64(len(rs)) != f.Records || f.Records == 0 {
					t.Errorf("%s: %v, %d records, said to be %+v", f.Path, err, len(rs), f)
				}
				if strings.HasPrefix(f.Path, string(f.Stream)+"/") == false {
					t.Errorf("%s is not in its Stream's folder", f.Path)
				}
				got[f.Stream] = append(got[f.Stream], rs...)
			}
			for _, s := range chatferry.Given() {
				var want []string
				lines := s.CSV() || strings.HasPrefix(name, "lines")
				for r := range a.Records(s) {
					if lines || r.Outcome.Code == "" {
						want = append(want, string(r.Raw))
					}
				}
				if name == "demo" && (s == chatferry.Chats || s == chatferry.Visitors) {
					want = want[:0] // which mixes formats: the truth below counts what was left out
					for r := range a.Records(s) {
						if r.Outcome.Code == "" || slices.Contains(got[s], string(r.Raw)) {
							want = append(want, string(r.Raw))
						}
					}
				}
				slices.Sort(want)
				slices.Sort(got[s])
				if !slices.Equal(got[s], want) {
					t.Errorf("%s: %d records, want %d, or they differ", s, len(got[s]), len(want))
				}
				truth := d.Truth[s]
				if truth == nil || truth.Read != int64(len(want)) || truth.Read != truth.Loaded+truth.QuarantinedTotal()+truth.ExcludedTotal() {
					t.Errorf("%s: truth %+v of %d records", s, truth, len(want))
				}
			}
			if lines := strings.HasPrefix(name, "lines") || name == "demo"; lines != (d.Truth[chatferry.Chats].QuarantinedTotal() > 0) {
				t.Errorf("%v", d.Truth[chatferry.Chats].Quarantined)
			}
			if name == "demo" && len(d.Truth[chatferry.Chats].Quarantined) != len(codes()) {
				t.Errorf("the demo lacks kinds of broken records: %v", d.Truth[chatferry.Chats].Quarantined)
			}
		})
	}
}

func codes() map[chatferry.Code]bool {
	m := map[chatferry.Code]bool{}
	for _, c := range badCodes {
		m[c] = true
	}
	return m
}

// TestDumpIsTheSameTwice: bytes and names do not depend on which goroutine was first.
func TestDumpIsTheSameTwice(t *testing.T) {
	var sums [2][32]byte
	for i := range sums {
		a := New(Options{Seed: 42, Chats: 600})
		dir := t.TempDir()
		d, err := a.WriteDump(context.Background(), dir, a.Demo())
		if err != nil {
			t.Fatal(err)
		}
		h := sha256.New()
		for _, f := range d.Files {
			b, err := os.ReadFile(filepath.Join(dir, f.Path))
			if err != nil {
				t.Fatal(err)
			}
			h.Write([]byte(f.Path))
			h.Write(b)
		}
		copy(sums[i][:], h.Sum(nil))
	}
	if sums[0] != sums[1] {
		t.Error("two dumps of one account differ")
	}
}

func TestWriteDumpRefuses(t *testing.T) {
	a := New(Options{Seed: 1, Chats: 10})
	l := Uniform(Form{}, Split{})
	dir := t.TempDir()
	if _, err := a.WriteDump(context.Background(), dir, l); err != nil {
		t.Fatal(err)
	}
	if _, err := a.WriteDump(context.Background(), dir, l); chatferry.KindOf(err) != chatferry.KindUsage {
		t.Errorf("a folder that is in use: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.WriteDump(context.Background(), file, l); chatferry.KindOf(err) != chatferry.KindEnvironment {
		t.Errorf("a file in place of a folder: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := a.WriteDump(ctx, t.TempDir(), l); err == nil {
		t.Error("written although it was cancelled")
	}
}
