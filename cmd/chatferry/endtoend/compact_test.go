package endtoend

import (
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Killed anywhere, compact is done by the same command again.
func TestCompactKilledAndCalledAgain(t *testing.T) {
	r := newReadersRig(t, true)
	base := t.TempDir()
	const kills = 8
	for i := range kills {
		n := 1 + i*(r.ops-1)/(kills-1)
		when := fmt.Sprintf("killed before operation %d of %d", n, r.ops)
		root := filepath.Join(base, strconv.Itoa(n))
		r.copy(t, root)
		if e := call(t, fmt.Sprintf("kill:%d", n), r.verb(root)...); e.signal != syscall.SIGKILL {
			t.Errorf("%s: ended with %d: %s", when, e.code, e.stderr)
		}
		if e := call(t, "", r.verb(root)...); e.code != 0 {
			t.Errorf("%s: called again it ended with %d: %s", when, e.code, e.stderr)
		}
		if seen, _ := globbed(t, root); !maps.Equal(seen, r.after) {
			t.Errorf("%s: %d different rows are left, undisturbed %d", when, len(seen), len(r.after))
		}
	}
}
