package realserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// program returns the path of the server's program. CHATFERRY_VERSITYGW names it; else it is bin/tools/versitygw, which
// is built if it is not there or older than what names its version.
func program() (string, error) {
	if named := os.Getenv("CHATFERRY_VERSITYGW"); named != "" {
		return named, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	tools := filepath.Join(root, "bin", "tools")
	if err := os.MkdirAll(tools, 0o755); err != nil {
		return "", err
	}
	// The tests of several packages may come here at once.
	unlock, err := lockedfile.MutexAt(filepath.Join(tools, "versitygw.lock")).Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	built, module := filepath.Join(tools, "versitygw"), filepath.Join(root, ".ci", "s3server")
	if fresh, err := isFresh(built, filepath.Join(module, "go.mod")); fresh || err != nil {
		return built, err
	}
	// A build that is killed must not leave half a program under the name.
	temp, err := os.MkdirTemp(tools, "versitygw-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	cmd := exec.Command("go", "build", "-o", temp+string(filepath.Separator), "tool")
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build versitygw: %w: %s", err, out)
	}
	return built, os.Rename(filepath.Join(temp, "versitygw"), built)
}

// isFresh reports whether a built file is there, and not older than the file it depends on.
func isFresh(built, source string) (bool, error) {
	of, err := os.Stat(source)
	if err != nil {
		return false, err
	}
	info, err := os.Stat(built)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && !info.ModTime().Before(of.ModTime()), err
}

// moduleRoot finds the folder of go.mod above the working directory, which for a test is that of its package.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", errors.New("the working directory lies outside the module")
		}
		dir = above
	}
}
