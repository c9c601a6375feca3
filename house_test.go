package chatferry

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The house: which package may import which. A stage knows the root package and its own subpackages, not the other
// stages; the durable write and the calls of an object store are the leaves that stages share, and sums is one of the root
// package too; only cmd and bench see them all.
func TestHouseImports(t *testing.T) {
	stages := []string{"extract", "transform", "load", "checkpoint"}
	leaves := []string{"chatferry/checkpoint/atomicfile", "chatferry/checkpoint/objectstore", "chatferry/checkpoint/sums"}
	checked := 0
	walkGo(t, func(file string) {
		top, _, inFolder := strings.Cut(file, "/")
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if imported != "chatferry" && !strings.HasPrefix(imported, "chatferry/") {
				continue
			}
			checked++
			target := strings.Split(imported, "/")
			switch {
			case !inFolder && imported == "chatferry/checkpoint/sums":
			case !inFolder:
				t.Errorf("%s: the root package imports %s, but it knows none of the others", file, imported)
			case !slices.Contains(stages, top) || imported == "chatferry":
			case slices.ContainsFunc(leaves, func(leaf string) bool { return strings.HasPrefix(imported+"/", leaf+"/") }):
			case target[1] != top:
				t.Errorf("%s: %s imports %s, but a stage knows the root package and its own subpackages only", file, top, imported)
			}
		}
	})
	if checked == 0 {
		t.Error("no import was checked")
	}
}

// No folder may be named after nothing in particular, and the top level is fixed.
func TestHouseNames(t *testing.T) {
	top := []string{"cmd", "extract", "transform", "load", "checkpoint", "bench", "bin", "demo", "dist"}
	vague := []string{"util", "utils", "common", "helper", "helpers", "base", "misc", "shared"}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || p == "." {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if !strings.Contains(p, string(filepath.Separator)) && !slices.Contains(top, p) {
			t.Errorf("folder %s: the top level holds only %v", p, top[:6])
		}
		if slices.Contains(vague, d.Name()) {
			t.Errorf("folder %s: name it for what it does", p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Versions below these have known faults: a zstd frame of 27 KB that panics the decoder, an endless loop in the protocol
// of Parquet footers, and a panic on what an S3 store answers.
func TestHouseMinimumVersions(t *testing.T) {
	least := map[string][3]int{
		"github.com/klauspost/compress":                         {1, 20, 2},
		"github.com/apache/thrift":                              {0, 24, 0},
		"github.com/aws/aws-sdk-go-v2/service/s3":               {1, 97, 3},
		"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream": {1, 7, 8},
	}
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	require := regexp.MustCompile(`(?m)^\s+(\S+) v(\d+)\.(\d+)\.(\d+)`)
	for _, m := range require.FindAllStringSubmatch(string(text), -1) {
		want, ok := least[m[1]]
		if !ok {
			continue
		}
		delete(least, m[1])
		var got [3]int
		for i := range got {
			if got[i], err = strconv.Atoi(m[2+i]); err != nil {
				t.Fatal(err)
			}
		}
		if slices.Compare(got[:], want[:]) < 0 {
			t.Errorf("%s is %v, must be at least %v", m[1], got, want)
		}
	}
	for module := range least {
		t.Errorf("%s is not in go.mod", module)
	}
}

// walkGo calls f for every Go file of the module that is not a test, by its slash-separated path.
func walkGo(t *testing.T, f func(file string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if path.Ext(p) == ".go" && !strings.HasSuffix(p, "_test.go") {
			f(filepath.ToSlash(p))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
