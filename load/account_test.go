package load_test

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
)

// The tests load a made-up table pair that has every kind of column that tables have.

func meta(kv ...string) arrow.Metadata {
	var k, v []string
	for i := 0; i < len(kv); i += 2 {
		k, v = append(k, kv[i]), append(v, kv[i+1])
	}
	return arrow.NewMetadata(k, v)
}

var (
	dictionary = meta("chatferry.dictionary", "1", "chatferry.note", "is not written")
	freeText   = meta("chatferry.statistics", "0")
)

func parentSchema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "status", Type: arrow.BinaryTypes.String, Nullable: true, Metadata: dictionary},
		{Name: "kind", Type: arrow.BinaryTypes.String, Metadata: dictionary},
		{Name: "visitor_name", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "message", Type: arrow.BinaryTypes.String, Nullable: true, Metadata: freeText},
		{Name: "count", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "index", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "average", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "missed", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "timestamp", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true},
		{Name: "tags", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
		{Name: "agent_ids", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64), Nullable: true},
		{Name: "agent_names", Type: arrow.ListOf(arrow.BinaryTypes.String)},
		{Name: "never", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "_extra", Type: arrow.BinaryTypes.String, Nullable: true, Metadata: freeText},
		{Name: "_raw_sha256", Type: &arrow.FixedSizeBinaryType{ByteWidth: 32}},
		{Name: "_source_shard", Type: arrow.PrimitiveTypes.Int64},
		{Name: "_source_seq", Type: arrow.PrimitiveTypes.Int64},
		{Name: "_source_offset", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
}

func childSchema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "chat_id", Type: arrow.BinaryTypes.String},
		{Name: "index", Type: arrow.PrimitiveTypes.Int32},
		{Name: "msg", Type: arrow.BinaryTypes.String, Nullable: true, Metadata: freeText},
	}, nil)
}

var kinds = []string{"chat", "offline_msg"}

// account makes Batches; equal seeds make equal ones.
type account struct {
	shard *chatferry.Shard
	seq   uint64
	at    int64
	nulls float64 // share of nulls
}

func newAccount(stream chatferry.Stream) *account {
	return &account{shard: &chatferry.Shard{ID: 42, Stream: stream}, seq: 3, nulls: 0.3}
}

func (a *account) batch(seed uint64, records int) *chatferry.Batch {
	r := rand.New(rand.NewPCG(seed, 1))
	b := &chatferry.Batch{Shard: a.shard, Seq: a.seq}
	parent := array.NewRecordBuilder(memory.NewGoAllocator(), parentSchema())
	child := array.NewRecordBuilder(memory.NewGoAllocator(), childSchema())
	defer parent.Release()
	defer child.Release()
	for range records {
		a.at += 10
		raw := sha256.Sum256(fmt.Appendf(nil, "%d %d", seed, a.at))
		e := chatferry.Entry(a.shard.Stream, &raw)
		b.Books.Read.Count(10, &e)
		switch r.IntN(20) {
		case 0:
			b.Rejects = append(b.Rejects, a.reject(r))
			e = chatferry.Entry(a.shard.Stream, (*[32]byte)(&b.Rejects[len(b.Rejects)-1].RawSHA256))
			b.Books.Quarantined.Count(10, &e)
		case 1:
			b.Ledger = append(b.Ledger, chatferry.LedgerEntry{
				Stream: a.shard.Stream, Key: fmt.Sprint(a.at), Version: int64(r.IntN(2)) * 1_600_000_000_000_000, RawSHA256: raw,
				RawLen: 10, Offset: chatferry.Offset(a.at), Disposition: chatferry.Excluded, Reason: "message:facebook",
			})
			b.Books.Exclude("message:facebook", 10, &e)
		default:
			b.Books.Loaded.Count(10, &e)
			a.row(r, parent, child, raw)
		}
	}
	b.Rows = []chatferry.Rows{{Table: a.shard.Stream.Parent(), Record: parent.NewRecord()}}
	if a.shard.Stream == chatferry.Chats {
		b.Rows = append(b.Rows, chatferry.Rows{Table: chatferry.ChatHistory, Record: child.NewRecord()})
	}
	return b
}

