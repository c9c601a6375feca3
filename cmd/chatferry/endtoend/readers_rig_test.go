package endtoend

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"chatferry/transform"
)

// readersRig is a dataset whose rows are exchanged beside readers.
type readersRig struct {
	dump, base string
	compacts   bool
	before     rowsSeen // what base shows
	after      rowsSeen // what the verb leaves: all of it was there before, and is to be seen all the time
	ops        int      // state-changing operations of an undisturbed verb
}

// newReadersRig carries three nights over, in which chats were touched, in small Parts and in every version. A dataset that
// is to be compacted is settled as well.
func newReadersRig(t *testing.T, compacts bool) *readersRig {
	t.Helper()
	dir := t.TempDir()
	r := &readersRig{dump: filepath.Join(dir, "dump"), base: filepath.Join(dir, "base"), compacts: compacts}
	newest := map[string]time.Time{}
	long := strings.Repeat(", and so on", 100) // so that a night has many Pages
	for night := range 3 {
		at := time.Date(2021, 11, 1+night, 10, 0, 0, 0, time.UTC)
		var text strings.Builder
		for i := range 24 {
			n := i*(night+1) + night*7
			id := fmt.Sprintf("2111.77.S%012d", n)
			newest[id] = at
			fmt.Fprintf(&text, `{"id":%q,"type":"chat","update_timestamp":%q,"visitor":{"id":"77.V%d"},"history":[`, id, at.Format(time.RFC3339), n%7)
			for line := range 1 + n%3 {
				fmt.Fprintf(&text, `%s{"type":"chat.msg","timestamp":"2021-11-01T10:00:0%dZ","msg":"night %d%s"}`, ",,"[:min(line, 1)], line, night, long)
			}
			text.WriteString(`],"webpath":[{"to":"https://acme.example/","timestamp":"2021-11-01T09:59:00Z"}]}` + "\n")
		}
		writeFile(t, r.dump, at.Format(time.DateOnly)+"/chats.ndjson", []byte(text.String()))
	}
	run := []string{"run", "--from", r.dump, "--to", r.base, "--lanes", "1", "--page-size", "16KiB", "--part-records", "8", "--settle", strconv.FormatBool(compacts)}
	if e := call(t, "", append(run, "--progress", "none")...); e.code != 0 {
		t.Fatalf("the first run ended with %d: %s", e.code, e.stderr)
	}
	r.before, _ = globbed(t, r.base)

	root, count := filepath.Join(dir, "undisturbed"), filepath.Join(dir, "count")
	r.copy(t, root)
	if e := call(t, "count:"+count, r.verb(root)...); e.code != 0 {
		t.Fatalf("the undisturbed run ended with %d: %s", e.code, e.stderr)
	}
	text, err := os.ReadFile(count)
	if err != nil {
		t.Fatal(err)
	}
	if r.ops, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil || r.ops < 100 {
		t.Fatalf("an undisturbed run counts %q operations: %v", text, err)
	}
	r.after, _ = globbed(t, root)

	// What is left is what was made: one row a chat, its newest, with as many lines.
	left, lines := map[string]time.Time{}, 0
	for row := range r.after {
		switch {
		case row.table == "chats" && left[row.id].IsZero():
			left[row.id] = row.version
		case row.table == "chats":
			t.Fatalf("two rows of %s are left", row.id)
		case row.table == "chat_history":
			lines++
		}
	}
	want := 0
	for id, at := range newest {
		if !left[id].Equal(at) {
			t.Fatalf("of %s is left %v, its newest version is of %v", id, left[id], at)
		}
		n, err := strconv.Atoi(strings.TrimPrefix(id, "2111.77.S"))
		if err != nil {
			t.Fatal(err)
		}
		want += 1 + n%3
	}
	if len(left) != len(newest) || lines != want {
		t.Fatalf("%d chats with %d lines are left, there are %d with %d", len(left), lines, len(newest), want)
	}
	if r.compacts != (len(r.before) == len(r.after)) {
		t.Fatalf("%d rows became %d", len(r.before), len(r.after))
	}
	return r
}

func (r *readersRig) verb(root string) []string {
	if r.compacts {
		return []string{"compact", root, "--progress", "none"}
	}
	return []string{"run", "--from", r.dump, "--to", root, "--settle", "true", "--progress", "none"}
}

func (r *readersRig) copy(t *testing.T, root string) {
	t.Helper()
	if err := os.CopyFS(root, os.DirFS(r.base)); err != nil {
		t.Fatal(err)
	}
}

