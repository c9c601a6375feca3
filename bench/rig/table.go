package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// table is what a measurement found: rows of named figures, and sentences on them.
type table struct {
	Verb    string           `json:"verb"`
	Machine string           `json:"machine"`
	About   string           `json:"about"`
	Columns []string         `json:"columns"`
	Rows    []map[string]any `json:"rows"`
	Notes   []string         `json:"notes"`
}

// add appends a row; its values stand in the order of the columns.
func (t *table) add(values ...any) {
	row := map[string]any{}
	for i, v := range values {
		row[t.Columns[i]] = v
	}
	t.Rows = append(t.Rows, row)
}

func (t *table) note(format string, args ...any) {
	t.Notes = append(t.Notes, fmt.Sprintf(format, args...))
}

func (t *table) print(out io.Writer) error {
	fmt.Fprintf(out, "%s\n%s\n\n", t.About, t.Machine)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, strings.Join(t.Columns, "\t")+"\t")
	for _, row := range t.Rows {
		for _, c := range t.Columns {
			text := ""
			switch v := row[c].(type) {
			case nil:
			case float64:
				text = figure(v)
			default:
				text = fmt.Sprint(v)
			}
			fmt.Fprint(w, text, "\t")
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range t.Notes {
		if _, err := fmt.Fprintf(out, "\n%s\n", n); err != nil {
			return err
		}
	}
	return nil
}

// figure writes a number with as many digits as mean something.
func figure(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
