//go:build plantdeep

package transform

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"chatferry"
)

// plant is a bug of a Transformer, as CHATFERRY_PLANT tells it: TABLE.COLUMN=BUG or TABLE.COLUMN=BUG:OTHER. It spoils rows
// before anybody has seen them, so that nothing but a look at the source can find it.
//
//	swap:OTHER  the values of two columns change places
//	both:OTHER  the same, and again where rows are read back, so that the records come out right
//	shift       each value stands one row too late
//	lose        values become null
//	hour        times are an hour late
//	inc         numbers are one more
//	round       numbers have the precision of a float32
//	negate      true and false change places
//	cut         texts lose their last character
//	reverse     lists stand in reverse
type plant struct {
	table              chatferry.Table
	column, bug, other string
}

var thePlant = sync.OnceValue(func() plant {
	text := os.Getenv("CHATFERRY_PLANT")
	if text == "" {
		return plant{}
	}
	where, what, ok := strings.Cut(text, "=")
	table, column, named := strings.Cut(where, ".")
	if !ok || !named {
		panic(fmt.Sprintf("CHATFERRY_PLANT=%s is not TABLE.COLUMN=BUG", text))
	}
	p := plant{table: chatferry.Table(table), column: column}
	p.bug, p.other, _ = strings.Cut(what, ":")
	return p
})

// planted spoils the rows that Transform makes.
func planted(table chatferry.Table, rec arrow.Record) arrow.Record {
	if p := thePlant(); p.table == table && rec != nil {
		return p.spoil(rec)
	}
	return rec
}

// replanted undoes what a bug of both ways has done.
func replanted(table chatferry.Table, rec arrow.Record) arrow.Record {
	if p := thePlant(); p.table == table && p.bug == "both" {
		return p.spoil(rec)
	}
	return rec
}

// spoil leaves the record that it is given unreleased: a test build can bear that.
func (p *plant) spoil(rec arrow.Record) arrow.Record {
	columns := slices.Clone(rec.Columns())
	at := columnIn(rec, p.column)
	switch p.bug {
	case "swap", "both":
		other := columnIn(rec, p.other)
		columns[at], columns[other] = columns[other], columns[at]
	default:
		columns[at] = p.altered(columns[at])
	}
	return array.NewRecord(rec.Schema(), columns, rec.NumRows())
}

func columnIn(rec arrow.Record, name string) int {
	at := rec.Schema().FieldIndices(name)
	if len(at) != 1 {
		panic("CHATFERRY_PLANT: there is no column " + name)
	}
	return at[0]
}

// altered makes a column anew, value by value.
func (p *plant) altered(a arrow.Array) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, a.DataType())
	for i := range a.Len() {
		from := i
		if p.bug == "shift" {
			from = max(i-1, 0)
		}
		if a.IsNull(from) || p.bug == "lose" {
			b.AppendNull()
			continue
		}
		p.append(b, a, from)
	}
	return b.NewArray()
}

func (p *plant) append(b array.Builder, a arrow.Array, i int) {
	switch a := a.(type) {
	case *array.String:
		text := a.Value(i)
		if p.bug == "cut" {
			_, n := utf8.DecodeLastRuneInString(text)
			text = text[:len(text)-n]
		}
		b.(*array.StringBuilder).Append(text)
	case *array.Int64:
		n := a.Value(i)
		if p.bug == "inc" {
			n++
		}
		b.(*array.Int64Builder).Append(n)
	case *array.Float64:
		f := a.Value(i)
		switch p.bug {
		case "inc":
			f++
		case "round":
			f = float64(float32(f))
		}
		b.(*array.Float64Builder).Append(f)
	case *array.Boolean:
		b.(*array.BooleanBuilder).Append(a.Value(i) != (p.bug == "negate"))
	case *array.Timestamp:
		t := a.Value(i)
		if p.bug == "hour" {
			t += 3_600_000_000
		}
		b.(*array.TimestampBuilder).Append(t)
	case *array.List:
		list := b.(*array.ListBuilder)
		list.Append(true)
		from, to := a.ValueOffsets(i)
		for k := from; k < to; k++ {
			at := int(k)
			if p.bug == "reverse" {
				at = int(to - 1 - (k - from))
			}
			if a.ListValues().IsNull(at) {
				list.ValueBuilder().AppendNull()
				continue
			}
			p.append(list.ValueBuilder(), a.ListValues(), at)
		}
	default:
		panic(fmt.Sprintf("CHATFERRY_PLANT: column %s is a %s", p.column, a.DataType()))
	}
}
