package endtoend

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"
)

// compare holds the typed columns of a row against the members that they are named after: a member whose value has the
// very form of its column must stand in it. Without this, a dataset with everything in _extra would prove lossless.
func (c *columns) compare(t *testing.T, place string, row int, v *value, without []string) {
	t.Helper()
	for i, name := range v.names {
		if slices.Contains(without, name) {
			continue
		}
		if item := v.items[i]; item.kind == '{' {
			for k, inner := range item.names {
				c.compareCell(t, place, row, name+"_"+inner, item.items[k])
			}
		} else {
			c.compareCell(t, place, row, name, item)
		}
	}
}

func (c *columns) compareCell(t *testing.T, place string, row int, name string, v *value) {
	t.Helper()
	at, ok := c.at[name]
	if !ok {
		return
	}
	switch a := c.rec.Column(at).(type) {
	case *array.String:
		if v.kind == '"' && v.plain() && (a.IsNull(row) || a.Value(row) != v.text && a.Value(row) != v.raw) {
			t.Errorf("%s: column %s is %q, the record has %s", place, name, a.ValueStr(row), v.raw)
		}
	case *array.Int64:
		if want, err := strconv.ParseInt(v.raw, 10, 64); err == nil && v.kind == '0' && (a.IsNull(row) || a.Value(row) != want) {
			t.Errorf("%s: column %s is %s, the record has %s", place, name, a.ValueStr(row), v.raw)
		}
	case *array.Float64:
		if want, err := strconv.ParseFloat(v.raw, 64); err == nil && v.kind == '0' && (a.IsNull(row) || a.Value(row) != want) {
			t.Errorf("%s: column %s is %s, the record has %s", place, name, a.ValueStr(row), v.raw)
		}
	case *array.Boolean:
		if (v.kind == 't' || v.kind == 'f') && (a.IsNull(row) || a.Value(row) != (v.kind == 't')) {
			t.Errorf("%s: column %s is %s, the record has %s", place, name, a.ValueStr(row), v.raw)
		}
	case *array.Timestamp:
		if v.kind != '"' {
			return
		}
		// The form of the API: UTC, with or without six digits of a second.
		want, err := time.Parse("2006-01-02T15:04:05.999999Z", v.text)
		if err == nil && (a.IsNull(row) || int64(a.Value(row)) != want.UnixMicro()) {
			t.Errorf("%s: column %s is %s, the record has %s", place, name, a.ValueStr(row), v.raw)
		}
	case *array.List:
		c.compareList(t, place, row, name, a, v)
	}
}

// compareList compares an array whose elements all have the column's form.
func (c *columns) compareList(t *testing.T, place string, row int, name string, a *array.List, v *value) {
	t.Helper()
	if v.kind != '[' {
		return
	}
	var got, want []string
	from, to := a.ValueOffsets(row)
	for i := from; i < to; i++ {
		got = append(got, a.ListValues().ValueStr(int(i)))
	}
	for _, item := range v.items {
		switch a.ListValues().(type) {
		case *array.String:
			if item.kind != '"' || !item.plain() {
				return
			}
			want = append(want, item.text)
		default:
			if _, err := strconv.ParseInt(item.raw, 10, 64); err != nil {
				return
			}
			want = append(want, item.raw)
		}
	}
	if a.IsNull(row) || !slices.Equal(got, want) {
		t.Errorf("%s: column %s is %s, the record has %s", place, name, a.ValueStr(row), v.raw)
	}
}
