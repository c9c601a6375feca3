package s3

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatferry"
)

// However the process ends, nothing is left in the folder; what was left all the same goes at the next start, and nothing
// else.
func TestTempFilesLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	f, err := newTempFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: %v", info.Mode(), err)
	}
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("a killed process would leave %q", left)
	}
	if _, err := f.WriteString("bytes"); err != nil {
		t.Error(err)
	}
	left := strings.Replace(tempPattern, "*", "123", 1)
	for _, name := range []string{left, "chatferry-upload-1.parquet", "other.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder := strings.Replace(tempPattern, "*", "456", 1)
	if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := New(nil, dir); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); strings.Join(got, " ") != "chatferry-upload-1.parquet "+folder+" other.tmp" {
		t.Errorf("left after the sweep: %q", got)
	}
	b := make([]byte, 5)
	if _, err := f.ReadAt(b, 0); string(b) != "bytes" || err != nil {
		t.Errorf("a file in use has lost its bytes: %q, %v", b, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// Where an open file cannot lose its name, it is removed when it is closed.
func TestTempFileThatKeptItsName(t *testing.T) {
	dir := t.TempDir()
	file, err := os.CreateTemp(dir, tempPattern)
	if err != nil {
		t.Fatal(err)
	}
	f := tempFile{File: file, named: true}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

func TestTempFolderThatIsNotThere(t *testing.T) {
	_, err := New(nil, filepath.Join(t.TempDir(), "absent"))
	if chatferry.KindOf(err) != chatferry.KindEnvironment || !strings.Contains(chatferry.HintOf(err), "--tmp-dir") {
		t.Errorf("%v; %s", err, chatferry.HintOf(err))
	}
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if p != dir {
			out = append(out, filepath.Base(p))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
