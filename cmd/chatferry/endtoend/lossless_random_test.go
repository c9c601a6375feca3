package endtoend

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatferry"
	"chatferry/extract/rehearsal"
	"chatferry/transform"
)

var (
	losslessRounds = flag.Int("lossless-rounds", 2, "accounts of spoiled records that are carried over")
	losslessSeed   = flag.Uint64("lossless-seed", 1, "seed of the first of them")
)

// Whatever valid JSON an identified record holds, and whatever cells a row of a report, the Parquet files give it back:
// unknown members, wrong types everywhere, deep values, numbers beyond 2^53 and of 400 digits, "" and null and absent,
// [] and missing, half surrogate pairs, NUL.
func TestLosslessSpoiled(t *testing.T) {
	rounds := *losslessRounds
	if raceEnabled {
		rounds = min(rounds, 1)
	}
	for round := range rounds {
		seed := *losslessSeed + uint64(round)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			m := mutator{rand.New(rand.NewPCG(seed, 7))}
			account := rehearsal.New(rehearsal.Options{Seed: seed, Chats: 120, Bad: -1, Message: -1})
			dir := t.TempDir()
			want := map[chatferry.Stream]map[string]int{}
			for _, s := range chatferry.Given() {
				if s.CSV() {
					m.reports(t, dir, s, want)
				} else {
					m.records(t, dir, s, account, want)
				}
			}
			p := &proof{carried: carryFolder(t, dir, smallCuts()), spaced: true}
			p.prove(t)
			p.mustBeEqual(t)
			for _, s := range chatferry.Given() {
				compareCounts(t, string(s)+" loaded", p.loaded[s], want[s])
				compareCounts(t, string(s)+" quarantined", p.quarantined[s], nil)
				compareCounts(t, string(s)+" in the ledger", p.set[s], nil)
			}
		})
	}
}

// records writes spoiled records of a Stream: as NDJSON, and as an array over many lines.
func (m mutator) records(t *testing.T, dir string, s chatferry.Stream, account *rehearsal.Account, want map[chatferry.Stream]map[string]int) {
	t.Helper()
	var base []*value
	for r := range account.Records(s) {
		v, err := parseWhole(r.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if base = append(base, v); len(base) == 120 {
			break
		}
	}
	key := transform.KeyOf(s)
	known := append(slices.Clone(key.Columns), key.Else)
	if key.Default != "" {
		known = nil // a record without them is known all the same
	}
	if s == chatferry.Bans {
		known = append(known, "ip_address") // an array of this name is the API's list of bans
	}
	var lines, array bytes.Buffer
	n := 100
	if s == chatferry.Chats {
		n = 200
	}
	for i := range n {
		v := m.record(t, base[i%len(base)], known)
		count(want, s, v.canonical(secretsOf(s)...))
		if i%2 == 0 {
			fmt.Fprintf(&lines, "%s\n", m.text(v, " \t\r"))
		} else {
			fmt.Fprintf(&array, "%s%s\n", map[bool]string{true: "[", false: ","}[i == 1], m.text(v, " \t\r\n"))
		}
	}
	array.WriteString("]\n")
	writeFile(t, dir, string(s)+"/lines.ndjson", lines.Bytes())
	writeFile(t, dir, string(s)+"/array.json", array.Bytes())
}

func writeFile(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	full := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// headers are those of the reports, and some that no report has.
var headers = []string{
	"Agent ID", "First Name", "Last Name", "Email", "Enabled", "Department", "Start Time (UTC+0)", "End Time (UTC+0)",
	"Total Chats", "Served Chats", "Missed Chats", "Visitor Initiated (Completed)", "Status", "Acceptance", "Good Ratings",
	"Average Response Time", "Maximum Chat Duration", "Duration", "Duration (Seconds)",
	"_absent", "__absent", "New, quoted", "a\"b", "Ünknown", "two\nlines", "first_name", "Extra (UTC+0)", "\x00", " Ø ",
}

var cells = []string{
	"", "0", "5", "05", "+5", "-0", "5.0", "5.50", "0.5", "1e3", "9007199254740993", "9223372036854775808", strings.Repeat("9", 400),
	"true", "TRUE", "Yes", "no", "1", "95%", "null", "NaN", "Inf", "-Inf", "0x10", "1_000", "1,000",
	"2017-04-24 04:36:45", "2017-04-24T04:36:45Z", "2017-04-24 04:36:45.5", "2017-04-24", "24/04/2017", "0001-01-01 00:00:00",
	"2017-02-29 00:00:00", "9999-12-31 23:59:59", "1:02:03", "a,b", "a\"b", "\"", "\"\"", "two\nlines", "\r\n", "\r", "é😀", "\x00", " x ",
	"\ufeff", "\u2028", "{\"a\":1}", "[]", "_absent",
}

// reports writes files of a report, each with a header of its own.
func (m mutator) reports(t *testing.T, dir string, s chatferry.Stream, want map[chatferry.Stream]map[string]int) {
	t.Helper()
	for file := range 5 {
		names := []string{"Last Column"}
		for _, i := range m.Perm(len(headers))[:1+m.IntN(len(headers))] {
			name := headers[i]
			base, _, zoned := strings.Cut(name, " (UTC")
			switch m.IntN(4) {
			case 0:
				name = strings.ToUpper(name)
			case 1:
				if zoned {
					name = base + [3]string{"", " (UTC+5:30)", " (UTC-3)"}[m.IntN(3)]
				}
			}
			names = append(names, name)
		}
		m.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		var b strings.Builder
		m.row(&b, names)
		for range 1 + m.IntN(30) {
			row := &value{kind: '{', names: names}
			var texts []string
			for range names {
				cell := cells[m.IntN(len(cells))]
				texts = append(texts, cell)
				row.items = append(row.items, &value{kind: '"', text: cell})
			}
			count(want, s, row.canonical())
			m.row(&b, texts)
		}
		writeFile(t, dir, fmt.Sprintf("%s/report-%d.csv", s, file), []byte(b.String()))
	}
}

func (m mutator) row(b *strings.Builder, cells []string) {
	for i, c := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		if strings.ContainsAny(c, ",\"\r\n") || m.IntN(4) == 0 || i == 0 && strings.HasPrefix(c, "\ufeff") {
			c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		}
		b.WriteString(c)
	}
	b.WriteString([2]string{"\n", "\r\n"}[m.IntN(2)])
}
