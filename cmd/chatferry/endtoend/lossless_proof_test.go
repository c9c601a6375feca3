package endtoend

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"

	"chatferry"
	"chatferry/transform"
)

// proof reads every file of a dataset, rebuilds every record from its rows, and holds it against the bytes of the dump
// that its row names as its source.
type proof struct {
	*carried
	files dumpFiles
	// columns says of a file whether typed columns are also compared with the members that they are named after; nil
	// compares none. It is for records that have no unknown member whose name is that of a column.
	columns func(file string) bool
	// spaced says that records may be written with white space, so that the SHA-256 of one with secrets is not known.
	spaced bool
	// canary is part of every secret of the account, and may not be in anything that was read; "" is not looked for.
	canary string

	loaded      map[chatferry.Stream]map[string]int // canonical values, how often
	quarantined map[chatferry.Stream]map[rejected]int
	set         map[chatferry.Stream]map[setAside]int
	seen        map[source]bool
	rowsOf      map[string]int // by file of the dump
}

type source struct {
	shard chatferry.ShardID
	at    chatferry.Offset
}

// rejected is a record in quarantine, setAside one in a ledger.
type (
	rejected struct {
		sum  [32]byte
		code chatferry.Code
	}
	setAside struct {
		sum         [32]byte
		disposition chatferry.Disposition
		reason      string
		key         string
		version     int64
	}
)

func count[K comparable](m map[chatferry.Stream]map[K]int, s chatferry.Stream, k K) {
	if m[s] == nil {
		m[s] = map[K]int{}
	}
	m[s][k]++
}

// prove reads the whole dataset.
func (p *proof) prove(t *testing.T) {
	t.Helper()
	p.files = dumpFiles{dir: p.dump}
	p.loaded = map[chatferry.Stream]map[string]int{}
	p.quarantined = map[chatferry.Stream]map[rejected]int{}
	p.set = map[chatferry.Stream]map[setAside]int{}
	p.seen = map[source]bool{}
	p.rowsOf = map[string]int{}
	for i := range p.Shards {
		s := &p.Shards[i]
		for k := range s.Commits {
			if !s.Commits[k].Reopened {
				p.part(t, &s.Shard, &s.Commits[k].Part)
			}
		}
	}
}

func (p *proof) part(t *testing.T, shard *chatferry.Shard, part *chatferry.Part) {
	t.Helper()
	tables := map[chatferry.Table]arrow.Record{}
	for _, f := range part.Files {
		data := p.read(t, f.Name)
		if sha256.Sum256(data) != f.SHA256 || int64(len(data)) != f.Size {
			t.Errorf("%s is not the file that the log names", f.Name)
		}
		switch f.Kind {
		case chatferry.FileRows:
			rec := readTable(t, f.Table, f.Name, data)
			defer rec.Release()
			if rec.NumRows() != f.Rows {
				t.Errorf("%s has %d rows, the log says %d", f.Name, rec.NumRows(), f.Rows)
			}
			tables[f.Table] = rec
			p.noCanary(t, f.Name, rec)
		case chatferry.FileLedger:
			p.ledger(t, shard, f.Name, data)
		case chatferry.FileQuarantine:
			p.quarantine(t, shard, part.Seq, f.Name, data)
		}
	}
	if tables[shard.Stream.Parent()] != nil {
		p.rows(t, shard, part, tables)
	}
}

// noCanary looks for secrets in every text of a table.
func (p *proof) noCanary(t *testing.T, name string, rec arrow.Record) {
	t.Helper()
	for i, c := range rec.Columns() {
		texts, ok := c.(*array.String)
		for row := 0; ok && row < texts.Len(); row++ {
			if p.canary != "" && strings.Contains(texts.Value(row), p.canary) {
				t.Errorf("%s: column %s of row %d holds a secret", name, rec.ColumnName(i), row)
			}
		}
	}
}

