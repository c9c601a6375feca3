package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatferry/cmd/chatferry/deep"
)

// deepened calls the verb with --deep.
func (p *proving) deepened(more ...string) (verified, ended) {
	p.t.Helper()
	return p.verified(append([]string{"--deep"}, more...)...)
}

// edit changes a file of the dump so that nothing of its listing tells.
func (p *proving) edit(name string, change func([]byte) []byte) {
	p.t.Helper()
	full := filepath.Join(p.dump, name)
	info, err := os.Stat(full)
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := os.ReadFile(full)
	if err != nil {
		p.t.Fatal(err)
	}
	after := change(bytes.Clone(b))
	if len(after) != len(b) || bytes.Equal(after, b) {
		p.t.Fatalf("seed %d: %s was not changed, or not in its place", p.seed, name)
	}
	if err := os.WriteFile(full, after, 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Chtimes(full, info.ModTime(), info.ModTime()); err != nil {
		p.t.Fatal(err)
	}
}

// However a dataset came about, it is equal to its dump, and each record is accounted for. That a dataset is settled, joined
// or grown moves its rows into other files.
func TestDeepOfSoundDatasets(t *testing.T) {
	for _, shape := range provingShapes {
		if shape.name == "settled" || shape.name == "less deleted" || shape.name == "killed" {
			continue // nothing of these is not in the others
		}
		t.Run(shape.name, func(t *testing.T) {
			const seed = 5
			dir := t.TempDir()
			p := newProving(t, seed, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
			provingDump(t, seed, p.dump)
			shape.make(p)
			v, e := p.deepened()
			if e.code != exitDone || v.Deep == nil || len(v.Deep.Differences) > 0 {
				t.Fatalf("seed %d: exit code %d: %s", seed, e.code, e.stdout)
			}
			for name, b := range v.Streams {
				want := deep.Tally{
					Source: b.Read.N, Bytes: b.Read.Bytes, Equal: b.Loaded.N, Quarantined: b.Quarantined.N,
					Excluded: b.ExcludedTotal().N, Superseded: b.Superseded.N,
				}
				got := v.Deep.Streams[name]
				if (got.ByRule > 0) != (shape.name == "replayed" && name == "chats") {
					t.Errorf("seed %d: %s: %d records changed by a rule", seed, name, got.ByRule)
				}
				got.Equal, got.ByRule = got.Equal+got.ByRule, 0
				if got != want {
					t.Errorf("seed %d: %s: compared %+v, the books say %+v", seed, name, got, want)
				}
			}
			if v.Deep.Parts != v.Parts {
				t.Errorf("seed %d: %d of %d parts were compared", seed, v.Deep.Parts, v.Parts)
			}
		})
	}
}

// Whatever the source has that the dataset has not, or has otherwise, is named by its id, its place and its field.
func TestDeepFindsChanges(t *testing.T) {
	const seed = 6
	dir := t.TempDir()
	p := newProving(t, seed, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
	provingDump(t, seed, p.dump)
	p.run()
	names, err := filepath.Glob(filepath.Join(p.dump, "chats", "*"))
	if err != nil || len(names) < 2 {
		t.Fatalf("%v: %v", names, err)
	}
	first := "chats/" + filepath.Base(names[0])
	whole := p.mustBeSound()

	for _, c := range []struct {
		name   string
		change func(lines [][]byte) // the lines of a file of chats, in place
		kind   deep.Kind
		field  string
	}{
		{"a value", func(lines [][]byte) {
			line := lines[lineWith(lines, `"browser":"`)]
			line[bytes.Index(line, []byte(`"browser":"`))+11] ^= 1
		}, deep.Changed, "session.browser"},
		{"a value far inside", func(lines [][]byte) {
			line := lines[lineWith(lines, `"history":[{`)]
			at := bytes.Index(line, []byte(`"history":[{`))
			at += bytes.Index(line[at:], []byte(`"timestamp":"20`))
			line[at+len(`"timestamp":"2006-01-02T15:04:0`)] ^= 1
		}, deep.Changed, "history["},
		{"white space", func(lines [][]byte) {
			line := lines[lineWith(lines, `,"type":`)]
			at := bytes.Index(line, []byte(`,"type":`))
			copy(line[at:], `, "type"`)
		}, deep.Changed, ""},
		{"a record gone", func(lines [][]byte) {
			line := lines[lineWith(lines, `"type":"chat"`)]
			copy(line, bytes.Repeat([]byte{' '}, len(line)-1))
		}, deep.Extra, ""},
		{"a record broken", func(lines [][]byte) {
			line := lines[lineWith(lines, `"type":"chat"`)]
			line[0] = '!'
		}, deep.Changed, ""},
		{"a record more", func(lines [][]byte) {
			// A record that is cut in two: the second half is one more.
			line := lines[lineWith(lines, `"type":"chat"`)]
			copy(line[len(line)-30:], "}\n{\"id\":\"9912.1.M\",\"z\":1}   ")
		}, deep.Missing, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := p.getDump(first)
			p.edit(first, func(b []byte) []byte {
				lines := bytes.SplitAfter(b, []byte{'\n'})
				c.change(lines)
				return bytes.Join(lines, nil)
			})
			v, e := p.deepened("--from", p.dump)
			named := v.Deep != nil && slices.ContainsFunc(v.Deep.Differences, func(d deep.Difference) bool {
				return d.Kind == c.kind && strings.HasPrefix(d.Place, first) &&
					(c.field == "" || slices.ContainsFunc(d.Fields, func(f string) bool { return strings.HasPrefix(f, c.field) }))
			})
			if e.code != exitDiffers || !named || len(v.Findings) > 0 {
				t.Errorf("seed %d: exit code %d: %s", seed, e.code, e.stdout)
			}
			if v.Deep != nil && (c.kind == deep.Changed && c.field != "" && (len(v.Deep.Differences) != 1 || v.Deep.Differences[0].ID == "")) {
				t.Errorf("seed %d: found %+v", seed, v.Deep.Differences)
			}
			p.edit(first, func([]byte) []byte { return before })
		})
	}
	t.Run("a file more", func(t *testing.T) {
		more := filepath.Join(p.dump, "chats", "zz.ndjson")
		if err := os.WriteFile(more, []byte("{\"id\":\"x\"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		v, e := p.deepened()
		if e.code != exitDiffers || len(v.Deep.Differences) != 1 || v.Deep.Differences[0].Place != "chats/zz.ndjson" {
			t.Errorf("exit code %d: %s", e.code, e.stdout)
		}
		if err := os.Remove(more); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a sample", func(t *testing.T) {
		v, e := p.deepened("--sample", "40%")
		if e.code != exitDone || v.Deep.Parts == 0 || v.Deep.Parts >= whole.Parts || v.Deep.Parts != v.PartsProven {
			t.Errorf("exit code %d, %d of %d parts: %s", e.code, v.Deep.Parts, whole.Parts, e.stderr)
		}
	})
	t.Run("a damaged dataset", func(t *testing.T) {
		name := pick(rand.New(rand.NewPCG(seed, 0)), p.names(isRows))
		b := p.get(name)
		p.put(name, b[:len(b)-1])
		v, e := p.deepened()
		if e.code != exitDiffers || v.Deep != nil {
			t.Errorf("exit code %d: the source was looked at though the dataset is damaged: %s", e.code, e.stdout)
		}
		p.put(name, b)
	})
}

// lineWith is the first line, of a record that is sound, that holds a text.
func lineWith(lines [][]byte, text string) int {
	return slices.IndexFunc(lines, func(line []byte) bool { return json.Valid(line) && bytes.Contains(line, []byte(text)) })
}

func (p *proving) getDump(name string) []byte {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dump, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}
