package main

import (
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/verify"
	"chatferry/extract/rehearsal"
)

// A dataset whose logs were written anew to fit a changed file is sound by every checksum. What its rows say is not.
func TestVerifySeesThroughForgedLogs(t *testing.T) {
	const seed = 5
	dir := t.TempDir()
	made := newProving(t, seed, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	account := rehearsal.New(rehearsal.Options{Seed: seed, Chats: 40, Bad: 0.1, Message: 0.2})
	if _, err := account.WriteDump(t.Context(), made.dump, rehearsal.Uniform(rehearsal.Form{}, rehearsal.Split{Records: 20})); err != nil {
		t.Fatal(err)
	}
	made.run()
	made.mustBeSound()

	size := func(was *chatferry.PartFile, made chatferry.PartFile) { was.Size, was.SHA256 = made.Size, made.SHA256 }
	values := func(was *chatferry.PartFile, made chatferry.PartFile) { size(was, made); was.V = made.V }
	all := func(was *chatferry.PartFile, made chatferry.PartFile) {
		values(was, made)
		was.Rows, was.E = made.Rows, made.E
	}
	change := func(column string) func(*rand.Rand, *sheet) bool {
		return func(rng *rand.Rand, s *sheet) bool {
			for range 1000 {
				if s.changeAt(s.rec.Schema().FieldIndices(column)[0], rng.IntN(int(s.rec.NumRows())), rng.IntN(int(s.rec.NumRows()))) {
					return true
				}
			}
			return false
		}
	}
	remove := func(rng *rand.Rand, s *sheet) bool { return s.remove(rng) }
	double := func(rng *rand.Rand, s *sheet) bool { return s.double(rng) }
	for _, tt := range []struct {
		name   string
		in     string // begins the name of the file
		change func(*rand.Rand, *sheet) bool
		forge  func(was *chatferry.PartFile, made chatferry.PartFile)
		want   verify.Kind
		at     string // begins the place
	}{
		{"nothing", "tables/chats/", func(*rand.Rand, *sheet) bool { return true }, all, "", ""},
		{"a value", "tables/chats/", change("visitor_name"), size, verify.Values, "tables/"},
		{"a value of a child", "tables/chat_history/", change("msg"), size, verify.Values, "tables/"},
		{"a row less", "tables/chats/", remove, values, verify.Rows, "tables/"},
		{"another record", "tables/chats/", change("_raw_sha256"), values, verify.Records, "tables/"},
		{"a row less that the log does not miss", "tables/chats/", remove, all, verify.Books, "part "},
		{"another record that the log knows", "tables/chats/", change("_raw_sha256"), all, verify.Books, "part "},
		{"a row twice that the log knows", "tables/chats/", double, all, verify.Twice, "tables/chats/"},
		{"a child with another chat's id", "tables/chat_history/", change("chat_id"), all, verify.Orphan, "tables/"},
		{"a child of another chat", "tables/chat_history/", change("_source_offset"), all, verify.Orphan, "tables/"},
		{"the ledger without an entry", "_chatferry/ledger/", remove, all, verify.Books, "part "},
		{"another record in the ledger", "_chatferry/ledger/", change("raw_len"), all, verify.Books, "part "},
		{"another reason in the ledger", "_chatferry/ledger/", change("reason"), all, verify.Books, "part "},
		{"a key twice", "tables/agents/", change("id"), all, verify.Twice, "table agents"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProving(t, seed, "", filepath.Join(t.TempDir(), "forged"))
			made.virtual.t = t
			made.linked(p.root)
			rng := rand.New(rand.NewPCG(seed, 1))
			kept := filepath.Join(t.TempDir(), "kept.json")
			if err := os.WriteFile(kept, p.get(p.lastCertificate()), 0o600); err != nil {
				t.Fatal(err)
			}
			name := ""
			for _, n := range p.names(func(n string) bool { return strings.HasPrefix(n, tt.in) && !strings.Contains(path.Base(n), "r0") }) {
				if file, changed := p.rewrite(n, func(s *sheet) bool { return tt.change(rng, s) }); changed {
					name = n
					b := p.get(n)
					file.Size, file.SHA256 = int64(len(b)), sha256.Sum256(b)
					p.forge(n, func(was *chatferry.PartFile) { tt.forge(was, file) })
					break
				}
			}
			if name == "" {
				t.Fatalf("seed %d: no file in %s could be changed", seed, tt.in)
			}
			v, e := p.verified()
			got := slices.ContainsFunc(v.Findings, func(f verify.Finding) bool { return f.Kind == tt.want && strings.HasPrefix(f.Place, tt.at) })
			if tt.want == "" {
				got = len(v.Findings) == 0
			}
			if !got || e.code == exitIncompatible {
				t.Errorf("seed %d: %s in %s: exit code %d, found %v, want %q; %s", seed, tt.name, name, e.code, v.Findings, tt.want, e.stderr)
			}
			// A certificate that is kept elsewhere was not written anew with them.
			if v, e := p.verified("--quick", "--certificate", kept); e.code != exitIncompatible || v.Certificate == nil || v.Certificate.State != certWrong {
				t.Errorf("seed %d: %s: exit code %d for a certificate of other logs: %+v; %s", seed, tt.name, e.code, v.Certificate, e.stderr)
			}
		})
	}
}

