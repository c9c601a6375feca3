package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/extract/api"
	"chatferry/load"
	"chatferry/transform"
)

// digest is the SHA-256 of a record.
type digest = [sha256.Size]byte

// held is how often the dataset holds each record of a Stream, as a row, an entry of a ledger or a Reject.
type held map[digest]int

func (h held) total() (n int) {
	for _, k := range h {
		n += k
	}
	return n
}

// holds reads from the files of the Inventory what the dataset holds of every Stream, without what was superseded.
func (v *virtual) holds() (map[chatferry.Stream]held, *checkpoint.Dataset) {
	v.t.Helper()
	d := v.dataset()
	out := map[chatferry.Stream]held{}
	add := func(s chatferry.Stream, sum []byte) {
		if out[s] == nil {
			out[s] = held{}
		}
		out[s][digest(sum)]++
	}
	for _, f := range d.Inventory() {
		switch {
		case f.Kind == chatferry.FileQuarantine:
			err := readRejects(v.t.Context(), d.target, f, func(r *chatferry.Reject) error {
				add(r.Stream, r.RawSHA256[:])
				return nil
			})
			if err != nil {
				v.t.Fatal(err)
			}
		case f.Kind == chatferry.FileLedger:
			v.columns(d.target, f, []string{load.LedgerStream, "raw_sha256", load.LedgerDisposition}, func(row [][]byte) {
				if string(row[2]) != string(chatferry.Superseded) {
					add(chatferry.Stream(row[0]), row[1])
				}
			})
		case chatferry.Table(f.Stream) == f.Table: // a parent; its children have no records of their own
			v.columns(d.target, f, []string{transform.ColumnRawSHA256}, func(row [][]byte) { add(f.Stream, row[0]) })
		}
	}
	return out, d.Dataset
}

// columns calls each with every row of some columns, which hold text or bytes, of a Parquet file.
func (v *virtual) columns(t *target, f checkpoint.InventoryFile, names []string, each func(row [][]byte)) {
	v.t.Helper()
	in, err := t.store.Open(v.t.Context(), f.Name)
	if err != nil {
		v.t.Fatal(err)
	}
	whole, err := io.ReadAll(in)
	if err = errors.Join(err, in.Close()); err != nil {
		v.t.Fatal(err)
	}
	rows, err := load.OpenColumns(bytes.NewReader(whole), int64(len(whole)), names...)
	if err != nil {
		v.t.Fatalf("%s: %v", f.Name, err)
	}
	row := make([][]byte, len(names))
	for {
		rec, err := rows.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			v.t.Fatalf("%s: %v", f.Name, err)
		}
		for i := range int(rec.NumRows()) {
			for c := range names {
				switch column := rec.Column(c).(type) {
				case *array.String:
					row[c] = []byte(column.Value(i))
				case *array.FixedSizeBinary:
					row[c] = column.Value(i)
				default:
					v.t.Fatalf("%s: column %s is a %s", f.Name, names[c], column.DataType())
				}
			}
			each(row)
		}
		rec.Release()
	}
}

// equal compares what the dataset holds of a Stream with what the server says is there, record by record, each once.
func equal(t *testing.T, stream chatferry.Stream, got held, want map[digest]string) {
	t.Helper()
	missing, twice, foreign := 0, 0, 0
	for sum, key := range want {
		switch got[sum] {
		case 1:
		case 0:
			if missing++; missing <= 3 {
				t.Errorf("%s: %s is missing", stream, key)
			}
		default:
			twice++
		}
	}
	for sum := range got {
		if _, ok := want[sum]; !ok {
			if foreign++; foreign <= 3 {
				t.Errorf("%s: a record that the server never gave: %s", stream, hex.EncodeToString(sum[:]))
			}
		}
	}
	if missing+twice+foreign > 0 {
		t.Errorf("%s: of %d records %d are missing, %d are there more than once, and %d are others", stream, len(want), missing, twice, foreign)
	}
}

// equalsServer compares the dataset of an account at rest with the server: every record of every Stream, once.
func (v *virtual) equalsServer() {
	v.t.Helper()
	got, _ := v.holds()
	for _, s := range api.Streams() {
		want := map[digest]string{}
		for e := range v.server.Ledger(s) {
			want[e.SHA256] = e.Key
		}
		switch s {
		case chatferry.OAuthClients: // its secrets are taken out before anything is hashed
			if got[s].total() != len(want) {
				v.t.Errorf("%s: %d records instead of %d", s, got[s].total(), len(want))
			}
			continue
		case chatferry.RoutingSettings: // those of the agents follow the account's
			for e := range v.server.Ledger(chatferry.Agents) {
				sum := sha256.Sum256(v.ask("routing_settings/agents/"+e.Key, "data"))
				want[sum] = "agent " + e.Key
			}
		}
		equal(v.t, s, got[s], want)
	}
}
