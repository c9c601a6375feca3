package transform

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatferry"

	"github.com/apache/arrow/go/v17/arrow"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// TestSchemas holds the schemas of all tables against their golden file. A dataset has one schema for each table, so a
// change there is a change of the format.
func TestSchemas(t *testing.T) {
	var b strings.Builder
	for _, s := range chatferry.Streams() {
		for _, table := range s.Tables() {
			schema := Schema(table)
			if schema == nil {
				t.Fatalf("table %s has no schema", table)
			}
			fmt.Fprintf(&b, "%s\n", table)
			for _, f := range schema.Fields() {
				fmt.Fprintf(&b, "  %-36s %s%s%s\n", f.Name, f.Type, map[bool]string{false: " required"}[f.Nullable], hints(f.Metadata))
			}
			b.WriteByte('\n')
		}
	}
	golden := filepath.Join("testdata", "schemas.txt")
	if *rewrite {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		got, old := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
		for i := range min(len(got), len(old)) {
			if got[i] != old[i] {
				t.Fatalf("line %d of %s: the schema is %q, the file says %q; if it is meant, run the test with -rewrite", i+1, golden, got[i], old[i])
			}
		}
		t.Fatalf("the schemas have %d lines, %s has %d", len(got), golden, len(old))
	}
}

func hints(m arrow.Metadata) string {
	var b strings.Builder
	for i, k := range m.Keys() {
		fmt.Fprintf(&b, " %s=%s", k, m.Values()[i])
	}
	return b.String()
}

// TestColumnNames: no table has one column name twice, in any letter case, and all are snake case.
func TestColumnNames(t *testing.T) {
	for _, s := range chatferry.Streams() {
		for _, table := range s.Tables() {
			seen := map[string]bool{}
			for _, f := range Schema(table).Fields() {
				if seen[f.Name] {
					t.Errorf("%s has two columns %s", table, f.Name)
				}
				seen[f.Name] = true
				if strings.Trim(f.Name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || f.Name == "" {
					t.Errorf("%s has a column %q", table, f.Name)
				}
			}
			for _, c := range []string{ColumnExtra, ColumnSourceShard, ColumnSourceSeq, ColumnSourceOffset} {
				if !seen[c] {
					t.Errorf("%s has no column %s", table, c)
				}
			}
			child := table != s.Parent()
			if ofChat := child || s == chatferry.Attachments; seen[ColumnRawSHA256] == child || seen[ColumnChatID] != ofChat {
				t.Errorf("%s has the columns of another kind of table", table)
			}
		}
	}
	if Schema("nonsense") != nil {
		t.Error("a table that does not exist has a schema")
	}
}
