package main

import (
	"slices"
	"testing"
)

func TestAccountRoots(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string // nil: refused
	}{
		{"zendesk://acme", []string{"https://acme.zendesk.com/api/v2/chat", zopimRoot}},
		{"zendesk://ACME.zendesk.com/", []string{"https://acme.zendesk.com/api/v2/chat", zopimRoot}},
		{"zopim:", []string{zopimRoot}},
		{"zopim://", []string{zopimRoot}},
		{"https://acme.zendesk.com", []string{"https://acme.zendesk.com"}},
		{"https://www.zopim.com/api/v2/", []string{"https://www.zopim.com/api/v2"}},
		{"http://127.0.0.1:8080", []string{"http://127.0.0.1:8080"}},
		{"http://[::1]:8080", []string{"http://[::1]:8080"}},
		{"http://localhost:8080/api/v2", []string{"http://localhost:8080/api/v2"}},

		{"zendesk:", nil},
		{"zendesk://", nil},
		{"zendesk://acme@evil.example", nil},
		{"zendesk://evil.example/acme", nil},
		{"zendesk://acme/../evil", nil},
		{"zendesk://-acme", nil},
		{"zendesk://acme:8080", nil},
		{"zendesk://acme#.evil.example", nil},
		{"zendesk://acme?x=y", nil},
		{"zopim:acme", nil},
		{"https://", nil},
		{"https:acme", nil},
		{"https://u:p@acme.zendesk.com", nil},
		{"https://acme.zendesk.com/?q=1", nil},
		{"https://acme.zendesk.com/#f", nil},
		{"http://acme.zendesk.com", nil},
		{"http://127.0.0.1.evil.example", nil},
		{"http://localhost.evil.example", nil},
	} {
		got, err := accountRoots(tt.in)
		if (err != nil) != (tt.want == nil) || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}
