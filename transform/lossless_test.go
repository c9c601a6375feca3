package transform

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"chatferry"

	"pgregory.net/rapid"
)

// values draws JSON texts of every kind: right and wrong for the column they meet, with odd spacing now and then.
func values(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		kinds := 9
		if depth <= 0 {
			kinds = 7
		}
		switch rapid.IntRange(0, kinds).Draw(t, "kind") {
		case 0:
			return "null"
		case 1:
			return rapid.SampledFrom([]string{"true", "false", "0", "1", "-0", "0.0", "1.0", "1e3", "-1E-2", "5.50"}).Draw(t, "small")
		case 2:
			return rapid.SampledFrom([]string{
				"9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993", "9223372036854775807",
				"9223372036854775808", "-9223372036854775808", "-9223372036854775809", "123456789012345678901234567890",
				"0.1", "136.03566670417786", "0.10000000000000000001", "1e400", "1e-400", "-1.7976931348623157e308", "5e-324", "1e22",
				"1e23", "4.35", "2.2250738585072011e-308", "1e0000000001", "0e99999999999", "1e-99999999999", "1000000000000000000000e-20",
			}).Draw(t, "number")
		case 3:
			return fmt.Sprint(rapid.Int64().Draw(t, "int"))
		case 4:
			return strings.ReplaceAll(fmt.Sprintf("%v", rapid.Float64Range(-1e300, 1e300).Draw(t, "float")), "+", "")
		case 5:
			return jsonText(t, rapid.SampledFrom([]string{
				"2017-04-24T04:36:45Z", "2017-04-24T04:36:44.807000Z", "2017-04-24T04:36:44.000000Z", "2017-04-24T12:45:32+00:00Z",
				"2017-04-24T12:45:32+05:30", "2017-04-24T12:45:32.123456789Z", "2017-02-29T00:00:00Z", "2016-02-29T23:59:60Z",
				"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2017-04-24T12:45:32",
				"2017-04-24 12:45:32", "5", "5.0", "-0", "1e3", "true", "false", "1", "0", "", " 5", "null", "[]", "007", "9223372036854775808",
				"a\ufffdb", "_absent", "{\"a\":1}", "1704.2314999.QHgVx6SOrRuSx",
			}).Draw(t, "known"))
		case 6, 7:
			return stringText().Draw(t, "string")
		case 8:
			elems := rapid.SliceOfN(values(depth-1), 0, 4).Draw(t, "elements")
			return "[" + strings.Join(elems, rapid.SampledFrom([]string{",", " ,\n"}).Draw(t, "comma")) + "]"
		default:
			return objectOf(t, rapid.SliceOfN(names(), 0, 4).Draw(t, "names"), func(string) string { return values(depth-1).Draw(t, "value") })
		}
	})
}

// jsonText writes a Go string as a JSON string.
func jsonText(_ *rapid.T, s string) string { return string(appendJSONString(nil, []byte(s))) }

// stringText draws JSON strings with all escapes, half surrogate pairs, NUL and characters of every length.
func stringText() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{
			`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0000`, `\u00e9`, `\uD83D\uDE00`, `\ud83d`, `\ude00`, `\ud83dx`, `\ud83d\ud83d\ude00`, `\uFFFD`, "😀", "é", "漢",
			"\u007f", "\u2028", `\u0022`, `\u005c`, `\uFEFF`, "plain text of some length",
		}),
		rapid.Map(rapid.StringN(0, 8, -1), func(s string) string {
			quoted := appendJSONString(nil, []byte(strings.ToValidUTF8(s, "?")))
			return string(quoted[1 : len(quoted)-1])
		}),
	)
	return rapid.Map(rapid.SliceOfN(piece, 0, 5), func(p []string) string { return `"` + strings.Join(p, "") + `"` })
}

// names draws the names of members as JSON strings without quotes.
func names() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"id", "type", "visitor", "session", "history", "webpath", "tags", "count", "name", "timestamp", "_absent", "__absent", "___absent",
			"_extra", "chat_id", "index", `\u0069d`, `\ud800`, `\ud801`, "", "a b", "ID", "unknown", "history_len", "visitor_id", "é", `\u00e9x`,
			`\u005fabsent`, "_raw_sha256",
		}),
		rapid.Map(stringText(), func(s string) string { return s[1 : len(s)-1] }),
	)
}

