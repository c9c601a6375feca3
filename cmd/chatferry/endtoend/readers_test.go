package endtoend

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

var readersStops = flag.Int("readers-stops", 7, "at how many of its operations a run that settles, and one that compacts, is stopped for readers; 0: at every one")

// Whoever globs the tables while the real program settles or compacts sees whole files, and every row that stays, with its
// child rows, in every pass: while the program stands still before an operation, and in a loop while it works. Files that are
// open stay readable; one that was only listed may be gone. The list of `files` is the old files or the new ones, never a mix.
func TestReadersBesideTheProgram(t *testing.T) {
	for _, verb := range []string{"settle", "compact"} {
		t.Run(verb, func(t *testing.T) {
			r := newReadersRig(t, verb == "compact")
			stops := *readersStops
			if stops == 0 || stops > r.ops {
				stops = r.ops
			}
			base := t.TempDir()
			passes, again, twice, gone := 0, 0, 0, 0
			for i := range stops {
				n := 1 + i*r.ops/stops + (r.ops/stops)/2
				when := fmt.Sprintf("before operation %d of %d", n, r.ops)
				root := filepath.Join(base, strconv.Itoa(n))
				r.copy(t, root)
				cmd, ended := start(t, fmt.Sprintf("stop:%d", n), r.verb(root)...)
				awaitStopped(t, cmd.Process.Pid)

				held, _ := openGlobbed(t, root)
				seen, _ := globbed(t, root)
				r.check(t, when, seen)
				if seen.more(1) != "" {
					twice++
				}
				r.checkList(t, when, listed(t, root))

				if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
					t.Fatal(err)
				}
				for working := true; working; passes++ {
					select {
					case <-ended:
						working = false
					default:
					}
					seen, n := globbed(t, root)
					again += n
					r.check(t, "in a loop, stopped "+when, seen)
				}
				if code := cmd.ProcessState.ExitCode(); code != 0 {
					t.Fatalf("%s: the program ended with %d: %s", when, code, cmd.Stderr)
				}
				r.check(t, "in files opened "+when, held.read(t))
				switch late, err := openAll(held.names()); {
				case err == nil:
					late.close()
				case errors.Is(err, fs.ErrNotExist):
					gone++
				default:
					t.Fatal(err)
				}
				if seen, _ := globbed(t, root); !maps.Equal(seen, r.after) {
					t.Errorf("stopped %s it left %d different rows, undisturbed %d", when, len(seen), len(r.after))
				}
			}
			t.Logf("%d operations, %d stops, at %d of them rows twice, at %d a list with files that went; %d passes in loops, which listed again %d times",
				r.ops, stops, twice, gone, passes, again)
			if twice == 0 || gone == 0 {
				t.Error("no stop lay between the new files and the end of the old ones")
			}
		})
	}
}

// A reader who asks `files` in a loop reads what it lists, at leisure, where what is replaced is kept for a while. Who globs
// such a dataset sees replaced rows as long.
func TestListReadersBesideTheProgram(t *testing.T) {
	for _, verb := range []string{"settle", "compact"} {
		t.Run(verb, func(t *testing.T) {
			r := newReadersRig(t, verb == "compact")
			root := filepath.Join(t.TempDir(), "out")
			r.copy(t, root)
			cmd, ended := start(t, "", append(r.verb(root), "--keep-retired", "1h")...)
			passes := 0
			for working := true; working; passes++ {
				select {
				case <-ended:
					working = false
				default:
				}
				r.checkList(t, "in a loop", listed(t, root))
			}
			if code := cmd.ProcessState.ExitCode(); code != 0 {
				t.Fatalf("the program ended with %d: %s", code, cmd.Stderr)
			}
			if seen := listed(t, root); !maps.Equal(seen, r.after) {
				t.Errorf("the list has %d different rows, undisturbed %d", len(seen), len(r.after))
			}
			seen, _ := globbed(t, root)
			r.check(t, "at the end", seen)
			if missing := seen.missing(r.before); missing != "" {
				t.Errorf("%s is not kept", missing)
			}
			t.Logf("%d passes", passes)
		})
	}
}

// check holds a pass of a globbing reader against what it is to see.
func (r *readersRig) check(t *testing.T, when string, seen rowsSeen) {
	t.Helper()
	if row := seen.missing(r.after); row != "" {
		t.Errorf("%s cannot be seen: %s", when, row)
	}
	if row := r.before.missing(seen); row != "" {
		t.Errorf("%s there is what was never committed: %s", when, row)
	}
	if row := seen.more(2); row != "" {
		t.Errorf("%s there is %s", when, row)
	}
}

// checkList holds a pass of a reader of the list against what it is to see: nothing twice, and in a settled dataset one row
// a key, exactly those.
func (r *readersRig) checkList(t *testing.T, when string, seen rowsSeen) {
	t.Helper()
	r.check(t, when, seen)
	if row := seen.more(1); row != "" {
		t.Errorf("%s the list mixes old files and new ones: %s", when, row)
	}
	if !maps.Equal(seen, r.before) && !maps.Equal(seen, r.after) {
		t.Errorf("%s the list has %d rows; %d were there, %d are to be left", when, len(seen), len(r.before), len(r.after))
	}
}
