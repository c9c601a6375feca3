package settle

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"testing"

	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
	"chatferry/checkpoint/objectstore/sims3"
)

// TestFolder: a Folder keeps the contract of Derived, on a disk and on a simulated one.
func TestFolder(t *testing.T) {
	disk, err := atomicfile.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, fsys := range map[string]atomicfile.FS{"disk": disk, "simulated": faultfs.NewDisk().Process(nil)} {
		t.Run(name, func(t *testing.T) { testDerived(t, Folder(fsys, 7)) })
		if err := fsys.Mkdir(path.Join(keysFolder, "folder")); err != nil {
			t.Fatal(err)
		}
		left, err := fsys.Create(path.Join(keysFolder, atomicfile.TempPrefix+"left"))
		if err != nil {
			t.Fatal(err)
		}
		if err := left.Close(); err != nil {
			t.Fatal(err)
		}
		if names, err := Folder(fsys, 8).List(t.Context()); err != nil || !slices.Equal(names, []string{atomicfile.TempPrefix + "left", "b"}) {
			t.Errorf("%s: it lists %q, %v", name, names, err)
		}
	}
}

// TestObjects: so does a bucket.
func TestObjects(t *testing.T) { testDerived(t, Objects(sims3.New().Client(nil))) }

// testDerived checks what every Derived does. It leaves a file b in one that is empty.
func testDerived(t *testing.T, d Derived) {
	ctx := t.Context()
	if names, err := d.List(ctx); err != nil || len(names) > 0 {
		t.Errorf("it lists %q, %v", names, err)
	}
	if err := d.Remove(ctx, "a"); err != nil {
		t.Errorf("remove what is not there: %v", err)
	}
	if f, err := d.Open(ctx, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open what is not there: %v, %v", f, err)
	}
	for _, step := range []struct {
		name   string
		pieces [][]byte
		want   string
	}{
		{"a", [][]byte{[]byte("one"), nil, []byte(" and two")}, "one and two"},
		{"b", nil, ""},
		{"a", [][]byte{[]byte("less")}, "less"},
	} {
		if err := d.Write(ctx, step.name, step.pieces...); err != nil {
			t.Fatal(err)
		}
		if got, err := contents(ctx, d, step.name); err != nil || got != step.want {
			t.Errorf("%s is %q, want %q: %v", step.name, got, step.want, err)
		}
	}
	piece := make([]byte, 3)
	if err := d.ReadAt(ctx, "a", piece, 1); err != nil || string(piece) != "ess" {
		t.Errorf("a from 1 on is %q, %v", piece, err)
	}
	for _, part := range []struct {
		name string
		at   int64
	}{{"a", 2}, {"a", 4}, {"a", 9}, {"b", 0}, {"c", 0}} {
		if err := d.ReadAt(ctx, part.name, piece, part.at); !unusable(err) {
			t.Errorf("%s from %d on: %v", part.name, part.at, err)
		}
	}
	if names, err := d.List(ctx); err != nil || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("it lists %q, %v", names, err)
	}
	if err := d.Remove(ctx, "a"); err != nil {
		t.Error(err)
	}
	if names, err := d.List(ctx); err != nil || !slices.Equal(names, []string{"b"}) {
		t.Errorf("it lists %q, %v", names, err)
	}
}

func contents(ctx context.Context, d Derived, name string) (string, error) {
	f, err := d.Open(ctx, name)
	if err != nil {
		return "", err
	}
	b := make([]byte, f.Size())
	err = errors.Join(readFull(f, b, 0), f.Close())
	return string(b), err
}
