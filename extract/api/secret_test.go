package api

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "hunter2"
	s := NewSecret(text)
	type hidden struct {
		Name  string
		inner Secret
		more  []Secret
		by    map[string]Secret
	}
	values := map[string]any{
		"itself": s, "pointer": &s, "exported field": struct{ S Secret }{s}, "slice": []Secret{s}, "map": map[string]Secret{"a": s},
		"key": map[Secret]int{s: 1}, "unexported fields": hidden{"x", s, []Secret{s}, map[string]Secret{"a": s}},
		"pointer to unexported": &hidden{inner: s}, "source": staticToken{s}, "pair": pair{access: s, refresh: s},
		"grant": &grant{access: s}, "bearer": &bearer{given: s}, "interface": any(s), "error": fmt.Errorf("x %v: %w", s, errors.New(s.String())),
	}
	for name, v := range values {
		for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %t %c %U %b %o %e %g %T % x %#x %#q %10s %-10q %.3s") {
			got := fmt.Sprintf(verb, v)
			for _, leak := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), "hun"} {
				if strings.Contains(got, leak) {
					t.Errorf("%s with %s prints %s", name, verb, got)
				}
			}
		}
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "a", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "a", v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		if b, err := xml.Marshal(v); err == nil {
			out.Write(b)
		}
		if strings.Contains(out.String(), text) {
			t.Errorf("%s is written as %s", name, out.String())
		}
	}
	if s.String() != "***" || NewSecret("").String() != "" || !NewSecret("").Empty() || s.Empty() {
		t.Errorf("one cannot see whether it is set: %q, %q", s.String(), NewSecret("").String())
	}
	if s.Reveal() != text || !s.Equal(NewSecret(text)) || s.Equal(Secret{}) {
		t.Error("it does not hold its text")
	}
}

func TestQuote(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "invalid start_time", "invalid start_time"},
		{"e-mail", "no visitor jane.doe+x@mail.example.com here", "no visitor *** here"},
		{"e-mail in a query", "GET /x?q=visitor_email%3Ajane%40example.com&a=b", "GET /x?q=***&a=b"},
		{"hidden text", "bad token s3cr3t!", "bad token ***!"},
		{"hidden text, escaped", "bad token a%2Fb%3D", "bad token ***"},
		{"lines and control characters", "a\r\nSet-Cookie: x\x1b[31m\x00", "a Set-Cookie: x?[31m?"},
		{"bad UTF-8", "a\xff", "a\ufffd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := quote(c.in, "s3cr3t", "a/b="); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := quote(strings.Repeat("ä", 10_000)); len([]rune(got)) != longestQuote+1 {
		t.Errorf("%d letters are quoted", len([]rune(got)))
	}
}
