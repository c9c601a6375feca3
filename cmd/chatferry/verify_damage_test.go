package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"chatferry/checkpoint"
)

// damage changes a dataset somewhere, and returns what verify may name: one of these files or records has to be among the
// places of its findings. Nothing is returned if the dataset has nothing that it could be done to.
type damage struct {
	name string
	do   func(p *proving, rng *rand.Rand, before *proving) (places []string)
}

var damages = []damage{
	{"a bit flipped", func(p *proving, rng *rand.Rand, _ *proving) []string {
		name := pick(rng, p.names(nil))
		b := p.get(name)
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		p.put(name, b)
		return near(name)
	}},
	{"a bit of a log flipped", func(p *proving, rng *rand.Rand, _ *proving) []string {
		name := pick(rng, p.names(isRecord))
		b := p.get(name)
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		p.put(name, b)
		return near(name)
	}},
	{"cut off", func(p *proving, rng *rand.Rand, _ *proving) []string {
		name := pick(rng, p.names(nil))
		b := p.get(name)
		p.put(name, b[:rng.IntN(len(b))])
		return near(name)
	}},
	{"something behind it", func(p *proving, rng *rand.Rand, _ *proving) []string {
		name := pick(rng, p.names(nil))
		p.put(name, append(p.get(name), '\n'))
		return near(name)
	}},
	{"a row removed", func(p *proving, rng *rand.Rand, _ *proving) []string {
		return p.rewritten(rng, isRows, func(s *sheet) bool { return s.remove(rng) })
	}},
	{"a row doubled", func(p *proving, rng *rand.Rand, _ *proving) []string {
		return p.rewritten(rng, isRows, func(s *sheet) bool { return s.double(rng) })
	}},
	{"a value changed", func(p *proving, rng *rand.Rand, _ *proving) []string {
		return p.rewritten(rng, isRows, func(s *sheet) bool { return s.change(rng) })
	}},
	{"the ledger edited", func(p *proving, rng *rand.Rand, _ *proving) []string {
		return p.rewritten(rng, isLedger, func(s *sheet) bool {
			if rng.IntN(2) == 0 {
				return s.remove(rng)
			}
			return s.change(rng)
		})
	}},
	{"two files swapped", func(p *proving, rng *rand.Rand, _ *proving) []string {
		names := p.names(isData)
		a, b := pick(rng, names), pick(rng, names)
		one, other := p.get(a), p.get(b)
		if bytes.Equal(one, other) {
			return nil
		}
		p.put(a, other)
		p.put(b, one)
		return []string{a, b}
	}},
	{"a file missing", func(p *proving, rng *rand.Rand, _ *proving) []string {
		name := pick(rng, p.names(isData))
		p.put(name, nil)
		return []string{name}
	}},
	{"FORMAT missing", func(p *proving, _ *rand.Rand, _ *proving) []string {
		p.put(formatFile, nil)
		return []string{formatFile}
	}},
	{"a file too many", func(p *proving, rng *rand.Rand, _ *proving) []string {
		like := pick(rng, p.names(isData))
		name := path.Dir(like) + "/part-000000009999-000000000001" + path.Ext(like)
		p.put(name, p.get(like))
		return []string{name}
	}},
	{"a file of an older run", func(p *proving, rng *rand.Rand, before *proving) []string {
		there := p.virtual.files()
		stale := before.names(func(name string) bool { return isData(name) && there[name] == "" })
		if len(stale) == 0 {
			return nil
		}
		name := pick(rng, stale)
		p.put(name, before.get(name))
		return []string{name}
	}},
	{"a record edited", func(p *proving, rng *rand.Rand, _ *proving) []string {
		name := pick(rng, p.names(isRecord))
		b := p.get(name)
		digits := bytes.IndexAny(b[20:], "123456789") + 20
		b[digits]--
		p.put(name, b)
		return near(name)
	}},
	{"a record written anew", func(p *proving, rng *rand.Rand, _ *proving) []string {
		name := pick(rng, p.names(isRecord))
		r, err := checkpoint.DecodeRecord(p.get(name))
		if err != nil {
			p.t.Fatal(err)
		}
		r.Nonce += "x"
		b, err := r.Encode()
		if err != nil {
			p.t.Fatal(err)
		}
		p.put(name, b)
		return near(name)
	}},
	{"a record removed", func(p *proving, rng *rand.Rand, _ *proving) []string {
		name := pick(rng, p.names(isRecord))
		p.put(name, nil)
		return near(name)
	}},
	{"two records swapped", func(p *proving, rng *rand.Rand, _ *proving) []string {
		names := p.names(isRecord)
		a := pick(rng, names)
		names = slices.DeleteFunc(names, func(name string) bool { return path.Dir(name) != path.Dir(a) || name == a })
		if len(names) == 0 {
			return nil
		}
		b := pick(rng, names)
		one, other := p.get(a), p.get(b)
		p.put(a, other)
		p.put(b, one)
		return near(a)
	}},
	{"a log removed", func(p *proving, rng *rand.Rand, _ *proving) []string {
		log := path.Dir(pick(rng, p.names(func(name string) bool { return isRecord(name) && !strings.Contains(name, "/dataset/") })))
		var gone []string
		for _, name := range p.names(isRecord) {
			if path.Dir(name) == log {
				p.put(name, nil)
				gone = append(gone, near(name)...)
			}
		}
		return gone
	}},
	{"the end of the dataset's log removed", func(p *proving, rng *rand.Rand, _ *proving) []string {
		names := p.names(func(name string) bool { return isRecord(name) && strings.Contains(name, "/dataset/") })
		for _, name := range names[1+rng.IntN(len(names)-1):] {
			p.put(name, nil)
		}
		return near(names[0])
	}},
	{"the certificate edited", func(p *proving, rng *rand.Rand, _ *proving) []string {
		name := p.lastCertificate()
		p.put(name, editCertificate(p.get(name), rng))
		return []string{name, "_chatferry/log/dataset/", "_chatferry/log/000000000001/"}
	}},
	{"the quarantine edited", func(p *proving, rng *rand.Rand, _ *proving) []string {
		names := p.names(func(name string) bool { return strings.HasSuffix(name, ".zst") })
		if len(names) == 0 {
			return nil
		}
		name := pick(rng, names)
		p.put(name, editReject(p.t, p.get(name), rng, func(r map[string]any) { r["reason"] = fmt.Sprint(r["reason"], "!") }))
		return []string{name}
	}},
}

