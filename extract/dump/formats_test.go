package dump

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatferry"
)

// chatsOf makes n records of different lengths.
func chatsOf(n int) []string {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(`{"id":"2104.1.%d","note":%q,"tags":["a\"]}\\",{"deep":[[]]}]}`, i, strings.Repeat("x]", rng.IntN(200))))
	}
	return out
}

type layout struct {
	name   string
	stream chatferry.Stream
	file   string
	write  func(records []string) []string // the parts of a file, and the separators
}

var layouts = []layout{
	{"ndjson", chatferry.Chats, "a.ndjson", func(r []string) []string { return each(r, "%s\n") }},
	{"ndjson without last line end", chatferry.Chats, "a.ndjson", func(r []string) []string {
		return append(each(r[:len(r)-1], "%s\n"), r[len(r)-1])
	}},
	{"ndjson CRLF, blanks and mark", chatferry.Chats, "a.ndjson", func(r []string) []string {
		return append([]string{"\ufeff\r\n \n"}, each(r, "\t%s \r\n\r\n")...)
	}},
	{"array on one line", chatferry.Chats, "a.json", func(r []string) []string { return joined(r, "[", ",", "]") }},
	{"array over lines", chatferry.Chats, "a.json", func(r []string) []string { return joined(r, "\ufeff[\n", ",\n", "\n]\n") }},
	{"arrays behind one another", chatferry.Chats, "a.json", func(r []string) []string { return each(r, "[%s]\n[ ]") }},
	{"page", chatferry.Chats, "a.json", func(r []string) []string {
		return joined(r, `{"count":3,"end_time":1,"chats":[`, ", ", `],"next_page":"https://x/?a={[\"","previous_page":{"chats":[1]}}`)
	}},
	{"pages, one a line", chatferry.Chats, "a.ndjson", func(r []string) []string {
		return each(r, `{"chats":[%s],"count":1,"next_page":null}`+"\n")
	}},
	{"pages without a space", chatferry.Chats, "a.json", func(r []string) []string { return each(r, `{"chats":[%s]}`) }},
	{"pages in an array", chatferry.Chats, "a.json", func(r []string) []string {
		return joined(each(r, `{"chats":[%s]}`), "[", ",", "]")
	}},
	{"docs", chatferry.Chats, "a.json", func(r []string) []string {
		out := []string{`{"docs" : { `}
		for i, s := range r {
			if i > 0 {
				out = append(out, ",")
			}
			out = append(out, fmt.Sprintf("\"2104.1.%d\" :\n%s", i, s))
		}
		return append(out, "}}")
	}},
	{"objects over lines", chatferry.Chats, "a.json", func(r []string) []string { return each(r, "%s\n") }},
	{"objects on one line", chatferry.Chats, "a.json", func(r []string) []string { return each(r, "%s ") }},
	{"csv", chatferry.AnalyticsLoginSessions, "a.csv", func(r []string) []string {
		out := []string{"\ufeffFirst Name,Start Time (UTC+0)\r\n"}
		return append(out, each(r, "%s\r\n")...)
	}},
}

// shape gives records the form in which the layout holds them.
func (l layout) shape(records []string) []string {
	for i, r := range records {
		switch {
		case l.stream.CSV():
			records[i] = csvRow(r)
		case l.name == "objects over lines":
			records[i] = strings.Replace(r, "{", "{\n  ", 1)
		}
	}
	return records
}

func csvRow(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + "\n\",x" }

func each(records []string, format string) []string {
	var out []string
	for _, r := range records {
		out = append(out, fmt.Sprintf(format, r))
	}
	return out
}

func joined(records []string, open, sep, end string) []string {
	out := []string{open}
	for i, r := range records {
		if i > 0 {
			out = append(out, sep)
		}
		out = append(out, r)
	}
	return append(out, end)
}

// Every format in every compression gives the records that were written, at their places, and gives the same Pages again
// from every Page's end on.
func TestFormats(t *testing.T) {
	for _, lay := range layouts {
		for _, pk := range packings {
			t.Run(lay.name+"/"+pk.name, func(t *testing.T) {
				first, second := lay.shape(chatsOf(23)), lay.shape(chatsOf(9))
				parts, more := lay.write(first), lay.write(second)
				dir := folder(t, map[string]string{
					"a/" + lay.file + pk.ext: pk.pack(parts...),
					"b/" + lay.file + pk.ext: pk.pack(""),
					"c/" + lay.file + pk.ext: pk.pack(more...),
				})
				l := list(t, string(lay.stream)+"="+dir)
				cuts := smallCuts(700)
				shards := plan(t, l, cuts)
				if len(shards) != 1 || len(shards[0].Files) != 3 {
					t.Fatalf("planned %+v", shards)
				}
				shard, source := &shards[0], NewSource(l, cuts)
				pages := mustRead(t, source, shard, "")
				records, doubts, stored := flatten(pages)
				if len(doubts) > 0 {
					t.Errorf("doubts: %v", doubts)
				}
				if stored != shard.Bytes {
					t.Errorf("%d stored bytes, want %d", stored, shard.Bytes)
				}
				want := append(append([]string{}, first...), second...)
				if d := cmp.Diff(want, raws(records)); d != "" {
					t.Fatalf("records (-want +got):\n%s", d)
				}
				whole := map[int]string{0: strings.Join(parts, ""), 2: strings.Join(more, "")}
				for _, r := range records {
					file, at := r.Offset.Split()
					if got := whole[file][at:][:len(r.Raw)]; got != r.Raw || r.Code != "" {
						t.Fatalf("at %s stands %q, not %q (%s)", shard.Place(r.Offset), got, r.Raw, r.Code)
					}
				}
				checkPages(t, pages, lay.stream.CSV())
				checkResume(t, source, shard, pages)
			})
		}
	}
}

