package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"chatferry"
)

// outward are places that a redirect of https://acme.zendesk.com/api/v2/chat/chats may name and that must not be asked.
var outward = []string{
	"https://evil.example/api/v2/chat/chats",
	"http://acme.zendesk.com/api/v2/chat/chats",
	"HTTP://acme.zendesk.com/api/v2/chat/chats",
	"https://acme.zendesk.com:8443/api/v2/chat/chats",
	"https://acme.zendesk.com:80/",
	"https://acme.zendesk.com:0443x/",
	"https://acme.zendesk.com@evil.example/",
	"https://acme.zendesk.com:443@evil.example/",
	"https://user:pass@acme.zendesk.com/api/v2/chat/chats",
	"https://@acme.zendesk.com/api/v2/chat/chats",
	"https://evil.example#@acme.zendesk.com/",
	"https://evil.example?@acme.zendesk.com/",
	`https://evil.example\@acme.zendesk.com/`,
	`https://acme.zendesk.com\.evil.example/`,
	`\\evil.example\chats`,
	`/\evil.example/chats`,
	"//evil.example/api/v2/chat/chats",
	"///evil.example/chats",
	"https:///evil.example/chats",
	"https:/evil.example/chats",
	"https:evil.example/chats",
	"https://acme.zendesk.com.evil.example/",
	"https://acme.zendesk.com.:443/",
	"https://acme-zendesk.com/",
	"https://evil.example/acme.zendesk.com",
	"https://xn--cme-7na.zendesk.com/",
	"https://аcme.zendesk.com/", // the first letter is Cyrillic
	"https://acme.zendesk.com。evil.example/",
	"https://acme.zendesk.com%2eevil.example/",
	"https://acme.zendesk.com%00.evil.example/",
	"https://acme.zendesk.com%23@evil.example/",
	"https://[::1]/chats",
	"https://127.0.0.1/chats",
	"https://169.254.169.254/latest/meta-data",
	"https://0x7f000001/",
	"ftp://acme.zendesk.com/chats",
	"file:///etc/passwd",
	"javascript:alert(1)",
	"data:application/json,{}",
	"gopher://acme.zendesk.com/",
	"wss://acme.zendesk.com/api",
	"https://acme.zendesk.com\t.evil.example/",
	"https://acme.zendesk.com /@evil.example",
	"\x01https://evil.example/",
	"https://",
	"://evil.example",
	"",
}

// inward are places that it may name and that may be asked.
var inward = []struct{ place, want string }{
	{"/api/v2/chat/chats?cursor=2", "https://acme.zendesk.com/api/v2/chat/chats?cursor=2"},
	{"https://acme.zendesk.com/x", "https://acme.zendesk.com/x"},
	{"https://acme.zendesk.com:443/x", "https://acme.zendesk.com/x"},
	{"HTTPS://ACME.zendesk.com/x", "https://acme.zendesk.com/x"},
	{"//acme.zendesk.com/x", "https://acme.zendesk.com/x"},
	{"other#part", "https://acme.zendesk.com/api/v2/chat/other"},
	{"?limit=2", "https://acme.zendesk.com/api/v2/chat/chats?limit=2"},
	{"/%2e%2e//evil.example/", "https://acme.zendesk.com/%2e%2e//evil.example/"},
}

func TestRedirectedStaysWithinTheOrigin(t *testing.T) {
	from, err := parseRoot("https://acme.zendesk.com/api/v2/chat/chats")
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range outward {
		if u, err := redirected(from, http.Header{"Location": {place}}); err == nil {
			t.Errorf("%q led to %s", place, u)
		} else if strings.Contains(err.Error(), "pass") {
			t.Errorf("%q: the error quotes it: %v", place, err)
		}
	}
	for _, c := range inward {
		if u, err := redirected(from, http.Header{"Location": {c.place}}); err != nil || u.String() != c.want {
			t.Errorf("%q led to %v, %v", c.place, u, err)
		}
	}
	for _, places := range [][]string{nil, {"/a", "/b"}} {
		if u, err := redirected(from, http.Header{"Location": places}); err == nil {
			t.Errorf("%q led to %s", places, u)
		}
	}
}

