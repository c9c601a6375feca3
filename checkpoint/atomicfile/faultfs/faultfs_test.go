package faultfs

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func put(t *testing.T, p *Process, name, text string, sync bool) {
	t.Helper()
	f, err := p.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if sync {
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestPowerLoss(t *testing.T) {
	const missing = "(missing)"
	for _, c := range []struct {
		name  string
		steps func(t *testing.T, p *Process)
		want  map[Survival]string // of file d/f
	}{
		{"nothing synced", func(t *testing.T, p *Process) {
			must(t, p.SyncDir("."))
			put(t, p, "d/f", "text", false)
		}, map[Survival]string{KeepNothing: missing, KeepAll: "text", KeepNames: ""}},
		{"bytes synced, name not", func(t *testing.T, p *Process) {
			must(t, p.SyncDir("."))
			put(t, p, "d/f", "text", true)
		}, map[Survival]string{KeepNothing: missing, KeepAll: "text", KeepNames: "text"}},
		{"name synced, bytes not", func(t *testing.T, p *Process) {
			put(t, p, "d/f", "text", false)
			must(t, p.SyncDir("."), p.SyncDir("d"))
		}, map[Survival]string{KeepNothing: "", KeepAll: "text", KeepNames: ""}},
		{"all but the folder's own name synced", func(t *testing.T, p *Process) {
			put(t, p, "d/f", "text", true)
			must(t, p.SyncDir("d"))
		}, map[Survival]string{KeepNothing: missing, KeepAll: "text", KeepNames: "text"}},
		{"all synced", func(t *testing.T, p *Process) {
			put(t, p, "d/f", "text", true)
			must(t, p.SyncDir("d"), p.SyncDir("."))
		}, map[Survival]string{KeepNothing: "text", KeepAll: "text", KeepNames: "text"}},
		{"removed, not synced", func(t *testing.T, p *Process) {
			put(t, p, "d/f", "text", true)
			must(t, p.SyncDir("d"), p.SyncDir("."), p.Remove("d/f"))
		}, map[Survival]string{KeepNothing: "text", KeepAll: missing, KeepNames: missing}},
		{"written again after sync", func(t *testing.T, p *Process) {
			f, err := p.Create("d/f")
			must(t, err)
			_, err = f.Write([]byte("te"))
			must(t, err, f.Sync())
			_, err = f.Write([]byte("xt"))
			must(t, err, p.SyncDir("d"), p.SyncDir("."))
		}, map[Survival]string{KeepNothing: "te", KeepAll: "text", KeepNames: "te"}},
	} {
		for s, want := range c.want {
			t.Run(c.name+"/"+s.String(), func(t *testing.T) {
				disk := NewDisk()
				p := disk.Process(nil)
				must(t, p.Mkdir("d"))
				c.steps(t, p)
				clone := disk.Clone()
				for _, d := range []*Disk{disk, clone} {
					d.PowerLoss(s, nil)
					got := missing
					if b, ok := d.Files(".")["d/f"]; ok {
						got = string(b)
					}
					if got != want {
						t.Errorf("got %q, want %q", got, want)
					}
				}
				if err := p.Mkdir("e"); !errors.Is(err, ErrKilled) {
					t.Errorf("the process outlived the power loss: %v", err)
				}
			})
		}
	}
}

func TestKeepSomeReachesEverything(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(200) {
		disk := NewDisk()
		p := disk.Process(nil)
		put(t, p, "f", "text", false)
		disk.PowerLoss(KeepSome, rand.New(rand.NewPCG(seed, 1)))
		b, ok := disk.Files(".")["f"]
		seen[strings.TrimSpace(string(b)+map[bool]string{true: " there", false: " missing"}[ok])] = true
	}
	for _, want := range []string{"missing", "there", "te there", "text there", "\x00\x00\x00\x00 there"} {
		if !seen[want] {
			t.Errorf("%q never happened, only %v", want, seen)
		}
	}
}

func TestAFailedSyncIsFinal(t *testing.T) {
	disk := NewDisk()
	p := disk.Process(func(op Op) Fault {
		if op.Do == "sync" && op.Change == 3 {
			return Fault{Err: syscall.EIO}
		}
		return Fault{}
	})
	f, err := p.Create("f")
	must(t, err)
	_, err = f.Write([]byte("text"))
	must(t, err)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("got %v", err)
	}
	must(t, f.Sync(), p.SyncDir("."))
	if b, ok := disk.Durable("f"); !ok || len(b) != 0 {
		t.Errorf("durable %q %v after a failed sync", b, ok)
	}
	disk.PowerLoss(KeepAll, nil)
	if b := disk.Files(".")["f"]; len(b) != 0 {
		t.Errorf("%q came back", b)
	}
}

func TestFaults(t *testing.T) {
	run := func(h Hook) (*Disk, *Process, error) {
		d := NewDisk()
		p := d.Process(h)
		p.Tracing = true
		return d, p, errors.Join(p.Mkdir("a"), p.Mkdir("b"), p.Mkdir("c"))
	}
	names := func(d *Disk) string {
		list, _ := d.Process(nil).ReadDir(".")
		return strings.Join(list, "")
	}
	for _, c := range []struct {
		name string
		plan Plan
		want string
		err  error
	}{
		{"once", Plan{At: 2, Fault: Fault{Err: syscall.EIO}}, "a/c/", syscall.EIO},
		{"for ever", Plan{At: 2, Forever: true, Fault: Fault{Err: syscall.EROFS}}, "a/", syscall.EROFS},
		{"applied", Plan{At: 2, Fault: Fault{Err: syscall.EIO, Applied: true}}, "a/b/c/", syscall.EIO},
		{"killed before", Plan{At: 2, Fault: Fault{Kill: true}}, "a/", ErrKilled},
		{"killed after", Plan{At: 2, Fault: Fault{Kill: true, Applied: true}}, "a/b/", ErrKilled},
		{"never reached", Plan{At: 9, Fault: Fault{Kill: true}}, "a/b/c/", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _, err := run(c.plan.Hook())
			if !errors.Is(err, c.err) {
				t.Errorf("got %v, want %v", err, c.err)
			}
			if got := names(d); got != c.want {
				t.Errorf("the disk holds %q, want %q", got, c.want)
			}
		})
	}
	_, p, _ := run(nil)
	if !slices.Equal(p.Trace, []string{"mkdir a", "mkdir b", "mkdir c"}) {
		t.Errorf("trace %q", p.Trace)
	}
}

