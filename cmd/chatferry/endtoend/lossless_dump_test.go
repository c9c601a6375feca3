package endtoend

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"chatferry"
)

// secrets are the members that are cut out of OAuth clients.
var secrets = []string{"client_secret", "access_token", "refresh_token"}

// secretsOf returns what is cut out of the records of a Stream.
func secretsOf(s chatferry.Stream) []string {
	if s.Secret() {
		return secrets
	}
	return nil
}

// dumpFiles reads the files of a dump, uncompressed, without package dump.
type dumpFiles struct {
	dir  string
	text map[string]string
}

func (d *dumpFiles) file(t *testing.T, name string) string {
	t.Helper()
	if s, ok := d.text[name]; ok {
		return s
	}
	b, err := os.ReadFile(filepath.Join(d.dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	switch filepath.Ext(name) {
	case ".gz":
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err == nil {
			b, err = io.ReadAll(r)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	case ".zst":
		r, err := zstd.NewReader(bytes.NewReader(b))
		if err == nil {
			defer r.Close()
			b, err = io.ReadAll(r)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if d.text == nil {
		d.text = map[string]string{}
	}
	d.text[name] = string(b)
	return d.text[name]
}

// record reads the record that _source_shard and _source_offset lead to: its bytes, and its value.
func (d *dumpFiles) record(t *testing.T, s *chatferry.Shard, at chatferry.Offset) (raw string, v *value) {
	t.Helper()
	file, from := at.Split()
	if file >= len(s.Files) {
		t.Fatalf("offset %d of shard %s is in file %d of %d", at, s.ID, file, len(s.Files))
	}
	text := d.file(t, s.Files[file].Path)
	if from < s.From || s.To > 0 && from >= s.To || from >= int64(len(text)) {
		t.Fatalf("%s lies outside of its shard", s.Place(at))
	}
	if s.Stream.CSV() {
		header, raw := csvRow(text), csvRow(text[from:])
		v, err := csvValue(header, raw)
		if err != nil {
			t.Fatalf("%s: %v", s.Place(at), err)
		}
		return raw, v
	}
	v, n, err := parsePrefix(text[from:])
	if err != nil {
		t.Fatalf("%s: %v", s.Place(at), err)
	}
	return text[from : from+int64(n)], v
}

// csvRow returns the row that a text begins with, without its line end.
func csvRow(text string) string {
	quoted := false
	for i := range len(text) {
		switch text[i] {
		case '"':
			quoted = !quoted
		case '\n':
			if !quoted {
				return strings.TrimSuffix(text[:i], "\r")
			}
		}
	}
	return text
}

// csvCells cuts a row into its cells, as RFC 4180 has it.
func csvCells(row string) ([]string, error) {
	var cells []string
	for {
		cell, rest, more := "", "", false
		if quoted, ok := strings.CutPrefix(row, `"`); ok {
			for {
				part, after, ok := strings.Cut(quoted, `"`)
				if !ok {
					return nil, errors.New("a quoted cell does not end")
				}
				cell += part
				if quoted, ok = strings.CutPrefix(after, `"`); !ok {
					rest = after
					break
				}
				cell += `"`
			}
			if rest, more = strings.CutPrefix(rest, ","); !more && rest != "" {
				return nil, errors.New("something stands behind a quoted cell")
			}
		} else {
			cell, rest, more = strings.Cut(row, ",")
		}
		cells = append(cells, cell)
		if !more {
			return cells, nil
		}
		row = rest
	}
}

// csvValue is a row as an object: header → cell.
func csvValue(header, row string) (*value, error) {
	names, err := csvCells(strings.TrimPrefix(header, "\ufeff"))
	if err != nil {
		return nil, err
	}
	values, err := csvCells(row)
	if err != nil {
		return nil, err
	}
	if len(names) != len(values) {
		return nil, fmt.Errorf("%d cells under %d headers", len(values), len(names))
	}
	v := &value{kind: '{', names: names}
	for _, cell := range values {
		v.items = append(v.items, &value{kind: '"', text: cell})
	}
	return v, nil
}

// compactSecret is a secret member of a record that is written without white space.
var compactSecret = regexp.MustCompile(`"(?:` + strings.Join(secrets, "|") + `)":"[^"\\]*",?`)

// rawSum is the SHA-256 by which a record counts: of its bytes, of an OAuth client without its secrets.
func rawSum(s chatferry.Stream, raw []byte) [32]byte {
	if s.Secret() {
		raw = bytes.ReplaceAll(compactSecret.ReplaceAll(raw, nil), []byte(",}"), []byte("}"))
	}
	return sha256.Sum256(raw)
}