func checkPages(t *testing.T, pages []pageCopy, csv bool) {
	t.Helper()
	if len(pages) < 4 {
		t.Errorf("only %d pages, so that little is proven", len(pages))
	}
	from := chatferry.Position("")
	for i, p := range pages {
		if p.From != from || p.After == p.From && len(p.Records) > 0 {
			t.Errorf("page %d goes from %q to %q, after %q", i, p.From, p.After, from)
		}
		from = p.After
		if csv && len(p.Records) > 0 && p.Header != "First Name,Start Time (UTC+0)" {
			t.Errorf("page %d has the header %q", i, p.Header)
		}
		for _, r := range p.Records {
			a, _ := r.Offset.Split()
			if b, _ := p.Records[0].Offset.Split(); csv && a != b {
				t.Errorf("page %d has rows of files %d and %d", i, b, a)
			}
		}
	}
}

// checkResume reads the Shard from every Page's end on.
func checkResume(t *testing.T, source *Source, shard *chatferry.Shard, pages []pageCopy) {
	t.Helper()
	for i, p := range pages {
		again := mustRead(t, source, shard, p.After)
		if d := cmp.Diff(pages[i+1:], again); d != "" && len(pages[i+1:])+len(again) > 0 {
			t.Fatalf("resumed at %q (-first +again):\n%s", p.After, d)
		}
	}
}

func TestPageCutByRecords(t *testing.T) {
	var b strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&b, "{\"id\":%d}\n", i)
	}
	l := list(t, folder(t, map[string]string{"visitors.ndjson": b.String()}))
	cuts := smallCuts(1 << 30)
	shards := plan(t, l, cuts)
	source := NewSource(l, cuts)
	pages := mustRead(t, source, &shards[0], "")
	var sizes []int
	for _, p := range pages {
		sizes = append(sizes, len(p.Records))
	}
	if d := cmp.Diff([]int{8192, 8192, 3616}, sizes); d != "" {
		t.Error(d)
	}
	checkResume(t, source, &shards[0], pages)
}

// Larger than every buffer, so that windows move and grow between and inside records.
func TestLongFileResumes(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	var records []string
	for total := 0; total < 3<<19; {
		n := rng.IntN(3000)
		if rng.IntN(40) == 0 {
			n = 200<<10 + rng.IntN(600<<10)
		}
		total += n
		records = append(records, fmt.Sprintf(`{"id":"%d","t":"%s"}`, len(records), strings.Repeat("y", n)))
	}
	for _, lay := range layouts[2:8] {
		for _, pk := range []packing{packings[0], packings[2], packings[5]} {
			t.Run(lay.name+"/"+pk.name, func(t *testing.T) {
				l := list(t, "chats="+folder(t, map[string]string{lay.file + pk.ext: pk.pack(lay.write(records)...)}))
				cuts := smallCuts(300 << 10)
				shards := plan(t, l, cuts)
				source := NewSource(l, cuts)
				pages := mustRead(t, source, &shards[0], "")
				got, doubts, stored := flatten(pages)
				if d := cmp.Diff(records, raws(got)); d != "" || len(doubts) > 0 || stored != shards[0].Bytes {
					t.Fatalf("doubts %v, stored %d of %d, records:\n%.2000s", doubts, stored, shards[0].Bytes, d)
				}
				checkResume(t, source, &shards[0], pages)
			})
		}
	}
}

// Pages that are held all together keep their content, whatever is read after them.
func TestPagesShareNoMemory(t *testing.T) {
	l := list(t, "chats="+folder(t, map[string]string{
		"a.ndjson.gz": gzipOf(strings.Join(chatsOf(500), "\n")), "b.json": "[" + strings.Join(chatsOf(300), ",") + "]",
	}))
	cuts := smallCuts(5000)
	shards := plan(t, l, cuts)
	source := NewSource(l, cuts)
	want := mustRead(t, source, &shards[0], "")
	r, err := source.Open(t.Context(), &shards[0], "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var held []*chatferry.Page
	for p, err := r.Next(t.Context()); err == nil; p, err = r.Next(t.Context()) {
		held = append(held, p)
	}
	var got []pageCopy
	for _, p := range held {
		got = append(got, copyPage(p))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, p := range held {
		p.Release()
		p.Release()
	}
}

// A Shard of very many files of all kinds reads as one, and resumes inside it.
func TestManyTinyFiles(t *testing.T) {
	files := map[string]string{}
	want := 0
	for i := range 600 {
		pk := packings[i%len(packings)]
		n := i % 3
		content := strings.Join(chatsOf(n), "\n")
		if i%2 == 0 {
			content = "[" + strings.Join(chatsOf(n), ",") + "]"
		}
		files[fmt.Sprintf("chats/%04d.json%s", i, pk.ext)] = pk.pack(content)
		want += n
	}
	l := list(t, folder(t, files))
	cuts := smallCuts(10000)
	shards := plan(t, l, cuts)
	source := NewSource(l, cuts)
	pages := mustRead(t, source, &shards[0], "")
	records, doubts, stored := flatten(pages)
	if len(shards) != 1 || len(records) != want || len(doubts) > 0 || stored != l.Bytes() {
		t.Errorf("%d shards, %d records of %d, doubts %v, %d bytes of %d", len(shards), len(records), want, doubts, stored, l.Bytes())
	}
	for i := 0; i < len(pages); i += 7 {
		if d := cmp.Diff(pages[i+1:], mustRead(t, source, &shards[0], pages[i].After)); d != "" && i+1 < len(pages) {
			t.Fatalf("resumed at %q:\n%s", pages[i].After, d)
		}
	}
}
