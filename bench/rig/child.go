package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"chatferry/bench"
)

// cost is what a process and all that it waited for took.
type cost struct {
	Wall, CPU time.Duration // CPU: user and system
	Peak      int64         // bytes of memory
}

// child runs a program to its end. Its standard output is returned; its standard error becomes part of the error.
func child(ctx context.Context, env []string, argv ...string) (out []byte, c cost, err error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CHATFERRY_") }), env...)
	begun := time.Now()
	err = cmd.Run()
	c = costOf(cmd.ProcessState, time.Since(begun))
	if ctx.Err() != nil {
		return nil, c, ctx.Err()
	}
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(append(stderr.Bytes(), stdout.Bytes()...)))
	}
	return stdout.Bytes(), c, err
}

func costOf(s *os.ProcessState, wall time.Duration) cost {
	c := cost{Wall: wall}
	if s == nil {
		return c
	}
	c.CPU = s.UserTime() + s.SystemTime()
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		c.Peak = bench.RSS(u.Maxrss)
	}
	return c
}

// costs are those of several rounds.
type costs []cost

func (c costs) wall() float64 { return c.median(func(c cost) float64 { return c.Wall.Seconds() }) }
func (c costs) cpu() float64  { return c.median(func(c cost) float64 { return c.CPU.Seconds() }) }
func (c costs) peak() float64 { return c.median(func(c cost) float64 { return float64(c.Peak) }) }

func (c costs) median(of func(cost) float64) float64 {
	values := make([]float64, len(c))
	for i := range c {
		values[i] = of(c[i])
	}
	return bench.Median(values)
}

// against is the median, over the rounds, of what these took as a multiple of what the others took in the same round.
func (c costs) against(other costs, of func(cost) float64) float64 {
	ratios := make([]float64, len(c))
	for i := range c {
		ratios[i] = of(c[i]) / of(other[i])
	}
	return bench.Median(ratios)
}

func wallOf(c cost) float64 { return c.Wall.Seconds() }
func cpuOf(c cost) float64  { return c.CPU.Seconds() }
func peakOf(c cost) float64 { return float64(c.Peak) }

// carried is what `chatferry run --json` says.
type carried struct {
	Streams map[string]struct {
		Read        int64 `json:"read"`
		Quarantined int64 `json:"quarantined"`
	} `json:"streams"`
	Tables map[string]struct {
		Rows  int64 `json:"rows"`
		Files int64 `json:"files"`
		Bytes int64 `json:"bytes_written"`
	} `json:"tables"`
}

func (c *carried) records() (n int64) {
	for _, s := range c.Streams {
		n += s.Read
	}
	return n
}

func (c *carried) written() (files, bytes int64) {
	for _, t := range c.Tables {
		files += t.Files
		bytes += t.Bytes
	}
	return files, bytes
}

// runArgs are those of a whole run as people have it: settling, reading back, fsync, logs, all tables.
func (r *rig) runArgs(dump, root string, flags ...string) []string {
	return append([]string{r.program, "run", "--from", dump, "--to", root, "--progress", "none", "--json"}, flags...)
}

// carry runs chatferry into a new root, which is removed afterwards.
func (r *rig) carry(ctx context.Context, before []string, env []string, dump string, flags ...string) (*carried, cost, error) {
	root := r.path("data")
	out, c, err := child(ctx, env, append(slices.Clone(before), r.runArgs(dump, root, flags...)...)...)
	result := &carried{}
	if err == nil {
		err = json.Unmarshal(out, result)
	}
	return result, c, errors.Join(err, os.RemoveAll(root))
}

// made is what `rig make` says of a dump.
type made struct {
	Stored  int64 `json:"stored"` // bytes of the files
	JSON    int64 `json:"json"`   // bytes of the records
	Records int64 `json:"records"`
}

// dump has a process of its own make a dump of chats.
func (r *rig) dump(ctx context.Context, name string, chats int64, compression string) (string, made, error) {
	self, err := os.Executable()
	if err != nil {
		return "", made{}, err
	}
	dir := r.path(name)
	out, _, err := child(ctx, nil, self, "make", "-into", dir, "-chats", fmt.Sprint(chats), "-compression", compression)
	if err != nil {
		return "", made{}, err
	}
	var m made
	return dir, m, json.Unmarshal(out, &m)
}

// sizeOf adds up the files below a folder.
func sizeOf(dir string) (files, bytes int64, err error) {
	err = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			files++
			bytes += info.Size()
		}
		return err
	})
	return files, bytes, err
}
