package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"chatferry/extract/rehearsal"
)

// limits of --memory-limit: the default, and the least that there is.
const (
	memoryLimit = 512 << 20
	leastMemory = 256 << 20
)

// allStreams is how many chats the account has of which all Streams are dumped: for each there are five other records.
const allStreams = 300_000

// memory measures the peak memory of whole runs over dumps that are large in different ways.
func memory(flags *flag.FlagSet) func(context.Context, *rig) (*table, error) {
	gb := flags.Float64("gb", 1, "of JSON in the large dump")
	return func(ctx context.Context, r *rig) (*table, error) {
		r.need(int64(*gb*1e9/chatBytes*3*packedBytes) + 3<<28)
		how := "measured only: nothing here lets systemd-run set a limit"
		if cgroup(ctx, memoryLimit) != nil {
			how = "and enforced by systemd-run, without swap"
		}
		t := &table{
			About:   fmt.Sprintf("--memory-limit 512MiB = %.0f MB and 256MiB = %.0f MB, %s", memoryLimit/1e6, leastMemory/1e6, how),
			Columns: []string{"dump", "records", "wall s", "peak MB", "limit MB", "% of limit"},
		}
		var over []string
		for _, c := range []struct {
			name  string
			limit int64
			make  func(dir string) error
		}{
			{fmt.Sprintf("%g GB in zstd", *gb), memoryLimit, func(string) error {
				_, _, err := r.dump(ctx, "dump", max(1, int64(*gb*1e9/chatBytes)), "zstd")
				return err
			}},
			{"one record of 64 MB", memoryLimit, func(dir string) error {
				return writeChats(dir, 1, 3, func(_, k int, w *bufio.Writer) { chat(w, k, 1, map[bool]int{true: 64_000_000, false: 300}[k == 1]) })
			}},
			{"10,000 small files", memoryLimit, func(dir string) error {
				return writeChats(dir, 10_000, 3, func(f, k int, w *bufio.Writer) { chat(w, 10*f+k, 5, 60) })
			}},
			{"a chat of 100,000 messages", memoryLimit, func(dir string) error {
				return writeChats(dir, 1, 3, func(_, k int, w *bufio.Writer) { chat(w, k, map[bool]int{true: 100_000, false: 5}[k == 1], 60) })
			}},
			{"all Streams", memoryLimit, func(dir string) error { return writeAll(ctx, dir) }},
			{"all Streams", leastMemory, func(dir string) error { return writeAll(ctx, dir) }},
		} {
			dir := r.path("dump")
			if err := c.make(dir); err != nil {
				return nil, err
			}
			result, took, err := r.carry(ctx, cgroup(ctx, c.limit), nil, dir, "--memory-limit", fmt.Sprintf("%dMiB", c.limit>>20))
			if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if result.Streams["chats"].Quarantined > 0 {
				return nil, fmt.Errorf("%s: records went to quarantine", c.name)
			}
			t.add(c.name, result.records(), took.Wall.Seconds(), float64(took.Peak)/1e6, float64(c.limit)/1e6, 100*float64(took.Peak)/float64(c.limit))
			if took.Peak > c.limit {
				over = append(over, fmt.Sprintf("%s: %d MB", c.name, took.Peak/1e6))
			}
			r.say("%s: done", c.name)
		}
		if len(over) > 0 {
			return t, errors.New("over the limit: " + strings.Join(over, "; "))
		}
		t.note("Every run stayed within the limit.")
		return t, nil
	}
}

// cgroup is the beginning of a command that runs another under the limit, or nil where that is not allowed.
func cgroup(ctx context.Context, limit int64) []string {
	run, err := exec.LookPath("systemd-run")
	if err != nil {
		return nil
	}
	for _, whose := range []string{"--system", "--user"} {
		argv := []string{run, whose, "--scope", "--quiet", "--collect", "-p", fmt.Sprintf("MemoryMax=%d", limit), "-p", "MemorySwapMax=0"}
		if _, _, err := child(ctx, nil, append(argv, "true")...); err == nil {
			return argv
		}
	}
	return nil
}

// writeAll writes all Streams of an account in which nothing is broken.
func writeAll(ctx context.Context, dir string) error {
	account := rehearsal.New(rehearsal.Options{Seed: 1, Chats: allStreams, Bad: -1})
	form := rehearsal.Uniform(rehearsal.Form{Format: rehearsal.NDJSON, Compression: rehearsal.Zstd}, rehearsal.Split{Records: 100_000})
	_, err := account.WriteDump(ctx, dir, form)
	return err
}

// writeChats writes files of chats into a new dump.
func writeChats(dir string, files, each int, write func(file, k int, w *bufio.Writer)) error {
	folder := filepath.Join(dir, "chats")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for i := range files {
		f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%06d.ndjson", i)))
		if err != nil {
			return err
		}
		w := bufio.NewWriter(f)
		for k := range each {
			write(i, k, w)
		}
		if err := errors.Join(w.Flush(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// chat writes a chat with so many messages of so many bytes.
func chat(w io.Writer, id, messages, bytes int) {
	fmt.Fprintf(w, `{"id":"2104.2314999.SVh%08d","type":"chat","timestamp":"2021-04-26T13:54:02Z","update_timestamp":"2021-04-27T02:00:00Z",`+
		`"visitor":{"id":"2314999.g%08d","name":"Ana Souza"},"history":[`, id, id)
	for i := range messages {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, `{"type":"chat.msg","timestamp":"2021-04-26T13:54:02Z","name":"Ana Souza","nick":"visitor:1","msg_id":"%d","msg":"`, i)
		const words = "The invoice of last month has not arrived yet, could you send it again? "
		for n := bytes; n > 0; n -= len(words) {
			fmt.Fprint(w, words[:min(n, len(words))])
		}
		fmt.Fprint(w, `"}`)
	}
	fmt.Fprint(w, "]}\n")
}
