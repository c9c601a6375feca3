package main

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"debug/macho"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// check proves what the archives promise: their sums, what they hold, that the programs are static and name the version, and
// that a copy of the source, built elsewhere with an empty cache, gives the same bytes.
func (r *release) check() error {
	list, err := os.ReadFile(filepath.Join(dist, sums))
	if err != nil {
		return err
	}
	elsewhere, err := os.MkdirTemp("", "chatferry-elsewhere-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(elsewhere)
	source, cache := filepath.Join(elsewhere, "source"), filepath.Join(elsewhere, "cache")
	if err := copySource(source); err != nil {
		return err
	}
	for _, p := range platforms {
		name := r.archive(p)
		packed, err := os.ReadFile(filepath.Join(dist, name))
		if err != nil {
			return err
		}
		if line := fmt.Sprintf("%x  %s\n", sha256.Sum256(packed), name); !strings.Contains(string(list), line) {
			return fmt.Errorf("%s has another sum than %s says", name, sums)
		}
		held, err := unpack(packed)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := r.checkProgram(p, held[program]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		again, err := r.build(p, source, "GOCACHE="+cache)
		if err != nil {
			return err
		}
		if !bytes.Equal(again, held[program]) {
			return fmt.Errorf("%s: a second build of the program differs", name)
		}
		repacked, err := pack(again)
		if err != nil {
			return err
		}
		if !bytes.Equal(repacked, packed) {
			return fmt.Errorf("%s: packed again it differs", name)
		}
		fmt.Printf("%s: sum, content, linking and a second build are as they should be\n", name)
	}
	if got := strings.Count(string(list), "\n"); got != len(platforms) {
		return fmt.Errorf("%s names %d files", sums, got)
	}
	return nil
}

// checkProgram looks how a program is linked and, where it can run here, what it calls itself.
func (r *release) checkProgram(p platform, bin []byte) error {
	var err error
	if p.os == "darwin" {
		err = checkMachO(bin)
	} else {
		err = checkELF(bin)
	}
	if err != nil || p.os != runtime.GOOS || p.arch != runtime.GOARCH {
		return err
	}
	dir, err := os.MkdirTemp("", "chatferry-run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	at := filepath.Join(dir, program)
	if err := os.WriteFile(at, bin, 0o755); err != nil {
		return err
	}
	out, err := exec.Command(at, "version").Output()
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("%s %s %s %s/%s\n", program, r.version, runtime.Version(), p.os, p.arch); string(out) != want {
		return fmt.Errorf("the program calls itself %q, want %q", out, want)
	}
	return nil
}

// checkELF refuses a program that needs a loader or a library.
func checkELF(bin []byte) error {
	f, err := elf.NewFile(bytes.NewReader(bin))
	if err != nil {
		return err
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			return fmt.Errorf("it is not static: it has a segment %s", p.Type)
		}
	}
	return nil
}

// checkMachO refuses a program that needs a library which not every Mac has. There is no static linking of the system's own.
func checkMachO(bin []byte) error {
	f, err := macho.NewFile(bytes.NewReader(bin))
	if err != nil {
		return err
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return err
	}
	for _, l := range libraries {
		if !strings.HasPrefix(l, "/usr/lib/") && !strings.HasPrefix(l, "/System/Library/Frameworks/") {
			return fmt.Errorf("it needs the library %s", l)
		}
	}
	return nil
}

// copySource copies what a build needs, without the history and what was built.
func copySource(to string) error {
	entries, err := os.ReadDir(".")
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		at := filepath.Join(to, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."), slices.Contains([]string{"bin", "demo", dist}, e.Name()):
			continue
		case e.IsDir():
			err = os.CopyFS(at, os.DirFS(e.Name()))
		default:
			var text []byte
			if text, err = os.ReadFile(e.Name()); err == nil {
				err = os.WriteFile(at, text, 0o644)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
