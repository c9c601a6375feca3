package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"chatferry": main})
}

// The command line, as a person or a script sees it. The lines of testdata/script are read by testscript.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_GOLDEN") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", "atexit_sleep_ms=0") // or each call under the race detector takes a second more
			e.Setenv("CHATFERRY_MIN_FREE", "0")     // whatever the disk of the machine that tests has left
			e.Setenv("CHATFERRY_PROGRESS", "none")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "tree": tree},
	})
}