// rows rebuilds the records of a Part.
func (p *proof) rows(t *testing.T, shard *chatferry.Shard, part *chatferry.Part, tables map[chatferry.Table]arrow.Record) {
	t.Helper()
	r, err := transform.NewRebuilder(shard.Stream, tables)
	if err != nil {
		t.Fatal(err)
	}
	cols := map[chatferry.Table]*columns{}
	for table, rec := range tables {
		cols[table] = columnsOf(rec)
	}
	parent := cols[shard.Stream.Parent()]
	children := map[chatferry.Table]int{} // rows that belong to the parents so far
	row := 0
	for text, err := range r.All() {
		at := chatferry.Offset(parent.int64(transform.ColumnSourceOffset, row))
		place := shard.Place(at)
		if err != nil {
			t.Fatalf("%s: %v", place, err)
		}
		p.see(t, shard, at)
		if parent.int64(transform.ColumnSourceShard, row) != int64(shard.ID) || parent.int64(transform.ColumnSourceSeq, row) != int64(part.Seq) {
			t.Errorf("%s: the row says that it is of another part", place)
		}
		raw, want := p.files.record(t, shard, at)
		got, err := parseWhole(text)
		if err != nil {
			t.Fatalf("%s: the rebuilt record: %v\n%s", place, err, text)
		}
		without := secretsOf(shard.Stream)
		if g, w := got.canonical(), want.canonical(without...); g != w {
			t.Fatalf("%s: the record was not rebuilt\n got %s\nwant %s", place, text, raw)
		}
		if sum := rawSum(shard.Stream, []byte(raw)); !(p.spaced && shard.Stream.Secret()) &&
			!bytes.Equal(parent.sums(transform.ColumnRawSHA256, row), sum[:]) {
			t.Errorf("%s: _raw_sha256 is not that of the record", place)
		}
		count(p.loaded, shard.Stream, got.canonical())
		file, _ := at.Split()
		path := shard.Files[file].Path
		p.rowsOf[path]++
		typed := p.columns != nil && !shard.Stream.CSV() && p.columns(path)
		if typed {
			parent.compare(t, place, row, want, without)
		}
		for table, name := range childArrays(shard.Stream) {
			a := want.member(name)
			n := checkChildren(t, place, cols[table], children[table], parent, row, a)
			for i := range n {
				if typed && a.items[i].kind == '{' {
					cols[table].compare(t, place, children[table]+i, a.items[i], nil)
				}
			}
			children[table] += n
		}
		row++
	}
	for table := range childArrays(shard.Stream) {
		if rec := tables[table]; rec != nil && int(rec.NumRows()) != children[table] {
			t.Errorf("%s of part %d of shard %s has %d rows, its chats have %d", table, part.Seq, shard.ID, rec.NumRows(), children[table])
		}
	}
}

// childArrays says which array of a record fills which child table.
func childArrays(s chatferry.Stream) map[chatferry.Table]string {
	if s != chatferry.Chats {
		return nil
	}
	return map[chatferry.Table]string{
		chatferry.ChatHistory: "history", chatferry.ChatWebpath: "webpath",
		chatferry.ChatEngagements: "engagements", chatferry.ChatConversions: "conversions",
	}
}

// checkChildren holds the rows of one array of a chat against it, and returns how many they are.
func checkChildren(t *testing.T, place string, c *columns, from int, parent *columns, row int, array *value) int {
	t.Helper()
	if array == nil || array.kind != '[' || len(array.items) == 0 {
		return 0
	}
	if c == nil || int(c.rec.NumRows()) < from+len(array.items) {
		t.Fatalf("%s: child rows are missing", place)
	}
	for i := range array.items {
		at := from + i
		switch {
		case c.text(transform.ColumnChatID, at) != parent.text(transform.ColumnID, row):
			t.Fatalf("%s: child row %d is of chat %q", place, i, c.text(transform.ColumnChatID, at))
		case c.int32(transform.ColumnIndex, at) != i:
			t.Fatalf("%s: child row %d has index %d", place, i, c.int32(transform.ColumnIndex, at))
		}
		for _, name := range []string{transform.ColumnSourceShard, transform.ColumnSourceSeq, transform.ColumnSourceOffset} {
			if c.int64(name, at) != parent.int64(name, row) {
				t.Fatalf("%s: child row %d has another %s than its chat", place, i, name)
			}
		}
	}
	return len(array.items)
}

// see notes where a record was read; two records cannot come from one place.
func (p *proof) see(t *testing.T, shard *chatferry.Shard, at chatferry.Offset) {
	t.Helper()
	s := source{shard.ID, at}
	if p.seen[s] {
		t.Errorf("two records come from %s", shard.Place(at))
	}
	p.seen[s] = true
}

