package doctor

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"chatferry/extract/api"
)

// desk answers as the Support API of an account.
type desk func(path string, page string) string

func (d desk) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	text := d(strings.TrimPrefix(r.URL.Path, "/api/v2/"), q.Get("page[after]")+q.Get("page"))
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Request: r,
		ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text)),
	}, nil
}

// A list is read to its end whatever leads on in it, and one whose end is not known is none.
func TestSupportPages(t *testing.T) {
	for _, tt := range []struct {
		name  string
		pages map[string]string // by cursor or number
		want  []string          // nil: it is not known
	}{
		{"cursors", map[string]string{
			"":  `{"groups":[{"name":"a"},{"name":"gone","deleted":true}],"meta":{"has_more":true,"after_cursor":"x"},"links":{"next":"https://elsewhere.example"}}`,
			"x": `{"groups":[{"name":"b"}],"meta":{"has_more":false,"after_cursor":"y"}}`,
		}, []string{"a", "b"}},
		{"numbers", map[string]string{
			"":  `{"groups":[{"name":"a"}],"next_page":"https://acme.zendesk.com/api/v2/groups?page=2","count":3}`,
			"2": `{"groups":[{"name":"b"}],"next_page":"https://acme.zendesk.com/api/v2/groups?page=3","count":3}`,
			"3": `{"groups":[{"name":"c"}],"next_page":null,"count":3}`,
		}, []string{"a", "b", "c"}},
		{"nothing that leads on", map[string]string{"": `{"groups":[{"name":"a"}]}`}, []string{"a"}},
		{"more, but nothing that leads there", map[string]string{"": `{"groups":[],"meta":{"has_more":true}}`}, nil},
		{"the same cursor again", map[string]string{
			"":  `{"groups":[],"meta":{"has_more":true,"after_cursor":"x"}}`,
			"x": `{"groups":[],"meta":{"has_more":true,"after_cursor":"x"}}`,
		}, nil},
		{"no list", map[string]string{"": `{"users":[]}`}, nil},
		{"another form", map[string]string{"": `{"groups":{"name":"a"}}`}, nil},
		{"a record of another form", map[string]string{"": `{"groups":[{"name":["a"]}]}`}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token, err := api.StaticToken(api.NewSecret("of-the-test"))
			if err != nil {
				t.Fatal(err)
			}
			client, err := api.Dial(t.Context(), api.Options{
				Roots: []string{"https://acme.zendesk.com/api/v2"}, Token: token, Probe: SupportProbe, PerMinute: 1e6, Share: 1, Patience: time.Millisecond,
				Transport: desk(func(path, page string) string {
					if path == "groups" {
						return tt.pages[page]
					}
					return `{"user":{},"users":[],"installations":[]}`
				}),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			f := Facts{}
			if err := f.support(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			if f.Groups.Known != (tt.want != nil) || !slices.Equal(f.Groups.Value, tt.want) || (f.Groups.Gap == nil) != (tt.want != nil) {
				t.Errorf("got %+v, %+v", f.Groups.Value, f.Groups.Gap)
			}
			if !f.Users.Known || !f.Apps.Known {
				t.Errorf("users %+v, apps %+v", f.Users.Gap, f.Apps.Gap)
			}
		})
	}
}
