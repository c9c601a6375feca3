// Command chatferry carries a legacy Zendesk Chat account, or a dump of one, into a Parquet dataset.
//
// It reads the configuration, joins the stages and forwards signals; the work is done by the packages extract,
// transform, load and checkpoint. Results go to stdout, logs and progress to stderr, and the exit code says what became
// of the run; see outcomes.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"chatferry"
)

func main() {
	// net/http logs what a server sends beyond the length that it has stated, which may be personal data, by this logger
	// alone.
	log.SetOutput(io.Discard)
	os.Exit(run(context.Background(), processEnvironment()))
}

// app is one call of the program.
type app struct {
	*environment
	printed bool // the JSON object of the result is on stdout
	// verdict turns the error with which a run ended into the one that is told; nil leaves it as it is.
	verdict func(error) error
	loaded  map[string]*lastLoaded // by the root of a dataset

	notice  *notice   // whom to tell how the call ends; nil: nobody
	failed  error     // with which it ended
	told    *result   // what a run said about itself
	stopped time.Time // when a signal asked for it; zero: none did
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, e *environment) int {
	a := &app{environment: e}
	code := a.call(ctx)
	a.tellOthers(ctx, code)
	return code
}

// call does what the arguments say.
func (a *app) call(ctx context.Context) (code int) {
	root := newRoot(a)
	command := "chatferry"
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(a.stderr, "chatferry: a fault of the program: %v\n%s", p, debug.Stack())
			code = exitUnexpected
		}
	}()
	cmd, err := root.ExecuteContextC(ctx)
	if cmd != nil {
		command = strings.TrimPrefix(cmd.CommandPath(), "chatferry ")
	}
	if err == nil {
		return exitDone
	}
	if a.notice == nil && cmd != nil && (command == "run" || command == "resume") {
		a.willTell(cmd) // its flags could not be read
	}
	return a.fail(command, err)
}

// fail tells people, and programs that asked for JSON, why the call did not end well. It returns the exit code.
func (a *app) fail(command string, err error) int {
	code, cause := gravest(err)
	a.failed = err
	fmt.Fprintln(a.stderr, "chatferry: "+sentence(cause))
	if !a.printed && a.wantsJSON() {
		r := result{Command: command, ExitCode: code, Error: resultErrorOf(err)}
		if err := a.printResult(&r); err != nil {
			fmt.Fprintln(a.stderr, "chatferry: "+sentence(err))
		}
	}
	return code
}

// sentence is an error on one line, with what to do behind it.
func sentence(err error) string {
	text := err.Error()
	if hint := chatferry.HintOf(err); hint != "" {
		text += "; " + hint
	}
	// A file's name may hold what moves the cursor or changes its colours.
	return printable(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; "))
}

// wantsJSON reports whether the call asked for JSON, also when its flags could not be read.
func (a *app) wantsJSON() bool {
	asked := false
	if text := a.getenv(optionNamed("json").env()); text != "" {
		var t toggle
		asked = t.Set(text) == nil && bool(t)
	}
	for _, arg := range a.args {
		if arg == "--" {
			break
		}
		if arg == "--json" {
			asked = true
		} else if text, ok := strings.CutPrefix(arg, "--json="); ok {
			var t toggle
			asked = t.Set(text) == nil && bool(t)
		}
	}
	return asked
}

// usage is an error of KindUsage.
func usage(hint, format string, args ...any) error {
	return chatferry.Errorf(chatferry.KindUsage, hint, format, args...)
}
