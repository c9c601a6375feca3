package endtoend

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"chatferry/checkpoint/objectstore/realserver"
)

var replayKills = flag.Int("replay-kills", 5, "how often a replay of records in quarantine is killed at random")

// replayRig is a dataset with records in quarantine, and rules for most of them.
type replayRig struct {
	dump, base, rules string
	want              map[string]string // what an undisturbed replay leaves
	ops               int               // its operations that change the disk
}

func newReplayRig(t *testing.T) *replayRig {
	t.Helper()
	dir := t.TempDir()
	r := &replayRig{dump: filepath.Join(dir, "dump"), base: filepath.Join(dir, "base"), rules: filepath.Join(dir, "rules.yaml")}
	var chats strings.Builder
	for i := range 40 {
		again := ""
		if i%3 == 0 {
			again = `,"comment":"a","comment":"b"`
		}
		fmt.Fprintf(&chats, `{"id":"c%d","type":"chat","update_timestamp":"2021-03-%02dT00:00:00Z","visitor":{"id":"v%d"},"history":[{"msg":"hi"}]%s}`+"\n", i%25, 1+i%28, i%4, again)
	}
	chats.WriteString("{\"id\":\n")
	writeFile(t, r.dump, "chats/a.ndjson", []byte(chats.String()))
	writeFile(t, r.dump, "agents/a.ndjson", []byte(`{"id":1,"display_name":"a"}`+"\n"+`{"id":2,"id":3}`+"\n"))
	writeFile(t, dir, "rules.yaml", []byte("rules: [{for: {code: duplicate_key}, duplicate_keys: last}]\n"))
	if e := call(t, "", r.run(r.base)...); e.code != 4 {
		t.Fatalf("the run ended with %d: %s", e.code, e.stderr)
	}
	root, count := filepath.Join(dir, "undisturbed"), filepath.Join(dir, "count")
	r.copy(t, root)
	if e := call(t, "count:"+count, r.replay(root)...); e.code != 4 || !strings.Contains(e.stdout, "Replayed 15 records by the rules of rules.yaml: 15 loaded") {
		t.Fatalf("the undisturbed replay ended with %d: %s%s", e.code, e.stdout, e.stderr)
	}
	text, err := os.ReadFile(count)
	if err == nil {
		r.ops, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil || r.ops < 50 {
		t.Fatalf("an undisturbed replay counts %q operations: %v", text, err)
	}
	r.want = treeOf(t, root)
	return r
}

func (r *replayRig) run(root string) []string {
	return []string{"run", "--from", r.dump, "--to", root, "--lanes", "1", "--max-bad-records", "100%", "--progress", "none"}
}

func (r *replayRig) replay(root string) []string {
	return []string{"quarantine", "replay", root, "--rule", r.rules, "--progress", "none"}
}

func (r *replayRig) copy(t *testing.T, root string) {
	t.Helper()
	if err := os.CopyFS(root, os.DirFS(r.base)); err != nil {
		t.Fatal(err)
	}
}

// The real program, killed at random while it replays, and whatever verb comes next, itself killed or not: in the end every
// record is loaded once, the books close, and the files are those of a replay that was not disturbed.
func TestReplayKilledAtRandom(t *testing.T) {
	r := newReplayRig(t)
	base := t.TempDir()
	rng := rand.New(rand.NewPCG(*killsSeed, 13))
	between := map[string]func(root string) []string{
		"nothing": nil,
		"run":     r.run,
		"resume":  func(root string) []string { return []string{"resume", root, "--progress", "none"} },
		"compact": func(root string) []string { return []string{"compact", root, "--progress", "none"} },
		"replay":  r.replay,
	}
	names := slices.Sorted(maps.Keys(between))
	for kills := 0; kills < *replayKills; {
		at, name := 1+rng.IntN(r.ops), names[rng.IntN(len(names))]
		when := fmt.Sprintf("seed %d: killed before operation %d of %d, then %s", *killsSeed, at, r.ops, name)
		root := filepath.Join(base, strconv.Itoa(kills))
		r.copy(t, root)
		if e := call(t, fmt.Sprintf("kill:%d", at), r.replay(root)...); e.signal != syscall.SIGKILL {
			t.Fatalf("%s: ended with %d: %s", when, e.code, e.stderr)
		}
		kills++
		if next := between[name]; next != nil {
			fault := ""
			if rng.IntN(3) == 0 {
				fault = fmt.Sprintf("kill:%d", 1+rng.IntN(30))
				when += " with " + fault
			}
			// A run that brings no replay to its end answers for nothing that is left.
			if e := call(t, fault, next(root)...); e.signal == syscall.SIGKILL {
				kills++
			} else if e.code != 4 && e.code != 0 {
				t.Fatalf("%s: ended with %d: %s", when, e.code, e.stderr)
			}
		}
		if e := call(t, "", r.replay(root)...); e.code != 4 || !strings.Contains(e.stderr, "in quarantine there is still 1 record") {
			t.Errorf("%s: the last replay ended with %d: %s", when, e.code, e.stderr)
		}
		if got := treeOf(t, root); !maps.Equal(got, r.want) {
			t.Errorf("%s: %d files are left, undisturbed %d, or they differ", when, len(got), len(r.want))
		}
		if e := call(t, "", "verify", root, "--progress", "none"); e.code != 0 {
			t.Errorf("%s: verify ended with %d: %s%s", when, e.code, e.stdout, e.stderr)
		}
		if err := os.RemoveAll(root); err != nil {
			t.Fatal(err)
		}
	}
}

// In a bucket of a real server a replay leaves the objects that it leaves on a disk, and no upload.
func TestReplayOnS3(t *testing.T) {
	r := newReplayRig(t)
	server := realserver.Start(t)
	useServer(t, server)
	t.Setenv("CHATFERRY_TMP_DIR", t.TempDir())
	root := "s3://" + server.Bucket + "/replayed"
	for _, args := range [][]string{r.run(root), r.replay(root), r.replay(root)} {
		if e := call(t, "", args...); e.code != 4 {
			t.Fatalf("%v ended with %d: %s%s", args, e.code, e.stdout, e.stderr)
		}
	}
	bucket := server.Open(t, "replayed")
	if got := objects(t, bucket); !maps.Equal(got, r.want) {
		t.Errorf("%d objects are left, on a disk %d files, or they differ", len(got), len(r.want))
	}
	if open := uploadsOf(t, bucket); len(open) > 0 {
		t.Errorf("uploads are open: %v", open)
	}
	if e := call(t, "", "verify", root, "--progress", "none"); e.code != 0 {
		t.Errorf("verify ended with %d: %s%s", e.code, e.stdout, e.stderr)
	}
	if e := call(t, "", "discard", root, "--yes"); e.code != 0 {
		t.Errorf("discard ended with %d: %s", e.code, e.stderr)
	}
	if left := objects(t, bucket); len(left) > 0 {
		t.Errorf("discard left %v", left)
	}
}
