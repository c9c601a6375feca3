package endtoend

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"chatferry"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if dir := programFolder; dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

var programFolder string

// program builds the real program once, so that it can be told to have a faulty disk or a bug; it has none unless told.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "chatferry-endtoend-")
	if err != nil {
		return "", err
	}
	programFolder = dir
	bin := filepath.Join(dir, "chatferry")
	out, err := exec.Command("go", "build", "-tags", "faultinject,plantdeep", "-o", bin, "chatferry/cmd/chatferry").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return bin, nil
})

// command returns the program, ready to start, with a fault to inject or "".
func command(t *testing.T, fault string, args ...string) *exec.Cmd {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, args...)
	cmd.Env = append(os.Environ(), "CHATFERRY_FAULT="+fault, "CHATFERRY_MIN_FREE=0")
	cmd.Stderr, cmd.Stdout = &bytes.Buffer{}, &bytes.Buffer{}
	return cmd
}

// ending is how a process ended.
type ending struct {
	code           int // -1 if by a signal
	signal         syscall.Signal
	stdout, stderr string
}

// call runs the program to its end.
func call(t *testing.T, fault string, args ...string) ending {
	t.Helper()
	cmd := command(t, fault, args...)
	return endOf(t, cmd, cmd.Run())
}

// endOf describes the end of a process whose Run or Wait returned err.
func endOf(t *testing.T, cmd *exec.Cmd, err error) ending {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	e := ending{
		code:   cmd.ProcessState.ExitCode(),
		stdout: cmd.Stdout.(*bytes.Buffer).String(), stderr: cmd.Stderr.(*bytes.Buffer).String(),
	}
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		e.signal = s.Signal()
	}
	return e
}

// outcome is what the tests read of the --json object.
type outcome struct {
	OK       bool `json:"ok"`
	ExitCode int  `json:"exit_code"`
	Streams  map[chatferry.Stream]struct {
		Read, Loaded, Quarantined, Excluded, Superseded int64
		State                                           string
	} `json:"streams"`
	Tables map[chatferry.Table]struct {
		Rows, Files int64
	} `json:"tables"`
	QuarantinedByCode map[chatferry.Code]int64 `json:"quarantined_by_code"`
	ExcludedByReason  map[string]int64         `json:"excluded_by_reason"`
	Doubts            []chatferry.Doubt        `json:"doubts"`
	ResumeCommand     string                   `json:"resume_command"`
	Error             *struct {
		Code, Message, Hint string
	} `json:"error"`
}

// callJSON runs the program with --json and reads its one object.
func callJSON(t *testing.T, args ...string) (outcome, ending) {
	t.Helper()
	e := call(t, "", append(args, "--json", "--progress", "none")...)
	var o outcome
	if err := json.Unmarshal([]byte(e.stdout), &o); err != nil {
		t.Fatalf("%s: %v in %q; stderr: %s", strings.Join(args, " "), err, e.stdout, e.stderr)
	}
	if o.ExitCode != e.code {
		t.Errorf("%s: the JSON says exit code %d, the process %d", strings.Join(args, " "), o.ExitCode, e.code)
	}
	return o, e
}
