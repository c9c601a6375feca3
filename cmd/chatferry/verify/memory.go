package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Memory is what was proven by verifications of a dataset that were stopped before their end. What is proven is kept by
// groups, under a key that changes with all that their proof depends on: the version, size and digests of each file, and the
// books of each Part. So nothing that has changed since is recalled, in the logs or among the files. Names and sizes of
// files are looked at again in any case, and keys are compared again.
type Memory struct {
	// Known are the keys of groups that were proven.
	Known map[string]bool
	Since time.Time // when the first of them was
	// Keep remembers the key of a group. It is called by one goroutine at a time.
	Keep func(key string) error
	// Version tells the file that has a name now from those that may have it at other times; "": it is not there.
	Version func(name string) string
}

// recall asks for what earlier verifications proved.
func (v *verifier) recall(ctx context.Context) (err error) {
	if v.o.Memory != nil {
		v.memory, err = v.o.Memory(ctx, v.d)
	}
	return err
}

// proveGroup reads the files of a group, unless that was done before, and remembers it if all is as it should be.
func (v *verifier) proveGroup(ctx context.Context, g *group) error {
	key := v.keyOf(g)
	if key != "" && v.memory.Known[key] {
		v.count(g)
		return nil
	}
	if err := v.readGroup(ctx, g); err != nil || key == "" || !v.sound(g) {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.memory.Keep(key)
}

// keyOf is the key of a group; "" if nothing is to be recalled or kept of it.
func (v *verifier) keyOf(g *group) string {
	if v.memory == nil {
		return ""
	}
	h := sha256.New()
	line := func(format string, args ...any) { fmt.Fprintf(h, format+"\n", args...) } // never fails
	for _, f := range g.files {
		version := v.memory.Version(f.Name)
		if version == "" || v.isBroken(f.Name) {
			return ""
		}
		line("%q %q %s %q %d %s %d %s %s", f.Name, version, f.Kind, f.Table, f.Size, f.SHA256, f.Rows, f.E, f.V)
	}
	for _, id := range g.parts {
		books, _ := v.d.PartBooks(id)
		text, err := json.Marshal(books)
		if err != nil {
			return ""
		}
		line("%s %d %s %s", id.Shard, id.Seq, v.streams[id.Shard], text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sound reports whether nothing was found in a group.
func (v *verifier) sound(g *group) bool {
	places := map[string]bool{}
	for _, f := range g.files {
		places[f.Name] = true
		if v.isBroken(f.Name) {
			return false
		}
	}
	for _, id := range g.parts {
		places[partPlace(id, v.streams[id.Shard])] = true
	}
	return !v.found.has(places)
}

// count counts a group that was proven before as one that is proven now. What was recomputed then is what the logs say.
func (v *verifier) count(g *group) {
	v.advance(g.size())
	for _, id := range g.parts {
		books, _ := v.d.PartBooks(id)
		v.prove(v.streams[id.Shard], &books)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range g.files {
		v.report.ReadFiles++
		v.report.Recalled++
		v.report.Rows += f.Rows
		v.report.Bytes += f.Size
	}
	v.report.Since = v.memory.Since
}

// The form of the file that a Memory is kept in: a line that says of what, and a line for each key. A line that was cut off
// by a kill is passed over.
const memoryForm = "chatferry verify 1"

// MemoryHeader is the first line of such a file. About is what must be the same for its keys to be worth anything.
func MemoryHeader(begun time.Time, about string) string {
	return fmt.Sprintf("%s %s %q", memoryForm, begun.UTC().Format(time.RFC3339), about)
}

// ReadMemory reads such a file; ok is false if it is about something else.
func ReadMemory(text, about string) (known map[string]bool, begun time.Time, ok bool) {
	lines := strings.Split(text, "\n")
	fields := strings.SplitN(strings.TrimPrefix(lines[0], memoryForm+" "), " ", 2)
	begun, err := time.Parse(time.RFC3339, fields[0])
	if err != nil || lines[0] != MemoryHeader(begun, about) || len(lines) < 2 {
		return nil, time.Time{}, false
	}
	known = map[string]bool{}
	for _, key := range lines[1 : len(lines)-1] { // the last has no end
		if len(key) == hex.EncodedLen(sha256.Size) {
			known[key] = true
		}
	}
	return known, begun, true
}
