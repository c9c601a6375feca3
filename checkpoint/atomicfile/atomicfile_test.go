package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// both runs a test over the real and over the simulated disk, which must not differ.
func both(t *testing.T, test func(t *testing.T, fsys atomicfile.FS)) {
	t.Run("disk=real", func(t *testing.T) {
		fsys, err := atomicfile.OS(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		test(t, fsys)
	})
	t.Run("disk=simulated", func(t *testing.T) { test(t, faultfs.NewDisk().Process(nil)) })
}

func write(t *testing.T, fsys atomicfile.FS, name, text string) {
	t.Helper()
	if r, err := atomicfile.CreateIfAbsent(fsys, name, "t-"+filepath.Base(name), []byte(text)); r != atomicfile.Created || err != nil {
		t.Fatalf("create %s: %v, %v", name, r, err)
	}
}

func TestFS(t *testing.T) {
	both(t, func(t *testing.T, fsys atomicfile.FS) {
		if err := atomicfile.MkdirAll(fsys, "a/b"); err != nil {
			t.Fatal(err)
		}
		write(t, fsys, "a/b/f", "hello")
		for _, c := range []struct {
			name string
			err  error
			want error
		}{
			{"create over a file", second(fsys.Create("a/b/f")), fs.ErrExist},
			{"create in no folder", second(fsys.Create("no/f")), fs.ErrNotExist},
			{"create below a file", second(fsys.Create("a/b/f/g")), syscall.ENOTDIR},
			{"open nothing", second(fsys.Open("a/g")), fs.ErrNotExist},
			{"link over a file", fsys.Link("a/b/f", "a/b/f"), fs.ErrExist},
			{"link nothing", fsys.Link("a/b/g", "a/b/h"), fs.ErrNotExist},
			{"remove nothing", fsys.Remove("a/b/g"), fs.ErrNotExist},
			{"remove a full folder", fsys.Remove("a/b"), syscall.ENOTEMPTY},
			{"make a folder twice", fsys.Mkdir("a/b"), fs.ErrExist},
			{"list nothing", second(fsys.ReadDir("c")), fs.ErrNotExist},
			{"stat nothing", second(fsys.Stat("c")), fs.ErrNotExist},
			{"sync no folder", fsys.SyncDir("c"), fs.ErrNotExist},
		} {
			if !errors.Is(c.err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
			}
		}
		for _, outside := range []string{"../x", "/etc/x", "a/../../x"} {
			if _, err := fsys.Create(outside); err == nil {
				t.Errorf("%q leads out of the root", outside)
			}
		}
		if err := fsys.Link("a/b/f", "a/g"); err != nil {
			t.Fatal(err)
		}
		if names, err := fsys.ReadDir("a"); err != nil || strings.Join(names, " ") != "b/ g" {
			t.Errorf("a holds %q, %v", names, err)
		}
		if b, err := atomicfile.ReadAll(fsys, "a/g"); err != nil || string(b) != "hello" {
			t.Errorf("read %q, %v", b, err)
		}
		if info, err := fsys.Stat("a/g"); err != nil || info.Size() != 5 || info.IsDir() {
			t.Errorf("stat: %v, %v", info, err)
		}
		if _, err := fsys.Open("a"); err == nil {
			t.Error("a folder was opened as a file")
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestCreateIfAbsent(t *testing.T) {
	both(t, func(t *testing.T, fsys atomicfile.FS) {
		write(t, fsys, "f", "first")
		r, err := atomicfile.CreateIfAbsent(fsys, "f", "again", []byte("second"))
		if r != atomicfile.Exists || !errors.Is(err, fs.ErrExist) {
			t.Errorf("over a file: %v, %v", r, err)
		}
		if r, err := atomicfile.CreateIfAbsent(fsys, "no/f", "x", nil); r != atomicfile.Failed || err == nil {
			t.Errorf("in no folder: %v, %v", r, err)
		}
		if b, _ := atomicfile.ReadAll(fsys, "f"); string(b) != "first" {
			t.Errorf("the file now holds %q", b)
		}
		if names, _ := fsys.ReadDir("."); len(names) != 1 {
			t.Errorf("left behind: %q", names)
		}
	})
}

// At every operation: a failure that had no effect, one that had, and a power loss. Created must hold through any power
// loss, Failed and Exists must be true, and no other bytes than the given ones may ever stand under the name.
func TestCreateIfAbsentFaults(t *testing.T) {
	const name = "f"
	for at := 1; ; at++ {
		struck := false
		for _, fault := range []faultfs.Fault{
			{Err: syscall.EIO},
			{Err: syscall.EIO, Applied: true},
			{Err: syscall.ENOSPC, Short: true},
			{Short: true},
			{Kill: true},
			{Kill: true, Applied: true},
		} {
			for _, s := range faultfs.Survivals[:3] {
				disk := faultfs.NewDisk()
				plan := faultfs.Plan{At: at, Fault: fault}.Hook()
				p := disk.Process(func(op faultfs.Op) faultfs.Fault {
					struck = struck || op.Change == at
					return plan(op)
				})
				r, err := atomicfile.CreateIfAbsent(p, name, "t", []byte("bytes"))
				if (r == atomicfile.Created) != (err == nil) {
					t.Fatalf("op %d %+v: result %v with error %v", at, fault, r, err)
				}
				_, there := disk.Files(".")[name]
				if there && r == atomicfile.Failed {
					t.Errorf("op %d %+v: failed, but the file is there", at, fault)
				}
				disk.PowerLoss(s, nil)
				b, there := disk.Files(".")[name]
				if there && string(b) != "bytes" {
					t.Errorf("op %d %+v, %v: the file holds %q", at, fault, s, b)
				}
				if !there && r == atomicfile.Created {
					t.Errorf("op %d %+v, %v: created, but gone after power loss", at, fault, s)
				}
			}
		}
		if !struck {
			if at < 6 {
				t.Fatalf("only %d operations were struck", at-1)
			}
			return
		}
	}
}

func TestFoldersSurvive(t *testing.T) {
	for at := 1; at <= 8; at++ {
		disk := faultfs.NewDisk()
		first := disk.Process(faultfs.Plan{At: at, Fault: faultfs.Fault{Kill: true}}.Hook())
		_ = atomicfile.NewFolders(first).Make("a/b/c")
		f := atomicfile.NewFolders(disk.Process(nil))
		for range 2 {
			if err := f.Make("a/b/c"); err != nil {
				t.Fatal(err)
			}
		}
		disk.PowerLoss(faultfs.KeepNothing, nil)
		if _, err := disk.Process(nil).Stat("a/b/c"); err != nil {
			t.Errorf("killed at operation %d: %v", at, err)
		}
	}
	p := faultfs.NewDisk().Process(nil)
	f := atomicfile.NewFolders(p)
	for range 2 {
		if err := f.Make("a/b"); err != nil {
			t.Fatal(err)
		}
	}
	if p.Changes() != 4 {
		t.Errorf("%d operations for two folders asked for twice, want 4", p.Changes())
	}
}

func TestProbe(t *testing.T) {
	both(t, func(t *testing.T, fsys atomicfile.FS) {
		if err := atomicfile.Probe(fsys, ".", "x"); err != nil {
			t.Error(err)
		}
		if names, _ := fsys.ReadDir("."); len(names) != 0 {
			t.Errorf("left behind: %q", names)
		}
	})
	for _, c := range []struct {
		name, do string
		fault    faultfs.Fault
		want     string
	}{
		{"no hard links", "link", faultfs.Fault{Err: syscall.EPERM}, "link(2)"},
		{"links replace", "link", faultfs.Fault{}, "link over a name"},
		{"no fsync", "sync", faultfs.Fault{Err: syscall.EINVAL}, "fsync"},
		{"no fsync of folders", "syncdir", faultfs.Fault{Err: syscall.EINVAL}, "fsync of a folder"},
		{"read-only", "create", faultfs.Fault{Err: syscall.EROFS}, "read-only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := atomicfile.FS(faultfs.NewDisk().Process(func(op faultfs.Op) faultfs.Fault {
				if op.Do == c.do {
					return c.fault
				}
				return faultfs.Fault{}
			}))
			if c.name == "links replace" {
				fsys = replacing{fsys}
			}
			err := atomicfile.Probe(fsys, ".", "x")
			if err == nil || !strings.Contains(err.Error(), c.want) || chatferry.KindOf(err) != chatferry.KindEnvironment {
				t.Errorf("got %v, want one that names %q", err, c.want)
			}
			if chatferry.HintOf(err) == "" {
				t.Error("no hint")
			}
		})
	}
}

// replacing is a file system on which link replaces its target, as some network file systems do.
type replacing struct{ atomicfile.FS }

func (r replacing) Link(oldname, newname string) error {
	_ = r.Remove(newname)
	return r.FS.Link(oldname, newname)
}

func TestOSModes(t *testing.T) {
	root := filepath.Join(t.TempDir(), "x", "y")
	if err := atomicfile.CreateRoot(root); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.CreateRoot(root); err != nil {
		t.Errorf("a second time: %v", err)
	}
	fsys, err := atomicfile.OS(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.MkdirAll(fsys, "d"); err != nil {
		t.Fatal(err)
	}
	write(t, fsys, "d/f", "x")
	for name, want := range map[string]fs.FileMode{"": 0o700, "d": 0o700, "d/f": 0o600} {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q has mode %v (%v), want %v", name, info.Mode(), err, want)
		}
	}
	if err := atomicfile.CreateRoot(filepath.Join(root, "d/f")); err == nil {
		t.Error("a file was taken for a folder")
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(root, "out")); err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.Create("out/f"); err == nil {
		t.Error("a symbolic link led out of the root")
	}
	free, total, err := atomicfile.Free(root)
	if err != nil || free <= 0 || total < free {
		t.Errorf("free %d of %d, %v", free, total, err)
	}
}

func TestExplain(t *testing.T) {
	err := atomicfile.Explain("write", "f", &fs.PathError{Op: "write", Path: "f", Err: syscall.ENOSPC})
	if chatferry.KindOf(err) != chatferry.KindEnvironment || !strings.Contains(chatferry.HintOf(err), "free some space") {
		t.Errorf("kind %v, hint %q", chatferry.KindOf(err), chatferry.HintOf(err))
	}
	kept := atomicfile.Explain("write", "f", chatferry.Errorf(chatferry.KindFenced, "stop", "x"))
	if chatferry.KindOf(kept) != chatferry.KindFenced || chatferry.HintOf(kept) != "stop" {
		t.Errorf("the kind was lost: %v", kept)
	}
	if atomicfile.Explain("write", "f", nil) != nil {
		t.Error("explains success")
	}
}
