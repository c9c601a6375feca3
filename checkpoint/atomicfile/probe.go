package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"chatferry"
)

// Probe proves on an existing folder what the commit protocol stands on: files and folders can be fsynced, link(2) gives
// a file a second name, and refuses a name that is taken. What fails is refused by name with KindEnvironment. The tag
// makes the names of the two files it leaves for an instant, both beginning with TempPrefix.
func Probe(fsys FS, dir, tag string) error {
	a := path.Join(dir, TempPrefix+tag+"-a")
	b := path.Join(dir, TempPrefix+tag+"-b")
	defer func() {
		_ = fsys.Remove(a)
		_ = fsys.Remove(b)
	}()
	if err := writeSynced(fsys, a, []byte("probe\n")); err != nil {
		return Explain("write and fsync a file in", dir, err)
	}
	if err := fsys.Link(a, b); err != nil {
		return refuse(dir, "hard links (link(2))", err)
	}
	if err := fsys.Link(a, b); !errors.Is(err, fs.ErrExist) {
		return refuse(dir, "refusing to link over a name that is taken", fmt.Errorf("answered %w", orNil(err)))
	}
	if got, err := ReadAll(fsys, b); err != nil || string(got) != "probe\n" {
		return refuse(dir, "reading a linked file back", errors.Join(err, fmt.Errorf("read %d bytes", len(got))))
	}
	if err := fsys.SyncDir(dir); err != nil {
		return refuse(dir, "fsync of a folder", err)
	}
	return nil
}

func orNil(err error) error {
	if err == nil {
		return errors.New("success")
	}
	return err
}

func refuse(dir, what string, err error) error {
	return &chatferry.Error{
		Kind: chatferry.KindEnvironment, Op: "probe", Place: dir,
		Err:  fmt.Errorf("this file system lacks %s: %w", what, err),
		Hint: "choose a target on a local file system such as ext4, xfs, btrfs, zfs or apfs",
	}
}
