// Command plant shows that the tests of the commit protocol can fail: it plants one bug after another into the code and
// expects the tests to find each. A bug is a substitution of a few lines, applied to a copy of a file that the compiler
// reads in the file's place, so that the product carries no hooks for it. The bugs, and those among them that are known
// to be harmless, stand in bugs.txt.
//
//	go run ./checkpoint/internal/plant [-every N] [name …]
//
// With -every only each N-th bug of the list is planted, for a run that has minutes.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

//go:embed bugs.txt
var list string

// tests are those that must find the bugs. That a golden file differs is not finding a bug.
const (
	tests = "^Test"
	skip  = "Golden|OrderOfOperations|FormatPage"
)

// patience is for one bug's tests; a bug may well make them hang.
const patience = 3 * time.Minute

type bug struct {
	name     string
	harmless bool
	why      string // for a harmless one
	file     string // below the module
	pkg      string
	swaps    [][2]string
}

func main() {
	every := flag.Int("every", 1, "plant each so many-th bug of the list")
	flag.Parse()
	if err := run(max(1, *every), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "plant:", err)
		os.Exit(1)
	}
}

func run(every int, only []string) error {
	bugs, err := parse(list)
	if err != nil {
		return err
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	root := strings.TrimSpace(string(out))
	work, err := os.MkdirTemp("", "plant-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	queue := make(chan bug)
	var mu sync.Mutex
	var wrong []string
	tried, found := 0, 0
	var group sync.WaitGroup
	for range max(1, runtime.NumCPU()) {
		group.Go(func() {
			for b := range queue {
				began := time.Now()
				by, err := b.try(root, filepath.Join(work, b.name))
				mu.Lock()
				tried++
				line := ""
				switch {
				case err != nil:
					line = "ERROR " + err.Error()
				case by != "" && !b.harmless:
					found++
					line = "found by " + by
				case by == "" && b.harmless:
					line = "harmless: " + b.why
				case by != "":
					line = "NOT HARMLESS, found by " + by
				default:
					line = "NOT FOUND"
				}
				if err != nil || (by == "") != b.harmless {
					wrong = append(wrong, b.name)
				}
				fmt.Printf("%-34s %5.1fs  %s\n", b.name, time.Since(began).Seconds(), line)
				mu.Unlock()
			}
		})
	}
	for i, b := range bugs {
		if len(only) == 0 && i%every == 0 || contains(only, b.name) {
			queue <- b
		}
	}
	close(queue)
	group.Wait()
	fmt.Printf("%d bugs planted, %d found, %d known to be harmless\n", tried, found, tried-found-len(wrong))
	if len(wrong) > 0 {
		return fmt.Errorf("not as expected: %s", strings.Join(wrong, ", "))
	}
	if tried == 0 {
		return errors.New("no bug of that name")
	}
	return nil
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// parse reads bugs.txt: blocks of "bug NAME" or "harmless NAME: WHY", "in FILE", and pairs of "was:" and "is:" with the
// lines that follow each.
func parse(text string) ([]bug, error) {
	var bugs []bug
	var into *string
	for n, line := range strings.Split(text, "\n") {
		word, rest, _ := strings.Cut(line, " ")
		var b *bug
		if len(bugs) > 0 {
			b = &bugs[len(bugs)-1]
		}
		switch {
		case strings.HasPrefix(line, "#"):
		case word == "bug":
			bugs, into = append(bugs, bug{name: rest, pkg: "./checkpoint"}), nil
		case word == "harmless":
			name, why, _ := strings.Cut(rest, ": ")
			bugs, into = append(bugs, bug{name: name, why: why, harmless: true, pkg: "./checkpoint"}), nil
		case b == nil && line != "":
			return nil, fmt.Errorf("bugs.txt:%d: no bug is begun", n+1)
		case word == "in":
			b.file = rest
		case line == "was:":
			b.swaps = append(b.swaps, [2]string{})
			into = &b.swaps[len(b.swaps)-1][0]
		case line == "is:":
			into = &b.swaps[len(b.swaps)-1][1]
		case into != nil:
			*into += line + "\n"
		}
	}
	for i := range bugs {
		for j := range bugs[i].swaps {
			for k := range bugs[i].swaps[j] {
				bugs[i].swaps[j][k] = strings.Trim(bugs[i].swaps[j][k], "\n")
			}
		}
	}
	return bugs, nil
}

// try builds the tests with the bug and runs them. It returns the name of the first test that fails, if any does.
func (b bug) try(root, dir string) (foundBy string, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	original := filepath.Join(root, filepath.FromSlash(b.file))
	code, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	text := string(code)
	for _, s := range b.swaps {
		if n := strings.Count(text, s[0]); n != 1 {
			return "", fmt.Errorf("the lines to change are %d times in %s:\n%s", n, b.file, s[0])
		}
		text = strings.Replace(text, s[0], s[1], 1)
	}
	changed := filepath.Join(dir, "changed.go")
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "tests")
	build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", file, "-o", binary, b.pkg)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not build: %w\n%s", err, out)
	}
	defer os.Remove(binary)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	test := exec.CommandContext(ctx, binary, "-test.short", "-test.failfast", "-test.run", tests, "-test.skip", skip, "-test.timeout", patience.String())
	test.Dir = filepath.Join(root, filepath.FromSlash(b.pkg))
	var out bytes.Buffer
	test.Stdout, test.Stderr = &out, &out
	err = test.Run()
	if err == nil {
		return "", nil
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return "", err
	}
	return firstFailure(out.String()), nil
}

// firstFailure names the test that failed, or says how else the tests ended.
func firstFailure(out string) string {
	for line := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); ok {
			name, _, _ = strings.Cut(name, " ")
			return name
		}
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "panic:") {
			return strings.TrimSpace(line)
		}
	}
	return "a failure without a name"
}