func (a *account) reject(r *rand.Rand) chatferry.Reject {
	raw := fmt.Appendf(nil, "{\"id\":%d,\x00\xff<>&", r.Uint64())
	return chatferry.Reject{
		Stream: a.shard.Stream, Shard: a.shard.ID, Seq: a.seq, Offset: chatferry.Offset(a.at), Place: a.shard.Place(chatferry.Offset(a.at)),
		Code: chatferry.CodeSyntax, Reason: "is not valid JSON at byte 3 <here>", RawLen: int64(len(raw)), RawSHA256: sha256.Sum256(raw), Raw: raw,
	}
}

func word(r *rand.Rand) string {
	words := []string{"", "a", "olá", "日本", "zz", "\x00", "the quick brown fox", strings.Repeat("long ", 100), "é"}
	return words[r.IntN(len(words))]
}

func (a *account) row(r *rand.Rand, p, c *array.RecordBuilder, raw [32]byte) {
	null := func(b array.Builder) bool {
		if r.Float64() < a.nulls {
			b.AppendNull()
			return true
		}
		return false
	}
	id := fmt.Sprintf("%x", raw[:8])
	p.Field(0).(*array.StringBuilder).Append(id)
	if b := p.Field(1).(*array.StringBuilder); !null(b) {
		b.Append([]string{"online", "away", ""}[r.IntN(3)])
	}
	p.Field(2).(*array.StringBuilder).Append(kinds[r.IntN(2)])
	if b := p.Field(3).(*array.StringBuilder); !null(b) {
		b.Append(word(r))
	}
	if b := p.Field(4).(*array.StringBuilder); !null(b) {
		b.Append(word(r) + word(r))
	}
	if b := p.Field(5).(*array.Int64Builder); !null(b) {
		b.Append([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1<<53 + 1}[r.IntN(6)])
	}
	if b := p.Field(6).(*array.Int32Builder); !null(b) {
		b.Append([]int32{0, 7, -7, math.MaxInt32, math.MinInt32}[r.IntN(5)])
	}
	if b := p.Field(7).(*array.Float64Builder); !null(b) {
		b.Append([]float64{0, math.Copysign(0, -1), 1.5, -2.25, 1e300, -1e300, 5e-324}[r.IntN(7)])
	}
	if b := p.Field(8).(*array.BooleanBuilder); !null(b) {
		b.Append(r.IntN(2) == 0)
	}
	if b := p.Field(9).(*array.TimestampBuilder); !null(b) {
		b.Append(arrow.Timestamp(1_500_000_000_000_000 + r.Int64N(1e15)))
	}
	if b := p.Field(10).(*array.ListBuilder); !null(b) {
		a.words(r, b)
	}
	if b := p.Field(11).(*array.ListBuilder); !null(b) {
		b.Append(true)
		for range r.IntN(4) {
			if v := b.ValueBuilder().(*array.Int64Builder); !null(v) {
				v.Append(r.Int64())
			}
		}
	}
	a.words(r, p.Field(12).(*array.ListBuilder))
	p.Field(13).AppendNull()
	if b := p.Field(14).(*array.StringBuilder); !null(b) {
		b.Append(`{"x":1}`)
	}
	p.Field(15).(*array.FixedSizeBinaryBuilder).Append(raw[:])
	p.Field(16).(*array.Int64Builder).Append(int64(a.shard.ID))
	p.Field(17).(*array.Int64Builder).Append(int64(a.seq))
	p.Field(18).(*array.Int64Builder).Append(a.at)
	for i := range r.IntN(5) {
		c.Field(0).(*array.StringBuilder).Append(id)
		c.Field(1).(*array.Int32Builder).Append(int32(i))
		if b := c.Field(2).(*array.StringBuilder); !null(b) {
			b.Append(word(r))
		}
	}
}

func (a *account) words(r *rand.Rand, b *array.ListBuilder) {
	b.Append(true)
	for range r.IntN(4) {
		v := b.ValueBuilder().(*array.StringBuilder)
		if r.Float64() < a.nulls {
			v.AppendNull()
		} else {
			v.Append(word(r))
		}
	}
}

// dropColumn removes a column from the first rows of a Batch.
func dropColumn(b *chatferry.Batch, name string) {
	rec := b.Rows[0].Record
	var fields []arrow.Field
	var columns []arrow.Array
	for i, f := range rec.Schema().Fields() {
		if f.Name != name {
			fields, columns = append(fields, f), append(columns, rec.Column(i))
		}
	}
	b.Rows[0].Record = array.NewRecord(arrow.NewSchema(fields, nil), columns, rec.NumRows())
	rec.Release()
}