// forge changes what the logs say of a file that was committed with a Part, and writes all that follows from it anew: the
// totals, the sums and chains of all records, and the heads and tables of runs that ended. The certificates go.
func (p *proving) forge(name string, change func(*chatferry.PartFile)) {
	p.t.Helper()
	format := p.get(formatFile)
	for _, name := range p.certificates() {
		p.put(name, nil)
	}
	var delta checkpoint.TableTotals
	var table chatferry.Table
	var kind chatferry.FileKind
	heads := map[string]map[uint64]chatferry.SHA256{}
	logs, err := os.ReadDir(filepath.Join(p.root, "_chatferry", "log"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, log := range logs { // that of the dataset is the last
		prev := chatferry.SHA256(sha256.Sum256(format))
		heads[log.Name()] = map[uint64]chatferry.SHA256{}
		changed := false
		for _, record := range p.names(func(n string) bool { return path.Dir(n) == "_chatferry/log/"+log.Name() }) {
			r, err := checkpoint.DecodeRecord(p.get(record))
			if err != nil {
				p.t.Fatal(err)
			}
			if r.Commit != nil {
				for i := range r.Commit.Files {
					if f := &r.Commit.Files[i]; f.Name == name {
						delta = checkpoint.TableTotals{Rows: -f.Rows, Bytes: -f.Size}
						change(f)
						delta.Add(checkpoint.TableTotals{Rows: f.Rows, Bytes: f.Size})
						table, kind, changed = f.Table, f.Kind, true
					}
				}
			}
			if changed && r.Totals != nil {
				if kind == chatferry.FileLedger {
					r.Totals.Ledger.Add(delta)
				} else {
					sum := r.Totals.Tables[table]
					sum.Add(delta)
					r.Totals.Tables[table] = sum
				}
			}
			if done := r.RunDone; done != nil {
				for of, head := range done.Heads {
					done.Heads[of] = checkpoint.Head{N: head.N, SHA256: heads[of][head.N]}
				}
				if kind != chatferry.FileLedger {
					sum := done.Tables[table]
					sum.Add(delta)
					done.Tables[table] = sum
				}
			}
			r.Prev = prev
			b, err := r.Encode()
			if err != nil {
				p.t.Fatal(err)
			}
			p.put(record, b)
			prev = sha256.Sum256(b)
			heads[log.Name()][r.N] = prev
		}
	}
}

// What left the quarantine has to be a row or in the ledger, even where file and log agree about another record.
func TestVerifySeesThroughForgedReplays(t *testing.T) {
	const seed = 5
	dir := t.TempDir()
	p := newProving(t, seed, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, seed, p.dump)
	p.run()
	p.replay()
	if v := p.mustBeSound(); len(v.Changed) == 0 {
		t.Fatalf("seed %d: nothing was replayed", seed)
	}
	name := p.names(func(n string) bool { return strings.HasPrefix(n, "_chatferry/replayed/") })[0]
	b := editReject(t, p.get(name), rand.New(rand.NewPCG(seed, 1)), func(r map[string]any) { r["offset"] = r["offset"].(float64) + 1 })
	p.put(name, b)
	for _, certificate := range p.certificates() {
		p.put(certificate, nil)
	}
	prev := chatferry.SHA256(sha256.Sum256(p.get(formatFile)))
	for _, record := range p.names(func(n string) bool { return path.Dir(n) == "_chatferry/log/dataset" }) {
		r, err := checkpoint.DecodeRecord(p.get(record))
		if err != nil {
			t.Fatal(err)
		}
		if r.Replace != nil {
			for i := range r.Replace.Add {
				if f := &r.Replace.Add[i]; f.Name == name {
					f.Size, f.SHA256 = int64(len(b)), sha256.Sum256(b)
				}
			}
		}
		r.Prev = prev
		text, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		p.put(record, text)
		prev = sha256.Sum256(text)
	}
	v, e := p.verified()
	if len(v.Findings) != 1 || v.Findings[0].Kind != verify.Lost || v.Findings[0].Place != name || e.code != exitDiffers {
		t.Errorf("seed %d: exit code %d, found %v, want one record of %s lost; %s", seed, e.code, v.Findings, name, e.stderr)
	}
}
