package endtoend

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

var accountKills = flag.Int("account-kills", 15, "how often the program is killed at random while it carries an account")

// Killed at random and resumed, the program loses no record and doubles none, and asks again for no more than what one
// Part of each Lane holds.
func TestAccountKilledAtRandom(t *testing.T) {
	const (
		pageCap  = 50
		lanes    = 4
		partRows = 200
	)
	flags := []string{"--lanes", "4", "--part-records", "200"}
	rng := rand.New(rand.NewPCG(*killsSeed, 5))
	serve := func() *servedAccount {
		return serveAccount(t, accountOptions{seed: *killsSeed, chats: 2000, pageCap: pageCap})
	}
	quiet := serve()
	root := filepath.Join(t.TempDir(), "undisturbed")
	begun := time.Now()
	if _, e := quiet.carry(t, root, accountToken, flags...); e.code != 0 {
		t.Fatalf("the undisturbed run ended with %d: %s", e.code, e.stderr)
	}
	took := time.Since(begun)
	want := recordsOf(t, root)
	holdRecords(t, "the undisturbed run", want.without(unlisted...), quiet.served(false))
	ideal := quiet.api.Stats().Total()
	t.Logf("seed %d; an undisturbed run takes %v and %d requests", *killsSeed, took, ideal)

	for done := 0; done < *accountKills; {
		a := serve()
		root := filepath.Join(t.TempDir(), "out")
		lives := int64(0)
		for {
			cmd := a.command(t, root, accountToken, flags...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			wait := time.Duration(rng.Int64N(int64(took)))
			begun := time.Now()
			timer := time.AfterFunc(wait, func() { cmd.Process.Kill() })
			err := cmd.Wait()
			timer.Stop()
			if lives++; lives == 1 && cmd.ProcessState.Exited() {
				took = min(took, time.Since(begun)) // so that few are too late on a machine that got quicker
			}
			e := endOf(t, cmd, err)
			when := fmt.Sprintf("seed %d, kill %d after %v", *killsSeed, done, wait)
			got := recordsOf(t, root)
			if e.signal == syscall.SIGKILL {
				done++
				lookForToken(t, root, e)
				if _, beyond := got.differences(want); len(beyond) > 0 {
					t.Errorf("%s: readers see %v that are not there, or twice", when, beyond)
				}
				continue
			}
			if e.code != 0 {
				t.Fatalf("%s: ended with %d: %s", when, e.code, e.stderr)
			}
			holdRecords(t, when, got, want)
			break
		}
		// Each life finds the account and proves ends anew, and reads again what was not sealed, a page more than a Part
		// holds on each Lane.
		again := (lives - 1) * (lanes*(partRows/pageCap+2) + 6)
		if n := a.api.Stats().Total(); n > ideal+again {
			t.Errorf("%d requests over %d lives; %d without a kill", n, lives, ideal)
		}
		if err := os.RemoveAll(root); err != nil {
			t.Fatal(err)
		}
	}
}