// objectOf makes an object of these names, each kept once by its meaning.
func objectOf(t *rapid.T, names []string, value func(name string) string) string {
	var members []string
	seen := map[string]bool{}
	for _, n := range names {
		text := string(appendKey(nil, []byte(n)))
		if seen[text] {
			continue
		}
		seen[text] = true
		members = append(members, `"`+n+`"`+rapid.SampledFrom([]string{":", " : "}).Draw(t, "colon")+value(text))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// records draws objects that have some of a table's members, mostly in their usual form, and others.
func records(fields []field, key map[string]bool) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		byName := map[string]field{}
		var chosen []string
		for _, f := range fields {
			byName[f.name] = f
			if key[f.name] || rapid.IntRange(0, 2).Draw(t, f.name) == 0 {
				chosen = append(chosen, f.name)
			}
		}
		chosen = append(chosen, rapid.SliceOfN(names(), 0, 3).Draw(t, "others")...)
		chosen = rapid.Permutation(chosen).Draw(t, "order")
		return objectOf(t, chosen, func(name string) string {
			f, known := byName[name]
			if key[name] {
				return usual(t, f)
			}
			if !known || rapid.IntRange(0, 3).Draw(t, "odd") == 0 {
				return values(3).Draw(t, "value")
			}
			return usual(t, f)
		})
	})
}

// usual draws a value in the form that a field has as a rule.
func usual(t *rapid.T, f field) string {
	list := func(elem func() string) string {
		elems := make([]string, rapid.IntRange(0, 3).Draw(t, "length"))
		for i := range elems {
			elems[i] = elem()
			if rapid.IntRange(0, 5).Draw(t, "odd element") == 0 {
				elems[i] = values(2).Draw(t, "element")
			}
		}
		return "[" + strings.Join(elems, ",") + "]"
	}
	switch f.kind {
	case kindInt:
		return fmt.Sprint(rapid.Int64Range(-5, 1<<60).Draw(t, "int"))
	case kindFloat:
		return fmt.Sprintf("%.3f", rapid.Float64Range(0, 1e6).Draw(t, "float"))
	case kindBool:
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, "bool")
	case kindTime:
		if f.form == formMicros {
			return `"2021-04-26T13:54:02.171963Z"`
		}
		if f.form == formEither {
			return rapid.SampledFrom([]string{
				`"2021-04-26T13:54:02Z"`, `"2021-04-26T13:54:02.171963Z"`, `"2021-04-26T13:54:02.000000Z"`,
			}).Draw(t, "time")
		}
		return `"2021-04-26T13:54:02Z"`
	case kindStrings:
		return list(func() string { return stringText().Draw(t, "tag") })
	case kindInts:
		return list(func() string { return fmt.Sprint(rapid.Int64().Draw(t, "int")) })
	case kindObject:
		return records(f.members, nil).Draw(t, f.name)
	case kindRows:
		elem := records(tableFields(f.table), nil)
		return list(func() string { return elem.Draw(t, "row") })
	case kindJSON, kindEvidence:
		return values(3).Draw(t, "json")
	default:
		if f.key {
			return rapid.SampledFrom([]string{`"1704.2314999.QHgVx6SOrRuSx"`, `"x"`, `"\u0000"`, `5`, `"é"`}).Draw(t, "key")
		}
		return stringText().Draw(t, "string")
	}
}

func jsonStreams() []chatferry.Stream {
	var all []chatferry.Stream
	for _, s := range chatferry.Streams() {
		if !s.CSV() {
			all = append(all, s)
		}
	}
	return all
}

// TestLossless: whatever valid JSON an identified record holds, its rows give it back. Several records go through one
// Page, so that a value that slips into a neighbour is found too.
func TestLossless(t *testing.T) {
	for _, s := range jsonStreams() {
		t.Run(string(s), func(t *testing.T) {
			key := map[string]bool{}
			for _, f := range tableFields(s.Parent()) {
				key[f.name] = f.key || s == chatferry.Triggers && f.name == "name"
			}
			record := records(tableFields(s.Parent()), key)
			rapid.Check(t, func(rt *rapid.T) {
				in := rapid.SliceOfN(record, 1, 4).Draw(rt, "records")
				b, err := New(s, Options{SocialChannels: []string{}}).Transform(page(s, "", in...), 1)
				if err != nil {
					rt.Fatal(err)
				}
				defer b.Release()
				if err := b.Books.Close(); err != nil {
					rt.Fatal(err)
				}
				var kept []string
				rejected := map[chatferry.Offset]bool{}
				for _, r := range b.Rejects {
					if r.Code != chatferry.CodeKeyType && r.Code != chatferry.CodeMissingKey {
						rt.Fatalf("%s: %s\n%s", r.Code, r.Reason, r.Raw)
					}
					rejected[r.Offset] = true
				}
				at := int64(0)
				for _, r := range in {
					if !rejected[chatferry.FileOffset(0, at)] {
						kept = append(kept, r)
					}
					at += int64(len(r)) + 1
				}
				compareAll(rt, s, b, kept)
			})
		})
	}
}

