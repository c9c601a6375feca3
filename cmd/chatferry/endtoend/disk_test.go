package endtoend

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A disk that fails for good, in the middle of the real program: it ends with the exit code of the environment and one
// sentence that names the file, and once the disk works again the dataset comes out as if nothing had happened.
func TestDiskFailsForGood(t *testing.T) {
	r := newCrashRig(t, 60, "--streams", "agents,chats", "--lanes", "1", "--page-size", "16KiB", "--part-size", "64KiB", "--shard-size", "64KiB")
	faults := []string{"ENOSPC", "EROFS", "EIO", "EACCES"}
	base := t.TempDir()
	const stride = 9
	each(r.ops/stride, func(i int) {
		n, fault := i*stride-i%stride, faults[i%len(faults)]
		when := fmt.Sprintf("%s from operation %d on", fault, n)
		root := filepath.Join(base, fmt.Sprint(i))
		e := r.run(t, root, fmt.Sprintf("failfrom:%d:%s", n, fault))
		if e.code != 3 {
			t.Errorf("%s: the program ended with %d: %s", when, e.code, e.stderr)
		}
		last := strings.TrimSpace(e.stderr)
		last = last[strings.LastIndex(last, "\n")+1:]
		if !strings.HasPrefix(last, "chatferry: ") || !strings.Contains(last, "_chatferry") && !strings.Contains(last, "tables") {
			t.Errorf("%s: the last line does not name the file: %s", when, e.stderr)
		}
		r.sane(t, root, when, false)
		r.finishes(t, root, when)
		os.RemoveAll(root)
	})
}

// What a person may get wrong about the dump ends with a documented exit code, and what is committed stays.
func TestDumpThatIsNotAsItWas(t *testing.T) {
	r := newCrashRig(t, 60, "--streams", "agents,chats", "--lanes", "1", "--page-size", "16KiB", "--part-size", "64KiB", "--shard-size", "64KiB")
	chats := filepath.Join(r.dump, "chats", "2021-10.json")
	original, err := os.ReadFile(chats)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(chats)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		spoil  func() error
		exit   int
		naming string
	}{
		{"changed", func() error { return os.WriteFile(chats, append(original, ' '), 0o600) }, 8, "2021-10.json"},
		{"touched", func() error { return os.WriteFile(chats, original, 0o600) }, 8, "2021-10.json"},
		{"gone", func() error { return os.Remove(chats) }, 8, "2021-10.json"},
		{"folder gone", func() error { return os.RemoveAll(filepath.Join(r.dump, "chats")) }, 8, "chats"},
	} {
		root := filepath.Join(t.TempDir(), "out")
		if e := r.run(t, root, fmt.Sprintf("kill:%d", r.ops/2)); e.signal == 0 {
			t.Fatalf("%s: the first run was not killed: %s", c.name, e.stderr)
		}
		if err := c.spoil(); err != nil {
			t.Fatal(err)
		}
		if e := call(t, "", r.goOn(root)...); e.code != c.exit || !strings.Contains(e.stderr, c.naming) {
			t.Errorf("%s: exit %d: %s", c.name, e.code, e.stderr)
		}
		r.sane(t, root, c.name, false)
		if err := os.MkdirAll(filepath.Dir(chats), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(chats, original, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(chats, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		if c.name != "folder gone" { // which took the other file with it
			r.finishes(t, root, c.name)
		}
	}
}
