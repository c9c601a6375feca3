package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/progress"
	"chatferry/load"
	"chatferry/load/s3"
)

func newInspectCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Describe one file of a dataset: Parquet, log record, quarantine or certificate",
		Long: "Describe one file of a dataset. Of a Parquet file: its columns, row groups, sizes, encodings and statistics. Of a " +
			"log record: what it states, after its checksum was checked. Of a quarantine file: its records by place and reason. A " +
			"certificate is shown line by line, with --json as it is.",
		Example: `  chatferry inspect /data/acme/tables/chats/part-000000000012-000000000001.parquet
  chatferry inspect /data/acme/_chatferry/log/dataset/000000000001.json
  chatferry inspect /data/acme/_chatferry/quarantine/000000000012-000000000001.ndjson.zst --json`,
		Args: takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := resolve(a.environment, cmd.Flags(), nil)
			if err != nil {
				return err
			}
			return a.inspect(cmd.Context(), args[0], s)
		},
	}
	addFlag(cmd.Flags(), "json")
	addFlags(cmd.Flags(), placeFlags)
	return cmd
}

// maxRecordFile is beyond any log record; what is larger is something else.
const maxRecordFile = 64 << 20

// inspected is a file that is looked at.
type inspected interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Size() int64
}

// localFile is one on this disk.
type localFile struct {
	*os.File
	size int64
}

func (f *localFile) Size() int64 { return f.size }

// openInspected opens a file of this disk, or s3://bucket/key.
func (s *settings) openInspected(ctx context.Context, name string) (inspected, error) {
	missing := usage("`chatferry files` lists those of a dataset", "there is no file %s", name)
	if isS3(name) {
		uri, err := s3Place(name)
		if err != nil {
			return nil, usage("", "%w", err)
		}
		at := strings.LastIndexByte(uri, '/') // the key's last name is read out of the folder before it
		bucket, err := s.openBucket(ctx, uri[:at])
		if err != nil {
			return nil, err
		}
		store, err := s3.New(bucket, "")
		if err != nil {
			return nil, err
		}
		f, err := store.Open(ctx, uri[at+1:])
		if errors.Is(err, fs.ErrNotExist) {
			return nil, missing
		}
		return f, err
	}
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, missing
	}
	if err != nil {
		return nil, &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "open", Place: name, Err: bare(err), Hint: "check its permissions"}
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		err = &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "look at", Place: name, Err: bare(err)}
	case !info.Mode().IsRegular():
		err = usage("`chatferry files` lists those of a dataset", "%s is not a file", name)
	default:
		return &localFile{f, info.Size()}, nil
	}
	f.Close()
	return nil, err
}

// inspect tells files apart by their first bytes.
func (a *app) inspect(ctx context.Context, name string, s *settings) error {
	f, err := s.openInspected(ctx, name)
	if err != nil {
		return err
	}
	defer f.Close()
	asJSON := bool(s.JSON)
	head := make([]byte, 4)
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "read", Place: name, Err: bare(err)}
	}
	damaged := func(err error) error {
		return &chatferry.Error{
			Kind: chatferry.KindIncompatible, Op: "inspect", Place: name, Err: err,
			Hint: "restore it from a backup if the dataset lists it",
		}
	}
	switch {
	case string(head) == "PAR1":
		p, err := load.Inspect(f, f.Size())
		if err != nil {
			return damaged(err)
		}
		if asJSON {
			return a.printJSON(p)
		}
		return a.printParquet(name, p)
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		for r, err := range load.ReadQuarantine(f) {
			if err != nil {
				return damaged(err)
			}
			show := a.showPlace
			if asJSON {
				show = a.showJSON
			}
			if err := show(&r); err != nil {
				return err
			}
		}
		return nil
	case head[0] == '{' && f.Size() <= maxRecordFile:
		text, err := io.ReadAll(f)
		if err != nil {
			return damaged(err)
		}
		if !bytes.Contains(text, []byte(`"kind":`)) && json.Valid(text) { // FORMAT, or a certificate
			if !asJSON {
				var lines bytes.Buffer
				_ = json.Indent(&lines, bytes.TrimSpace(text), "", "  ") // it is valid
				text = append(lines.Bytes(), '\n')
			}
			_, err = a.stdout.Write(text)
			return printError(err)
		}
		record, err := checkpoint.DecodeRecord(text)
		if err != nil {
			return damaged(err)
		}
		return a.printJSON(record)
	}
	return usage("`chatferry files` lists those of a dataset", "%s is neither Parquet, nor a log record, a quarantine file or a certificate", name)
}

// showPlace is one line about a Reject.
func (a *app) showPlace(r *chatferry.Reject) error {
	_, err := fmt.Fprintf(a.stdout, "%s  %s  %s  %s  %s\n", printable(r.Place), r.Stream, r.Code, progress.Bytes(r.RawLen), printable(r.Reason))
	return printError(err)
}

// printParquet describes a Parquet file column by column, all row groups together, and then the row groups.
func (a *app) printParquet(name string, p *load.FileInfo) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %s, row groups: %d, written by %s\n\n", printable(name), countOf(p.Rows, "row"), progress.Bytes(p.Size), len(p.Groups), printable(p.CreatedBy))
	rows := [][]string{{"COLUMN", "TYPE", "NULLS", "STORED", "RAW", "ENCODINGS", "MIN", "MAX"}}
	for i, c := range p.Columns {
		var nulls, stored, raw int64
		known := true
		encodings, least, most := "", "", ""
		for g := range p.Groups {
			chunk := &p.Groups[g].Chunks[i]
			stored += chunk.Compressed
			raw += chunk.Uncompressed
			if chunk.Nulls == nil {
				known = false
			} else {
				nulls += *chunk.Nulls
			}
			if g == 0 {
				encodings = strings.Join(chunk.Encodings, "+")
			}
			if len(p.Groups) == 1 && chunk.Min != nil && chunk.Max != nil {
				least, most = *chunk.Min, *chunk.Max
			}
		}
		n := "-"
		if known {
			n = progress.Count(nulls)
		}
		rows = append(rows, []string{
			printable(c.Path), columnType(c), n, progress.Bytes(stored), progress.Bytes(raw), encodings, clip(printable(least)), clip(printable(most)),
		})
	}
	writeColumns(&b, rows, 2, 4)
	if len(p.Groups) > 1 {
		rows = [][]string{{"ROW GROUP", "ROWS", "RAW"}}
		for g := range p.Groups {
			rows = append(rows, []string{fmt.Sprint(g), progress.Count(p.Groups[g].Rows), progress.Bytes(p.Groups[g].Bytes)})
		}
		b.WriteString("\nMinima and maxima of each row group are in --json.\n\n")
		writeColumns(&b, rows, 0, 2)
	}
	_, err := io.WriteString(a.stdout, b.String())
	return printError(err)
}

// columnType is a column's logical type in short, or else its physical one.
func columnType(c load.ColumnInfo) string {
	switch name, _, _ := strings.Cut(c.Logical, "("); {
	case c.Logical == "":
		return strings.ToLower(c.Type)
	case name == "Timestamp" && strings.Contains(c.Logical, "isAdjustedToUTC=true"):
		return "timestamp UTC"
	default:
		return strings.ToLower(name)
	}
}

// clip shortens a value that would make a table unreadable.
func clip(s string) string {
	const most = 24
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