func compareAll(rt *rapid.T, s chatferry.Stream, b *chatferry.Batch, want []string) {
	if int(b.Books.Loaded.N) != len(want) {
		rt.Fatalf("%d records were loaded, not %d", b.Books.Loaded.N, len(want))
	}
	if len(want) == 0 {
		return
	}
	for _, r := range b.Rows {
		for i, c := range r.Record.Columns() {
			if err := validUTF8(c); err != nil {
				rt.Fatalf("%s.%s: %v", r.Table, r.Record.ColumnName(i), err)
			}
		}
	}
	r, err := NewRebuilder(s, tables(b))
	if err != nil {
		rt.Fatal(err)
	}
	i := 0
	for got, err := range r.All() {
		if err != nil {
			rt.Fatal(err)
		}
		g, err := jsonValue(got)
		if err != nil {
			rt.Fatalf("%v in the rebuilt record\n%s", err, got)
		}
		w := want[i]
		if s.Secret() {
			w = string(New(s, Options{}).withoutSecrets([]byte(w)))
		}
		v, err := jsonValue([]byte(w))
		if err != nil {
			rt.Fatalf("%v in the record\n%s", err, want[i])
		}
		if g != v {
			rt.Fatalf("the record was not rebuilt\n got %s\nwant %s", got, want[i])
		}
		i++
	}
	if i != len(want) {
		rt.Fatalf("%d records were rebuilt, not %d", i, len(want))
	}
}

// TestLosslessCSV does the same for the rows of analytics reports.
func TestLosslessCSV(t *testing.T) {
	for _, s := range chatferry.Streams() {
		if !s.CSV() {
			continue
		}
		t.Run(string(s), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				header := csvHeaders(s).Draw(rt, "header")
				var cells [][]string
				var rowTexts []string
				for range rapid.IntRange(1, 4).Draw(rt, "rows") {
					row := make([]string, len(header))
					for i := range row {
						row[i] = csvCells().Draw(rt, "cell")
					}
					cells = append(cells, row)
					rowTexts = append(rowTexts, csvRow(row))
				}
				b, err := New(s, Options{}).Transform(page(s, csvRow(header), rowTexts...), 1)
				if err != nil {
					rt.Fatal(err)
				}
				defer b.Release()
				for _, r := range b.Rejects {
					rt.Fatalf("%s: %s\n%q\n%q", r.Code, r.Reason, header, r.Raw)
				}
				var want []string
				for _, row := range cells {
					var m []string
					for i, c := range row {
						m = append(m, jsonText(rt, header[i])+":"+jsonText(rt, c))
					}
					want = append(want, "{"+strings.Join(m, ",")+"}")
				}
				compareAll(rt, s, b, want)
			})
		})
	}
}

func csvHeaders(s chatferry.Stream) *rapid.Generator[[]string] {
	return rapid.Custom(func(t *rapid.T) []string {
		var header []string
		taken := map[string]bool{}
		add := func(h, id string) {
			if !taken[id] {
				taken[id] = true
				header = append(header, h)
			}
		}
		for _, f := range csvFields(s) {
			base, _, _ := cutZone(f.name)
			switch rapid.IntRange(0, 5).Draw(t, f.name) {
			case 0:
				continue
			case 1:
				add(strings.ToUpper(base), strings.ToLower(base))
			case 2:
				if f.kind == kindTime {
					add(base+" (UTC+5:30)", strings.ToLower(base))
				} else {
					add(" "+f.name, strings.ToLower(base))
				}
			default:
				add(f.name, strings.ToLower(base))
			}
		}
		for _, h := range rapid.SliceOfN(rapid.SampledFrom([]string{"_absent", "New, quoted", "a\"b", "Ünknown", "x\ny", "first_name", "Extra (UTC+0)"}), 0, 3).Draw(t, "others") {
			add(h, h)
		}
		return rapid.Permutation(append(header, "Last Column")).Draw(t, "order")
	})
}

func csvCells() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"", "0", "5", "05", "+5", "-0", "5.0", "5.50", "0.5", "1e3", "9223372036854775808", "true", "TRUE", "Yes", "no", "1", "95%", "null", "NaN", "Inf",
			"2017-04-24 04:36:45", "2017-04-24T04:36:45Z", "2017-04-24 04:36:45.5", "2017-04-24", "24/04/2017", "0001-01-01 00:00:00",
			"1:02:03", "a,b", "a\"b", "\"", "two\nlines", "\r\n", "é😀", "\u0000", " x ",
		}),
		rapid.Map(rapid.String(), func(s string) string { return strings.ToValidUTF8(s, "?") }),
	)
}

func csvRow(cells []string) string {
	quoted := make([]string, len(cells))
	for i, c := range cells {
		if strings.ContainsAny(c, ",\"\r\n") || i%3 == 1 {
			c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		}
		quoted[i] = c
	}
	return strings.Join(quoted, ",")
}

func validString(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%q is not UTF-8", s)
	}
	return nil
}
