package endtoend

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"syscall"
	"testing"
)

var s3Kills = flag.Int("s3-kills", 15, "how often the program is killed at random while it works on a bucket")

// Killed at any of its requests, before it arrives or after it was carried out, and resumed, the program leaves the objects
// of an undisturbed run, settling and compacting included, no upload and no temporary file. Who reads meanwhile sees whole
// objects that were committed before, and no row twice but while files are replaced.
func TestDatasetOnS3KilledAtRandom(t *testing.T) {
	r := newBucketRig(t)
	rng := rand.New(rand.NewPCG(*killsSeed, 7))

	// An undisturbed dataset tells how many requests there are to be killed at.
	var total [2]int
	for i := range total {
		r.proxy.keep(nil)
		if e := call(t, "", r.phase(t, "undisturbed", i)...); e.code != r.wantExit {
			t.Fatalf("undisturbed, phase %d ended with %d: %s", i, e.code, e.stderr)
		}
		total[i] = r.proxy.requests()
	}
	t.Logf("seed %d; %d requests to write and settle, %d to compact", *killsSeed, total[0], total[1])

	done, passes := 0, 0
	for round := 0; done < *s3Kills; round++ {
		name := fmt.Sprintf("killed%d", round)
		k := newCommits(t, r.bucket(t, name))
		for phase := 0; phase < len(total); {
			at := 1 + rng.IntN(total[phase])
			if rng.IntN(2) == 0 {
				at = 1 + rng.IntN(total[phase]/8)
			}
			carried := rng.IntN(2) == 0
			when := fmt.Sprintf("seed %d, round %d, phase %d, killed at request %d (carried out: %v)", *killsSeed, round, phase, at, carried)
			cmd := command(t, "", r.phase(t, name, phase)...)
			r.proxy.keep(func(c *s3Call, carry func() *s3Answer) *s3Answer {
				if c.n != at {
					return k.watch(c, carry)
				}
				return killedAt(cmd, carried, func() *s3Answer { return k.watch(c, carry) })
			})
			passes += k.until(begin(t, cmd), when)
			r.proxy.requests()
			r.proxy.keep(nil)
			e := endOf(t, cmd, nil)
			switch {
			case e.signal == syscall.SIGKILL:
				done++
			case e.code != r.wantExit:
				t.Fatalf("%s: ended with %d: %s", when, e.code, e.stderr)
			case phase == 0:
				r.holds(t, when+", settled", name, r.want)
				k.oneRowAKey(when + ", settled")
				phase++
			default:
				r.holds(t, when+", compacted", name, r.compacted)
				k.oneRowAKey(when + ", compacted")
				phase++
			}
		}
	}
	t.Logf("%d kills, %d passes of the reader", done, passes)
}

// phase is how a person goes on with a dataset that is to be written and settled, or compacted.
func (r *bucketRig) phase(t *testing.T, name string, phase int) []string {
	t.Helper()
	if phase == 0 {
		return r.goOn(t, name)
	}
	return r.args("compact", r.root(name), "--take-over")
}

// killedAt kills a process at a request that is carried out, or not.
func killedAt(cmd *exec.Cmd, carried bool, carry func() *s3Answer) *s3Answer {
	if carried {
		carry()
	}
	_ = cmd.Process.Kill()
	return nil
}
