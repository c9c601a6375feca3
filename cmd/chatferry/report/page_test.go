package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"chatferry"
)

// element is what a page holds.
type element struct {
	name string
	attr []xml.Attr
}

// parse reads a page strictly, and returns its elements and its text.
func parse(t *testing.T, page []byte) (elements []element, text string) {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(page))
	var b strings.Builder
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return elements, b.String()
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			elements = append(elements, element{token.Name.Local, token.Copy().Attr})
		case xml.CharData:
			b.Write(token)
		}
	}
}

// The page is well-formed, holds no script, and names nothing that a browser would fetch. What is hostile in it is text.
func TestPageStandsAlone(t *testing.T) {
	hostile := []string{
		`<script src="https://evil.example/x.js"></script>`, `"><img src=x onerror=alert(1)>`, `</style></title><script>1</script>`,
		"a\x00b", "`${x}` [l](https://evil.example) | & ' \"",
	}
	for i, tt := range datasets {
		m := newMade(t, uint64(i+1))
		facts := tt.make(m)
		d := m.dataset()
		for n, name := range append([]string{"plain"}, hostile...) {
			f := *facts
			f.Root, f.Resume, f.Rejects, f.Sources, f.Version = name, name, name, []string{name, name}, name
			f.Outcome, f.Reason = func(int) string { return name }, func(string) string { return name }
			f.Quarantine = append(slices.Clone(f.Quarantine), Quarantined{chatferry.Chats, chatferry.Code(name), 1, 1, name})
			r, err := New(d, &f)
			if err != nil {
				t.Fatal(err)
			}
			r.Only, r.Watermark = name, name
			r.Doubts = append(r.Doubts, Doubt{chatferry.Chats, name, 1, name})
			r.Streams[0].Name = chatferry.Stream(name)
			r.NotGiven = append(r.NotGiven, NotGiven{chatferry.Bans, chatferry.Availability(name), false})
			for j := range r.Runs {
				r.Runs[j].Outcome, r.Runs[j].Version = name, name
			}
			r.Months = &Months{Months: []Month{{Month: "2021-03", Chats: 3}, {Month: "2021-04", Offline: 1, Other: 2}}, Total: 6}
			var page bytes.Buffer
			if err := r.HTML(&page); err != nil {
				t.Fatal(err)
			}
			elements, text := parse(t, page.Bytes())
			for _, e := range elements {
				if slices.Contains([]string{"script", "link", "img", "image", "use", "iframe", "object", "embed", "base", "form", "a"}, e.name) {
					t.Errorf("%s %d: the page holds <%s>", tt.name, n, e.name)
				}
				for _, a := range e.attr {
					if a.Name.Local == "src" || a.Name.Local == "href" || strings.HasPrefix(a.Name.Local, "on") ||
						a.Name.Local != "xmlns" && strings.Contains(a.Value, "://") {
						t.Errorf("%s %d: <%s %s=%q>", tt.name, n, e.name, a.Name.Local, a.Value)
					}
				}
			}
			for _, fetches := range []string{"url(", "@import"} {
				if strings.Contains(pageStyle, fetches) {
					t.Errorf("the style sheet holds %s", fetches)
				}
			}
			if shown := strings.ReplaceAll(name, "\x00", "\uFFFD"); !strings.Contains(text, shown) {
				t.Errorf("%s: %q does not stand in the page as text", tt.name, name)
			}
			if strings.Contains(page.String(), "an-id-that-nobody-may-see") {
				t.Error("the page holds the id of a record")
			}
			var md bytes.Buffer
			if err := r.Markdown(&md); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(md.String()) {
				if strings.HasPrefix(line, "|") && (strings.Contains(line, " <") || strings.Contains(line, " [l](")) {
					t.Errorf("Markdown takes this for more than text: %s", line)
				}
			}
		}
	}
}

// Every chart says in words what it shows, under an id of its own.
func TestChartsAreAccessible(t *testing.T) {
	_, r := reported(t, 2)
	r.Months = &Months{Months: []Month{{Month: "2021-03", Chats: 3}}, Total: 3}
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	elements, text := parse(t, page.Bytes())
	ids, charts := map[string]int{}, 0
	for _, e := range elements {
		for _, a := range e.attr {
			if a.Name.Local == "id" {
				ids[a.Value]++
			}
		}
	}
	for _, e := range elements {
		for _, a := range e.attr {
			if a.Name.Local != "aria-labelledby" {
				continue
			}
			charts++
			for id := range strings.FieldsSeq(a.Value) {
				if ids[id] != 1 {
					t.Errorf("%d elements have the id %q", ids[id], id)
				}
			}
		}
	}
	if charts != 4 || !strings.Contains(text, "The chart as a table") || !strings.Contains(text, "From 2021-03 to 2021-03: 3 chats") {
		t.Errorf("%d charts", charts)
	}
}
