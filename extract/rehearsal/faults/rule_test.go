package faults

import (
	"slices"
	"strings"
	"testing"

	"chatferry"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for text, want := range map[string][]Rule{
		"":                      nil,
		"reset-body":            {{Kind: ResetBody, Share: 0.05}},
		"reset-body@chats":      {{Kind: ResetBody, Share: 0.05, Path: "chats"}},
		"403@oauth/clients":     {{Kind: Status403, Path: "oauth/clients"}},
		"401":                   {{Kind: Status401}},
		"401-once@middle":       {{Kind: Status401Once, Page: MiddlePage}},
		"429-seconds@2.5%":      {{Kind: Status429Seconds, Share: 0.025}},
		"500@always":            {{Kind: Status500}},
		"500@x3":                {{Kind: Status500, Times: 3}},
		"500@/chats/search/@12": {{Kind: Status500, Path: "chats/search", Page: 12}},
		"json-cut@last@x2@incremental/chats@50%": {
			{Kind: JSONCut, Page: LastPage, Times: 2, Path: "incremental/chats", Share: 0.5},
		},
		" slow@first , bulk-missing@100%,, ": {{Kind: Slow, Page: FirstPage}, {Kind: BulkMissing, Share: 1}},
		"404@xylophones":                     {{Kind: Status404, Path: "xylophones"}},
	} {
		t.Run(text, func(t *testing.T) {
			got, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			var words []string
			for _, r := range got {
				words = append(words, r.String())
			}
			again, err := Parse(strings.Join(words, ","))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(got, again); d != "" {
				t.Errorf("written as %v and read back: %s", words, d)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"reset":           `"reset" is not known`,
		"500,@first":      `"" is not known`,
		"500@":            "nothing behind an @",
		"500@@first":      "nothing behind an @",
		"500@0":           "pages are counted from 1",
		"500@-1":          "pages are counted from 1",
		"500@0%":          "not a share",
		"500@101%":        "not a share",
		"500@NaN%":        "not a share",
		"500@x0":          "not a number of times",
		"500@first@first": "",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := Parse(text)
			if says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), says) || chatferry.KindOf(err) != chatferry.KindUsage || chatferry.HintOf(err) == "" {
				t.Errorf("%v; %s", err, chatferry.HintOf(err))
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for name, r := range map[string]Rule{
		"kind": {Kind: "flood"}, "page": {Kind: Slow, Page: -3}, "share": {Kind: Slow, Share: 1.5}, "times": {Kind: Slow, Times: -1},
		"nothing that touches": {Kind: RecordMoved},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(nil, Options{Rules: []Rule{r}}); chatferry.KindOf(err) != chatferry.KindUsage {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Names are what people write into scripts: there is one for each kind, and each says what a right client comes to.
func TestKindsAreTold(t *testing.T) {
	var names []string
	for _, info := range Kinds() {
		if info.What == "" || info.Ends == "" || strings.ContainsAny(string(info.Kind), "@, %") {
			t.Errorf("%+v", info)
		}
		names = append(names, string(info.Kind))
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(names)))); n != len(names) || n < 41 {
		t.Errorf("%d kinds, %d names", len(names), n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("429-seconds@5%,reset-body@first,403@oauth/clients")
	f.Add("500@x3@2@chats?ids@0.1%")
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := Parse(text)
		if err != nil {
			return
		}
		for _, r := range rules {
			if err := r.validate(); err != nil {
				t.Fatalf("%q gives a rule that is refused: %v", text, err)
			}
			again, err := Parse(r.String())
			if err != nil || len(again) != 1 || again[0].String() != r.String() {
				t.Fatalf("%q: %s is read back as %v, %v", text, r, again, err)
			}
		}
	})
}
