package transform

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"chatferry"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

func digests(t *testing.T, b *chatferry.Batch) map[chatferry.Table]chatferry.Digest {
	t.Helper()
	m := map[chatferry.Table]chatferry.Digest{}
	for _, r := range b.Rows {
		d, err := chatferry.ValuesDigest(r.Record)
		if err != nil {
			t.Fatal(err)
		}
		m[r.Table] = d
	}
	return m
}

// mixed are good, bad and excluded chats.
func mixed(n int) []string {
	records := generated(3, n)
	for i := range records {
		switch {
		case i%7 == 3:
			records[i] = records[i][:len(records[i])/2]
		case i%11 == 5:
			records[i] = `{"via":"facebook",` + records[i][1:]
		}
	}
	return records
}

// TestBatchBoundaries: how records are spread over Pages changes neither the books nor the values of any table.
func TestBatchBoundaries(t *testing.T) {
	records := mixed(150)
	var want chatferry.Books
	var wantValues map[chatferry.Table]chatferry.Digest
	for _, size := range []int{150, 1, 7, 64, 65} {
		tr := New(chatferry.Chats, Options{})
		var books chatferry.Books
		values := map[chatferry.Table]chatferry.Digest{}
		all := page(chatferry.Chats, "", records...)
		for from := 0; from < len(records); from += size {
			p := *all
			p.Records = all.Records[from:min(from+size, len(records))]
			b := run(t, tr, &p)
			books.Add(b.Books)
			for table, d := range digests(t, b) {
				sum := values[table]
				sum.Merge(d)
				values[table] = sum
			}
		}
		if size == len(records) {
			want, wantValues = books, values
			continue
		}
		if fmt.Sprint(books) != fmt.Sprint(want) {
			t.Errorf("pages of %d: the books differ", size)
		}
		if fmt.Sprint(values) != fmt.Sprint(wantValues) {
			t.Errorf("pages of %d: the values differ", size)
		}
	}
	if want.Quarantined.N == 0 || want.Excluded["message:facebook"].N == 0 || want.Loaded.N == 0 {
		t.Fatalf("the records are not mixed: %+v", want)
	}
}

// TestBatchDependsOnPageAlone: what was transformed before leaves no trace, nor does reuse reach back into a Batch that
// is still held.
func TestBatchDependsOnPageAlone(t *testing.T) {
	first, second := page(chatferry.Chats, "", mixed(40)...), page(chatferry.Chats, "", generated(9, 30)...)
	tr := New(chatferry.Chats, Options{})
	a := run(t, tr, first)
	before := digests(t, a)
	b := run(t, tr, second)
	alone := run(t, New(chatferry.Chats, Options{}), second)
	for i := range b.Rows {
		if !array.RecordEqual(b.Rows[i].Record, alone.Rows[i].Record) {
			t.Errorf("%s differs after another Page", b.Rows[i].Table)
		}
	}
	for i := range first.Records {
		clear(first.Records[i].Raw)
	}
	for i := range second.Records {
		clear(second.Records[i].Raw)
	}
	if fmt.Sprint(digests(t, a)) != fmt.Sprint(before) {
		t.Error("a Batch changed while it was held")
	}
	for _, r := range a.Rejects {
		if sha256.Sum256(r.Raw) != r.RawSHA256 {
			t.Error("a Reject changed with its Page")
		}
	}
}

// TestBatchCarriesThePage: what the Page cost and where it ends is passed on.
func TestBatchCarriesThePage(t *testing.T) {
	p := page(chatferry.Chats, "")
	p.From, p.After, p.StoredBytes, p.Requests, p.ThrottledMS = "5", "9", 11, 12, 13
	p.Doubts = []chatferry.Doubt{{File: "f"}}
	b := run(t, New(chatferry.Chats, Options{}), p)
	if b.From != "5" || b.After != "9" || b.Seq != 3 || b.StoredBytes != 11 || b.Requests != 12 || b.ThrottledMS != 13 || len(b.Doubts) != 1 || b.Shard != p.Shard {
		t.Errorf("%+v", b)
	}
	if len(b.Rows)+len(b.Rejects)+len(b.Ledger) != 0 {
		t.Error("an empty Page has rows")
	}
	if _, err := New(chatferry.Agents, Options{}).Transform(p, 1); err == nil {
		t.Error("a Page of another Stream was taken")
	}
}

// TestProvenance: every row says where it comes from, and parents the sum of their bytes.
func TestProvenance(t *testing.T) {
	records := generated(5, 20)
	b := run(t, New(chatferry.Chats, Options{}), page(chatferry.Chats, "", records...))
	var offsets []int64
	at := int64(0)
	for _, r := range records {
		offsets = append(offsets, at)
		at += int64(len(r)) + 1
	}
	byID := map[string]int64{}
	for _, rows := range b.Rows {
		rec := rows.Record
		for r := range int(rec.NumRows()) {
			if cell(t, rec, r, ColumnSourceShard) != "7" || cell(t, rec, r, ColumnSourceSeq) != "3" {
				t.Fatalf("%s row %d is misplaced", rows.Table, r)
			}
			offset := columnOf[*array.Int64](t, rec, ColumnSourceOffset).Value(r)
			if rows.Table == chatferry.Chats.Parent() {
				byID[cell(t, rec, r, "id")] = offset
				sum := sha256.Sum256([]byte(records[r]))
				if offset != offsets[r] || string(columnOf[*array.FixedSizeBinary](t, rec, ColumnRawSHA256).Value(r)) != string(sum[:]) {
					t.Fatalf("row %d is not that of its record", r)
				}
			} else if byID[cell(t, rec, r, ColumnChatID)] != offset {
				t.Fatalf("%s row %d has another offset than its chat", rows.Table, r)
			}
		}
	}
}

func columnOf[A arrow.Array](t *testing.T, rec arrow.Record, name string) A {
	t.Helper()
	return rec.Column(rec.Schema().FieldIndices(name)[0]).(A)
}

// TestAllocations: a common record costs a few allocations at most, those of its Batch's arrays divided by its records.
func TestAllocations(t *testing.T) {
	const records, perRecord = 230, 8
	p := page(chatferry.Chats, "", generated(1, records)...)
	tr := New(chatferry.Chats, Options{})
	n := testing.AllocsPerRun(5, func() {
		b, err := tr.Transform(p, 1)
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
	})
	if n/records > perRecord {
		t.Errorf("%.1f allocations a record, more than %d", n/records, perRecord)
	}
	decode := testing.AllocsPerRun(5, func() {
		d := &tr.decoder
		for i, tb := range d.tables {
			tr.marks[i] = tb.n
		}
		if f := tr.decode(p.Records[0].Raw); f != nil {
			t.Fatal(f.Reason)
		}
		tr.rollback()
	})
	if decode != 0 {
		t.Errorf("decoding a record into open columns allocates %.0f times", decode)
	}
}

// TestManyRows: rows beyond the first room keep their values.
func TestManyRows(t *testing.T) {
	for _, s := range []chatferry.Stream{chatferry.Chats, chatferry.Agents, chatferry.AgentTimeline} {
		var records []string
		for i := range 1000 {
			records = append(records, goodRecord(s, fmt.Sprintf("%0*d", 1+i%9, i)))
		}
		b := run(t, New(s, Options{}), page(s, "", records...))
		got := rebuilt(t, s, b)
		if len(got) != len(records) {
			t.Fatalf("%d records of %d", len(got), len(records))
		}
		for i := range got {
			sameJSON(t, got[i], []byte(records[i]))
		}
	}
}