func TestPanics(t *testing.T) {
	d := NewDisk()
	p := d.Process(Plan{At: 1, Fault: Fault{Kill: true}}.Hook())
	p.Panics = true
	defer func() {
		if r := recover(); r != (Killed{}) {
			t.Errorf("recovered %v", r)
		}
		if len(d.Files(".")) != 0 {
			t.Error("the operation was done")
		}
	}()
	_, _ = p.Create("f")
	t.Error("the process went on")
}

func TestFromEnv(t *testing.T) {
	d := NewDisk()
	t.Setenv(Variable, "")
	if fsys, err := FromEnv(d.Process(nil)); err != nil || fsys.Mkdir("a") != nil {
		t.Error("the empty value is not inert")
	}
	t.Setenv(Variable, "fail:2:ENOSPC")
	fsys, err := FromEnv(d.Process(nil))
	must(t, err)
	got := []error{fsys.Mkdir("b"), fsys.Mkdir("c"), fsys.Mkdir("c")}
	if got[0] != nil || !errors.Is(got[1], syscall.ENOSPC) || got[2] != nil {
		t.Errorf("fail: %v", got)
	}
	t.Setenv(Variable, "failfrom:1:EROFS")
	fsys, err = FromEnv(d.Process(nil))
	must(t, err)
	if _, err := fsys.Create("f"); !errors.Is(err, syscall.EROFS) || !errors.Is(fsys.Link("a", "b"), syscall.EROFS) {
		t.Errorf("failfrom: %v", err)
	}
	file := filepath.Join(t.TempDir(), "count")
	t.Setenv(Variable, "count:"+file)
	fsys, err = FromEnv(d.Process(nil))
	must(t, err)
	f, err := fsys.Create("f")
	must(t, err)
	_, err = f.Write([]byte("x"))
	must(t, err, f.Sync(), fsys.Link("f", "g"), fsys.Remove("f"), fsys.SyncDir("."))
	if b, err := os.ReadFile(file); err != nil || string(b) != "6\n" {
		t.Errorf("counted %q, %v", b, err)
	}
	for _, bad := range []string{"kill", "kill:x", "fail:3", "fail:3:EWHAT", "explode:3"} {
		t.Setenv(Variable, bad)
		if _, err := FromEnv(d.Process(nil)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
