package report

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
)

// Months counts the rows of the table of chats by the month in which they began, in UTC.
type Months struct {
	Months []Month `json:"months"` // from the first to the last, also those with none
	// Undated have no time; Outside lie before the service existed or after the report was made. Their type is not told.
	Undated int64 `json:"undated"`
	Outside int64 `json:"outside"`
	Total   int64 `json:"total"`
	// Unpublished are committed, and not yet to be seen under their names: the next run publishes them.
	Unpublished int64 `json:"unpublished,omitempty"`
}

// Month counts the chats of a month by their type.
type Month struct {
	Month   string `json:"month"` // 2021-03
	Chats   int64  `json:"chat"`
	Offline int64  `json:"offline_msg"`
	Other   int64  `json:"other"`
}

// All is the chats of every type.
func (m *Month) All() int64 { return m.Chats + m.Offline + m.Other }

const (
	// firstYear is before the first chat of any account. So the months are few, whatever the records hold.
	firstYear   = 2000
	monthLayout = "2006-01"
)

// CountMonths reads the time and the type of every chat. shown tells whether a file can be seen.
func (r *Report) CountMonths(ctx context.Context, d *checkpoint.Dataset, files load.Opener, shown func(*checkpoint.InventoryFile) (bool, error)) error {
	m := &Months{Months: []Month{}}
	by := map[int]*Month{}
	last := monthOf(r.Made)
	inventory := d.Inventory()
	for i := range inventory {
		f := &inventory[i]
		if f.Kind != chatferry.FileRows || f.Table != chatferry.Chats.Parent() {
			continue
		}
		seen, err := shown(f)
		if err != nil {
			return err
		}
		if !seen {
			m.Unpublished += f.Rows
			continue
		}
		err = load.Scan(ctx, files, f.Name, []string{"timestamp", "type"}, func(rec arrow.Record) error { return m.count(rec, by, last) })
		if err != nil {
			return explain(ctx, f.Name, err)
		}
	}
	m.fill(by)
	r.Months = m
	return nil
}

// fill lists the months from the first to the last.
func (m *Months) fill(by map[int]*Month) {
	if len(by) == 0 {
		return
	}
	found := slices.Sorted(maps.Keys(by))
	for n := found[0]; n <= found[len(found)-1]; n++ {
		month := Month{}
		if by[n] != nil {
			month = *by[n]
		}
		month.Month = time.Date(n/12, time.Month(n%12+1), 1, 0, 0, 0, 0, time.UTC).Format(monthLayout)
		m.Months = append(m.Months, month)
	}
}

func explain(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if chatferry.KindOf(err) != chatferry.KindUnexpected {
		return err
	}
	return &chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "read", Place: name, Err: err,
		Hint: "make the report with --quick, which reads no table; chatferry inspect tells what is left of the file",
	}
}

// monthOf numbers the months of all years.
func monthOf(t time.Time) int {
	t = t.UTC()
	return t.Year()*12 + int(t.Month()) - 1
}

// count counts the rows of a record into by, up to the month last.
func (m *Months) count(rec arrow.Record, by map[int]*Month, last int) error {
	times, ok := rec.Column(0).(*array.Timestamp)
	if !ok {
		return fmt.Errorf("the time of chats is a %s", rec.Column(0).DataType())
	}
	types, ok := rec.Column(1).(*array.String)
	if !ok {
		return fmt.Errorf("the type of chats is a %s", rec.Column(1).DataType())
	}
	unit := times.DataType().(*arrow.TimestampType).Unit
	for i := range times.Len() {
		m.Total++
		if times.IsNull(i) {
			m.Undated++
			continue
		}
		n := monthOf(times.Value(i).ToTime(unit))
		if n < firstYear*12 || n > last {
			m.Outside++
			continue
		}
		month := by[n]
		if month == nil {
			month = &Month{}
			by[n] = month
		}
		switch types.Value(i) {
		case "chat":
			month.Chats++
		case "offline_msg":
			month.Offline++
		default:
			month.Other++
		}
	}
	return nil
}