func isData(name string) bool {
	return !isRecord(name) && name != formatFile
}
func isRecord(name string) bool { return strings.HasPrefix(name, "_chatferry/log/") }
func isRows(name string) bool   { return strings.HasPrefix(name, "tables/") }
func isLedger(name string) bool { return strings.HasPrefix(name, "_chatferry/ledger/") }

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }

// near are the places by which damage to a file may show: that of a record also by those beside it, or by that of a Shard
// the log of the dataset, which knows its head, and that of FORMAT by the first record that follows it.
func near(name string) []string {
	if isRecord(name) {
		return []string{path.Dir(name) + "/"}
	}
	if name == formatFile {
		return []string{name, "_chatferry/log/dataset/"}
	}
	return []string{name}
}

// editReject changes one Reject.
func editReject(t *testing.T, b []byte, rng *rand.Rand, edit func(reject map[string]any)) []byte {
	t.Helper()
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	text, err := d.DecodeAll(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	i := rng.IntN(len(lines))
	var reject map[string]any
	if err := json.Unmarshal(lines[i], &reject); err != nil {
		t.Fatal(err)
	}
	edit(reject)
	if lines[i], err = json.Marshal(reject); err != nil {
		t.Fatal(err)
	}
	lines[i] = append(lines[i], '\n')
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	return e.EncodeAll(bytes.Join(lines, nil), nil)
}

// Whatever is done to a finished dataset is found, and the place of it is named.
func TestVerifyFindsDamage(t *testing.T) {
	const seed = 1
	dir := t.TempDir()
	var made, before []*proving
	for _, name := range []string{"loose", "grown", "grown and joined"} {
		p := newProving(t, seed, filepath.Join(dir, name, "dump"), filepath.Join(dir, name, "data"))
		provingDump(t, seed, p.dump)
		p.run("--settle", "false")
		old := newProving(t, seed, p.dump, filepath.Join(dir, name, "before"))
		p.linked(old.root)
		if name != "loose" {
			p.grow()
			p.run()
		}
		if name == "grown and joined" {
			p.replay()
			p.carries(whole, "compact", p.root)
		}
		p.mustBeSound()
		made, before = append(made, p), append(before, old)
	}
	done, found := map[string]int{}, map[string]int{}
	for i := 0; len(done) < len(damages) || i < *damageCases; i++ {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		d := damages[i%len(damages)]
		k := rng.IntN(len(made))
		p := newProving(t, uint64(i), "", filepath.Join(dir, "damaged"))
		made[k].linked(p.root)
		places := d.do(p, rng, before[k])
		if places != nil {
			done[d.name]++
			p.mustBeFound(d.name, places, found)
		}
		if err := os.RemoveAll(p.root); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			break
		}
		if i > 20*len(damages)+*damageCases {
			t.Fatalf("seed %d: nothing could be done of some kinds of damage: %v", seed, done)
		}
	}
	t.Logf("damage: %v; found: %v", done, found)
}

// mustBeFound holds what verify finds against where the damage is.
func (p *proving) mustBeFound(what string, places []string, found map[string]int) {
	p.t.Helper()
	v, e := p.verified()
	named := false
	for _, f := range v.Findings {
		found[string(f.Kind)]++
		named = named || slices.ContainsFunc(places, func(place string) bool {
			return f.Place == place || strings.HasSuffix(place, "/") && strings.HasPrefix(f.Place, place)
		})
	}
	if !named || e.code != exitDiffers && e.code != exitIncompatible {
		p.t.Errorf("case %d, %s of %v: exit code %d, found %v", p.seed, what, places, e.code, v.Findings)
	}
}