// start starts the program. The channel is closed when the process has ended.
func start(t *testing.T, fault string, args ...string) (*exec.Cmd, <-chan struct{}) {
	t.Helper()
	cmd := command(t, fault, args...)
	return cmd, begin(t, cmd)
}

// begin starts a process, which ends with the test. The channel is closed when it has ended.
func begin(t *testing.T, cmd *exec.Cmd) <-chan struct{} {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // its state is looked at
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	return ended
}

// row is a row of a table: by its chat, by its version if it is a chat, and by all of its cells, but the one that tells with
// which Part it was loaded: a range that is read again gives the same row in a later Part.
type row struct {
	table, id string
	version   time.Time
	cells     [sha256.Size]byte
}

// rowsSeen counts rows. Those of chat_visitors are not among them, since they are derived at the end.
type rowsSeen map[row]int

// add reads a file whole.
func (s rowsSeen) add(t *testing.T, name string, data []byte) {
	t.Helper()
	table := filepath.Base(filepath.Dir(name))
	readParquet(t, name, data, func(leaves []leaf, cells [][]parquet.Value) {
		r := row{table: table}
		var text []byte
		for i, l := range leaves {
			if l.name == transform.ColumnSourceSeq {
				continue
			}
			for _, v := range cells[i] {
				text = append(text, byte(i), byte(v.Kind()), byte(v.DefinitionLevel()), byte(v.RepetitionLevel()))
				text = append(v.AppendBytes(text), 0)
			}
			switch {
			case l.name == "chat_id" || l.name == "id" && table == "chats":
				r.id = cells[i][0].String()
			case l.name == "update_timestamp" && table == "chats":
				r.version = time.UnixMicro(cells[i][0].Int64()).UTC()
			}
		}
		r.cells = sha256.Sum256(text)
		if table != "chat_visitors" {
			s[r]++
		}
	})
}

// missing returns a row of want that is not there, or "".
func (s rowsSeen) missing(want rowsSeen) string {
	for r := range want {
		if s[r] == 0 {
			return fmt.Sprintf("a row of %s in %s, version %v", r.id, r.table, r.version)
		}
	}
	return ""
}

// more returns a row that is there more than so many times, or "".
func (s rowsSeen) more(times int) string {
	for r, n := range s {
		if n > times {
			return fmt.Sprintf("a row of %s in %s, %d times", r.id, r.table, n)
		}
	}
	return ""
}

// openFiles are files of tables that a reader has opened and not read yet.
type openFiles []*os.File

func (o openFiles) close() {
	for _, f := range o {
		f.Close()
	}
}

func (o openFiles) names() []string {
	names := make([]string, len(o))
	for i, f := range o {
		names[i] = f.Name()
	}
	return names
}

// read reads all of them and closes them.
func (o openFiles) read(t *testing.T) rowsSeen {
	t.Helper()
	defer o.close()
	seen := rowsSeen{}
	for _, f := range o {
		data, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		seen.add(t, f.Name(), data)
	}
	return seen
}

// openGlobbed lists every table and opens the files, as a reader does that knows nothing but their names. When a file is gone
// that was listed, it lists the table again; it returns how often.
func openGlobbed(t *testing.T, root string) (all openFiles, again int) {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(root, "tables/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		for {
			names, err := filepath.Glob(filepath.Join(table, "*.parquet"))
			if err != nil {
				t.Fatal(err)
			}
			opened, err := openAll(names)
			if err == nil {
				all = append(all, opened...)
				break
			}
			if !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			again++
		}
	}
	return all, again
}

func openAll(names []string) (openFiles, error) {
	var o openFiles
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			o.close()
			return nil, err
		}
		o = append(o, f)
	}
	return o, nil
}

// globbed is one pass of a reader who globs the tables.
func globbed(t *testing.T, root string) (seen rowsSeen, again int) {
	t.Helper()
	o, again := openGlobbed(t, root)
	return o.read(t), again
}

// listed is one pass of a reader who asks `files` for the list, and reads that.
func listed(t *testing.T, root string) rowsSeen {
	t.Helper()
	e := call(t, "", "files", root)
	if e.code != 0 {
		t.Fatalf("files ended with %d: %s", e.code, e.stderr)
	}
	var names []string
	for name := range strings.Lines(e.stdout) {
		if strings.Contains(name, "/tables/") {
			names = append(names, strings.TrimSuffix(name, "\n"))
		}
	}
	o, err := openAll(names)
	if err != nil {
		t.Fatalf("a file of the list: %v", err)
	}
	return o.read(t)
}
