// Command release makes the archives of a release, chatferry_<version>_<os>_<arch>.tar.gz with the program, LICENSE and README.md,
// and SHA256SUMS. It needs Go and nothing else: neither tar nor sha256sum are the same everywhere.
//
// The archives depend on the source, the version and the Go toolchain alone. The programs are linked statically and know
// no path of the machine; the revision stands in the version, not in the build information, so that a tree without its
// history gives the same bytes. With -check it proves this of archives that are there.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// platform is what a program runs on.
type platform struct{ os, arch string }

var platforms = []platform{{"darwin", "amd64"}, {"darwin", "arm64"}, {"linux", "amd64"}, {"linux", "arm64"}}

const (
	program = "chatferry"
	dist    = "dist" // the folder of the archives
	sums    = "SHA256SUMS"
)

// members are the files of an archive, in their order.
var members = []string{program, "LICENSE", "README.md"}

func main() {
	var r release
	flag.StringVar(&r.version, "version", "dev", "version that the programs name")
	check := flag.Bool("check", false, "check the archives that are there, and build them again elsewhere")
	flag.Parse()
	act := r.make
	if *check {
		act = r.check
	}
	if err := act(); err != nil {
		fmt.Fprintln(os.Stderr, "release: "+err.Error())
		os.Exit(1)
	}
}

// release is one version of the program.
type release struct{ version string }

func (r *release) archive(p platform) string {
	return fmt.Sprintf("%s_%s_%s_%s.tar.gz", program, r.version, p.os, p.arch)
}

// make builds the archives. What the folder held before is gone.
func (r *release) make() error {
	if err := errors.Join(os.RemoveAll(dist), os.MkdirAll(dist, 0o755)); err != nil {
		return err
	}
	var list strings.Builder
	for _, p := range platforms {
		bin, err := r.build(p, ".")
		if err != nil {
			return err
		}
		packed, err := pack(bin)
		if err != nil {
			return err
		}
		name := r.archive(p)
		if err := os.WriteFile(filepath.Join(dist, name), packed, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(packed), name)
		fmt.Printf("%s  %.1f MB, the program %.1f MB\n", filepath.Join(dist, name), float64(len(packed))/1e6, float64(len(bin))/1e6)
	}
	return os.WriteFile(filepath.Join(dist, sums), []byte(list.String()), 0o644)
}

// build returns the program as built from a source tree, with more variables of the environment.
func (r *release) build(p platform, source string, env ...string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "chatferry-release-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, program)
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+r.version, "-o", bin, "./cmd/chatferry")
	cmd.Dir, cmd.Stderr = source, os.Stderr
	cmd.Env = append(os.Environ(), append(env, "CGO_ENABLED=0", "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0", "GOOS="+p.os, "GOARCH="+p.arch)...)
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("build for %s/%s: %w", p.os, p.arch, err)
	}
	return os.ReadFile(bin)
}

// pack makes an archive around a program.
func pack(bin []byte) ([]byte, error) {
	var out bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(zipped)
	for _, name := range members {
		text, mode := bin, int64(0o755)
		if name != program {
			if text, err = os.ReadFile(name); err != nil {
				return nil, err
			}
			mode = 0o644
		}
		h := &tar.Header{Name: name, Mode: mode, Size: int64(len(text)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(text); err != nil {
			return nil, err
		}
	}
	err = errors.Join(w.Close(), zipped.Close())
	return out.Bytes(), err
}

// unpack returns the members of an archive, which must be those that pack makes.
func unpack(packed []byte) (map[string][]byte, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	r := tar.NewReader(zipped)
	found := map[string][]byte{}
	for _, want := range members {
		h, err := r.Next()
		if err != nil {
			return nil, err
		}
		if h.Name != want {
			return nil, fmt.Errorf("it holds %s where %s is due", h.Name, want)
		}
		if found[want], err = io.ReadAll(r); err != nil {
			return nil, err
		}
	}
	if _, err := r.Next(); err != io.EOF {
		return nil, errors.New("it holds more than it should")
	}
	return found, nil
}