// Every request that leaves is seen here: none of them may carry the token off the origin, and nothing but the origin may
// be dialled.
func TestNoRedirectTakesTheTokenAway(t *testing.T) {
	if len(outward) < 40 {
		t.Fatalf("only %d forms", len(outward))
	}
	for _, code := range []int{301, 302, 303, 307, 308} {
		for _, place := range outward {
			bubble(t, http.StatusText(code)+" "+url.QueryEscape(place), func(t *testing.T) {
				asked := 0
				c, n := dialed(t, func(w http.ResponseWriter, r *http.Request) {
					asked++
					if r.Host != "acme.zendesk.com" || r.URL.Path != "/api/v2/chat/chats" {
						t.Errorf("asked %s for %s", r.Host, r.URL)
					}
					// Set as it is: Header().Set and WriteHeader would replace line ends.
					w.Header()["Location"] = []string{place}
					w.WriteHeader(code)
				}, func(o *Options) { o.Roots = []string{"https://acme.zendesk.com/api/v2/chat"} })
				_, err := c.Get(t.Context(), "chats", nil, nil)
				if err == nil {
					t.Fatal("an answer")
				}
				if oddLetters(place) != "" && strings.Contains(err.Error(), "not HTTP") {
					wantKind(t, err, chatferry.KindTemporary) // net/http did not take it as a header
				} else {
					wantKind(t, err, chatferry.KindEnvironment)
					if asked != sameAnswers {
						t.Errorf("asked %d times", asked)
					}
				}
				for _, address := range n.dialed {
					if address != "acme.zendesk.com:443" {
						t.Errorf("dialled %s", address)
					}
				}
			})
		}
	}
}

// A server that writes line ends into its header makes headers of its own with them, at most.
func TestRedirectWithLineEnds(t *testing.T) {
	bubble(t, "CRLF", func(t *testing.T) {
		c, n := dialed(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/api/v2/chat/chats" {
				_, _ = w.Write([]byte("{}"))
				return
			}
			hijack(w, "HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n")
		})
		if _, err := c.Get(t.Context(), "chats", nil, nil); err == nil {
			t.Error("an answer")
		}
		for _, address := range n.dialed {
			if address != "127.0.0.1:80" {
				t.Errorf("dialled %s", address)
			}
		}
	})
}

func TestRedirectsWithinTheOrigin(t *testing.T) {
	for _, c := range []struct {
		name string
		hops int
		ok   bool
	}{
		{"one", 1, true},
		{"as many as are followed", mostRedirects, true},
		{"one more", mostRedirects + 1, false},
		{"for ever", 1 << 30, false},
	} {
		bubble(t, c.name, func(t *testing.T) {
			left := c.hops
			h, _ := dialed(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/api/v2/chat/chats" {
					left = c.hops
				}
				if left--; left >= 0 {
					http.Redirect(w, r, fmt.Sprintf("/elsewhere/%d", left), http.StatusFound)
					return
				}
				_, _ = w.Write([]byte("{}"))
			})
			a, err := h.Get(t.Context(), "chats", nil, nil)
			if (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
			if c.ok && err == nil && a.Requests != c.hops+1 {
				t.Errorf("%d requests", a.Requests)
			}
		})
	}
	bubble(t, "to a login page", func(t *testing.T) {
		h, _ := dialed(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/login" {
				http.Redirect(w, r, "/login", http.StatusFound)
				return
			}
			_, _ = w.Write([]byte("<html>Log in</html>"))
		})
		_, err := h.Get(t.Context(), "chats", nil, nil)
		wantKind(t, err, chatferry.KindEnvironment)
		if !strings.Contains(err.Error(), "a redirect led to it") {
			t.Errorf("got %v", err)
		}
	})
}

func TestParseRoot(t *testing.T) {
	for text, want := range map[string]string{
		"https://acme.zendesk.com":               "https://acme.zendesk.com",
		"https://ACME.zendesk.com/api/v2/chat/":  "https://acme.zendesk.com/api/v2/chat",
		"https://acme.zendesk.com:8443/api/v2":   "https://acme.zendesk.com:8443/api/v2",
		"http://127.0.0.1:8080":                  "http://127.0.0.1:8080",
		"http://localhost:8080/":                 "http://localhost:8080",
		"http://[::1]:8080":                      "http://[::1]:8080",
		"http://127.8.9.1":                       "http://127.8.9.1",
		"http://acme.zendesk.com":                "",
		"http://10.0.0.1":                        "",
		"http://127.0.0.1.evil.example":          "",
		"http://localhost.evil.example":          "",
		"https://user:pass@acme.zendesk.com":     "",
		"https://acme.zendesk.com?x=1":           "",
		"https://acme.zendesk.com?":              "",
		"https://acme.zendesk.com#x":             "",
		"https://acme.zendesk.com/api/../x":      "",
		"https://acme.zendesk.com/a//b":          "",
		"https://acme.zendesk.com/%2e%2e/x%2fy":  "",
		"https://аcme.zendesk.com":               "",
		`https://acme.zendesk.com\@evil.example`: "",
		"https://acme.zendesk.com\r\nX: y":       "",
		" https://acme.zendesk.com":              "",
		"ftp://acme.zendesk.com":                 "",
		"acme.zendesk.com":                       "",
		"https:acme.zendesk.com":                 "",
		"https://":                               "",
		"":                                       "",
	} {
		u, err := parseRoot(text)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q was taken as %s", text, u)
		case want == "":
			wantKind(t, err, chatferry.KindUsage)
			if strings.Contains(err.Error(), "pass") {
				t.Errorf("%q is quoted: %v", text, err)
			}
		case err != nil || u.String() != want:
			t.Errorf("%q was taken as %v, %v", text, u, err)
		}
	}
}
