package report

import (
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

// Chats are counted by month and type in UTC; what has no time, or an absurd one, is counted apart, so that the months stay
// few whatever the records hold.
func TestMonths(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "timestamp", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
		{Name: "type", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	for _, row := range []struct{ at, kind string }{
		{"2021-03-31T23:59:59Z", "chat"},
		{"2021-04-01T00:00:00Z", "offline_msg"},
		{"2021-04-30T23:00:00-02:00", "chat"}, // in May, in UTC
		{"2021-05-02T00:00:00Z", "ticket"},
		{"2021-05-02T00:00:00Z", ""},
		{"", "chat"},
		{"1969-12-31T23:59:59Z", "chat"},
		{"1999-12-31T23:59:59Z", "chat"},
		{"2000-01-01T00:00:00Z", "chat"},
		{"2021-06-30T00:00:00Z", "chat"},
		{"2021-07-01T00:00:00Z", "chat"}, // after the report
		{"9999-12-31T00:00:00Z", "chat"},
	} {
		if row.at == "" {
			b.Field(0).AppendNull()
		} else {
			at, err := time.Parse(time.RFC3339, row.at)
			if err != nil {
				t.Fatal(err)
			}
			b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixMicro()))
		}
		if row.kind == "" {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append(row.kind)
		}
	}
	rec := b.NewRecord()
	defer rec.Release()
	var m Months
	by := map[int]*Month{}
	if err := m.count(rec, by, monthOf(time.Date(2021, 6, 15, 0, 0, 0, 0, time.UTC))); err != nil {
		t.Fatal(err)
	}
	m.fill(by)
	if len(m.Months) != 21*12+6 || m.Months[0].Month != "2000-01" {
		t.Errorf("%d months from %s", len(m.Months), m.Months[0].Month)
	}
	want := []Month{
		{Month: "2021-03", Chats: 1},
		{Month: "2021-04", Offline: 1},
		{Month: "2021-05", Chats: 1, Other: 2},
		{Month: "2021-06", Chats: 1},
	}
	if diff := cmp.Diff(want, m.Months[len(m.Months)-4:]); diff != "" {
		t.Error(diff)
	}
	sum := m.sum()
	if m.Total != 12 || m.Undated != 1 || m.Outside != 4 || sum.All() != 7 {
		t.Errorf("%+v, in months %d", m, sum.All())
	}
	years := m.Years()
	if last := years[len(years)-1]; len(years) != 22 || last.Month != "2021" || last.All() != 6 {
		t.Errorf("%d years, the last is %+v", len(years), last)
	}
}

// The axes have few lines with round numbers.
func TestAxis(t *testing.T) {
	for _, tt := range []struct {
		most      float64
		top, step string
	}{{0, "1", "1"}, {1, "1", "0.25"}, {7, "8", "2"}, {3, "3", "1"}, {1103, "1,500", "500"}, {0.02, "0.02", "0.005"}, {51999, "60,000", "20,000"}, {1e9, "1,000,000,000", "250,000,000"}} {
		a := axisFor(tt.most, 4)
		if a.top < tt.most || a.label(a.top) != tt.top || a.label(a.step) != tt.step {
			t.Errorf("up to %v: to %s by %s, want %s by %s", tt.most, a.label(a.top), a.label(a.step), tt.top, tt.step)
		}
	}
}