// ledger reads a ledger, and looks whether its entries lead to their records.
func (p *proof) ledger(t *testing.T, shard *chatferry.Shard, name string, data []byte) {
	t.Helper()
	readParquet(t, name, data, func(leaves []leaf, row [][]parquet.Value) {
		cell := map[string]parquet.Value{}
		for i, l := range leaves {
			cell[l.name] = row[i][0]
		}
		at := chatferry.Offset(cell["_source_offset"].Int64())
		p.see(t, shard, at)
		raw, _ := p.files.record(t, shard, at)
		e := setAside{
			sum: rawSum(shard.Stream, []byte(raw)), disposition: chatferry.Disposition(cell["disposition"].ByteArray()),
			reason: string(cell["reason"].ByteArray()), key: string(cell["key"].ByteArray()),
		}
		if v := cell["version"]; !v.IsNull() {
			e.version = v.Int64()
		}
		if !bytes.Equal(cell["raw_sha256"].ByteArray(), e.sum[:]) || cell["raw_len"].Int64() != int64(len(raw)) ||
			string(cell["stream"].ByteArray()) != string(shard.Stream) || cell["_source_shard"].Int64() != int64(shard.ID) {
			t.Errorf("%s: the entry in %s does not describe the record that it leads to", shard.Place(at), name)
		}
		count(p.set, shard.Stream, e)
	})
}

// quarantine reads a quarantine file, and looks whether its Rejects are the very bytes of the dump.
func (p *proof) quarantine(t *testing.T, shard *chatferry.Shard, seq uint64, name string, data []byte) {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer z.Close()
	lines := json.NewDecoder(z)
	for {
		var r struct {
			Stream    chatferry.Stream `json:"stream"`
			Shard     uint64           `json:"shard"`
			Seq       uint64           `json:"seq"`
			Offset    int64            `json:"offset"`
			Place     string           `json:"place"`
			Code      chatferry.Code   `json:"code"`
			Reason    string           `json:"reason"`
			RawLen    int64            `json:"raw_len"`
			RawSHA256 string           `json:"raw_sha256"`
			Raw       []byte           `json:"raw_b64"`
		}
		if err := lines.Decode(&r); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		at := chatferry.Offset(r.Offset)
		p.see(t, shard, at)
		file, from := at.Split()
		text := p.files.file(t, shard.Files[file].Path)
		if from+r.RawLen > int64(len(text)) {
			t.Fatalf("%s: %d bytes from %s on reach behind the end of the file", name, r.RawLen, r.Place)
		}
		raw := []byte(text[from : from+r.RawLen])
		sum := sha256.Sum256(raw)
		if p.canary != "" && (bytes.Contains(r.Raw, []byte(p.canary)) || strings.Contains(r.Reason, p.canary)) {
			t.Errorf("%s: the Reject at %s holds a secret", name, r.Place)
		}
		keep := raw[:min(len(raw), 1<<20)]
		if r.Stream.Secret() {
			keep, sum = nil, rawSum(r.Stream, raw)
		}
		if !bytes.Equal(r.Raw, keep) || r.RawSHA256 != hex.EncodeToString(sum[:]) && !(p.spaced && r.Stream.Secret()) {
			t.Errorf("%s: the Reject at %s does not hold the bytes there:\n%q\n%q", name, r.Place, r.Raw, raw)
		}
		if r.Stream != shard.Stream || r.Shard != uint64(shard.ID) || r.Seq != seq || r.Place != shard.Place(at) || r.Reason == "" {
			t.Errorf("%s: the Reject at %s is described wrongly: %+v", name, shard.Place(at), r)
		}
		count(p.quarantined, shard.Stream, rejected{sum, r.Code})
	}
}

// columns are the columns of an Arrow record by name.
type columns struct {
	rec arrow.Record
	at  map[string]int
}

func columnsOf(rec arrow.Record) *columns {
	c := &columns{rec, map[string]int{}}
	for i := range int(rec.NumCols()) {
		c.at[rec.ColumnName(i)] = i
	}
	return c
}

func (c *columns) column(name string) arrow.Array { return c.rec.Column(c.at[name]) }

func (c *columns) int64(name string, row int) int64 { return c.column(name).(*array.Int64).Value(row) }

func (c *columns) int32(name string, row int) int {
	return int(c.column(name).(*array.Int32).Value(row))
}

func (c *columns) text(name string, row int) string { return c.column(name).(*array.String).Value(row) }

func (c *columns) sums(name string, row int) []byte {
	return c.column(name).(*array.FixedSizeBinary).Value(row)
}
