package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"chatferry"
	"chatferry/extract/rehearsal"
)

// chatBytes is about what a chat takes as JSON, and compressed; for saying what room is needed.
const (
	chatBytes   = 5200
	packedBytes = 800
)

// makeDump writes the chats of an account, a file for each month. None of them is broken, excluded or there twice, and none
// has half a surrogate pair, at which DuckDB stops: every program must be able to make as many rows of them.
func makeDump(flags *flag.FlagSet) func(context.Context, *rig) (*table, error) {
	into := flags.String("into", "", "a new folder")
	compression := flags.String("compression", "gzip", "plain, gzip or zstd")
	seed := flags.Uint64("seed", 1, "what the dump is made from")
	return func(ctx context.Context, r *rig) (*table, error) {
		d := &dumper{dir: filepath.Join(*into, "chats"), compression: *compression}
		if err := os.MkdirAll(d.dir, 0o700); err != nil {
			return nil, err
		}
		account := rehearsal.New(rehearsal.Options{Seed: *seed, Chats: r.chats, Bad: -1, Message: -1})
		for c := range account.Records(chatferry.Chats) {
			if halfPair(c.Raw) {
				continue
			}
			if err := errors.Join(ctx.Err(), d.write(&c)); err != nil {
				return nil, errors.Join(err, d.finish())
			}
		}
		if err := d.finish(); err != nil {
			return nil, err
		}
		var err error
		if _, d.made.Stored, err = sizeOf(d.dir); err != nil {
			return nil, err
		}
		return nil, json.NewEncoder(os.Stdout).Encode(d.made)
	}
}

var surrogates = regexp.MustCompile(`(?i)\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\ud[89a-f][0-9a-f]{2}`)

// halfPair reports whether a record has half a surrogate pair in it.
func halfPair(raw []byte) bool {
	if !bytes.Contains(raw, []byte(`\ud`)) && !bytes.Contains(raw, []byte(`\uD`)) {
		return false
	}
	for _, m := range surrogates.FindAll(raw, -1) {
		if len(m) == len(`\ud83d`) {
			return true
		}
	}
	return false
}

// dumper writes chats into files.
type dumper struct {
	dir, compression string
	month            string
	file             *os.File // nil before the first
	packed           io.WriteCloser
	out              *bufio.Writer
	made             made
}

func (d *dumper) write(c *rehearsal.Record) error {
	// What was made around midnight is not quite in order; a file that was ended stays so.
	if month := time.UnixMilli(c.Time).UTC().Format("2006-01"); month > d.month {
		if err := d.begin(month); err != nil {
			return err
		}
	}
	d.made.Records++
	d.made.JSON += int64(len(c.Raw))
	_, err := d.out.Write(c.Raw)
	return errors.Join(err, d.out.WriteByte('\n'))
}

// begin ends the open file, and begins that of a month.
func (d *dumper) begin(month string) (err error) {
	if err := d.finish(); err != nil {
		return err
	}
	d.month = month
	ext, known := map[string]string{"plain": "", "gzip": ".gz", "zstd": ".zst"}[d.compression]
	if !known {
		return fmt.Errorf("-compression: %q is not plain, gzip or zstd", d.compression)
	}
	if d.file, err = os.OpenFile(filepath.Join(d.dir, month+".ndjson"+ext), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return err
	}
	switch d.packed = d.file; d.compression {
	case "gzip":
		d.packed = gzip.NewWriter(d.file)
	case "zstd":
		if d.packed, err = zstd.NewWriter(d.file); err != nil {
			return err
		}
	}
	d.out = bufio.NewWriterSize(d.packed, 1<<20)
	return nil
}

func (d *dumper) finish() error {
	if d.file == nil {
		return nil
	}
	err := d.out.Flush()
	if d.packed != d.file {
		err = errors.Join(err, d.packed.Close())
	}
	err = errors.Join(err, d.file.Close())
	d.file = nil
	return err
}

// need says how much room a measurement takes.
func (r *rig) need(bytes int64) {
	r.say("needs about %s on the disk of %s, and leaves nothing there", size(bytes), r.dir)
}

func size(bytes int64) string {
	if bytes < 1e9 {
		return fmt.Sprintf("%.0f MB", float64(bytes)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
}
