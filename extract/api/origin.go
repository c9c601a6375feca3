package api

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode"

	"chatferry"
)

// mostRedirects is how many redirects within one origin are followed for one request.
const mostRedirects = 3

// errRedirect is wrapped by what is said about a redirect that is not followed.
var errRedirect = errors.New("refused a redirect")

// parseRoot checks the address of an API root, as a user or a configuration gives it.
func parseRoot(text string) (*url.URL, error) {
	fail := func(reason string) error {
		// The text itself may hold a password, so only what is surely none is shown.
		return chatferry.Errorf(chatferry.KindUsage, "give it as https://HOST or https://HOST/api/v2/chat",
			"the address of the API is not usable: %s", reason)
	}
	if reason := oddLetters(text); reason != "" {
		return nil, fail(reason)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fail("it cannot be parsed")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, fail("it names no host")
	case u.User != nil:
		return nil, fail("it holds a user name; the token is given apart from it")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fail("it has a query or a fragment")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fail("it begins with neither https:// nor http://")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fail("a token is sent over plain http:// to this machine only, not to " + u.Hostname())
	case u.RawPath != "" || u.Path != "" && path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") && u.Path != "/":
		return nil, fail("its path is not plain")
	}
	u.Host = strings.ToLower(u.Host)
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

// oddLetters says what in an address no honest one has. Parsers differ in what they make of such letters.
func oddLetters(text string) string {
	for _, r := range text {
		switch {
		case r > unicode.MaxASCII:
			return "it has letters outside ASCII"
		case r <= ' ' || r == 0x7f:
			return "it has white space or control characters"
		case r == '\\':
			return "it has a backslash"
		}
	}
	return ""
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// originOf is the scheme, host and port of an address, in one form.
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// below is the address of a path below a root.
func below(root *url.URL, name string, query url.Values) (*url.URL, error) {
	if name == "" || path.Clean("/"+name) != "/"+name || strings.ContainsAny(name, "\\\x00\r\n") {
		return nil, fmt.Errorf("%q is no path below the API's root", quote(name))
	}
	u := *root
	u.Path += "/" + name
	u.RawQuery = query.Encode()
	return &u, nil
}

// isRedirect reports whether a status asks to go elsewhere.
func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirected is where a redirect leads, if that is within the origin of the address that was asked.
func redirected(from *url.URL, header http.Header) (*url.URL, error) {
	places := header.Values("Location")
	if len(places) != 1 {
		return nil, fmt.Errorf("%w that names %d places", errRedirect, len(places))
	}
	if reason := oddLetters(places[0]); reason != "" {
		return nil, fmt.Errorf("%w whose address is odd: %s", errRedirect, reason)
	}
	u, err := url.Parse(places[0])
	if err != nil {
		return nil, fmt.Errorf("%w whose address cannot be parsed", errRedirect)
	}
	u = from.ResolveReference(u)
	u.Fragment, u.RawFragment = "", ""
	switch {
	case u.Opaque != "" || u.Hostname() == "":
		return nil, fmt.Errorf("%w that names no host", errRedirect)
	case u.User != nil:
		return nil, fmt.Errorf("%w with a user name in it", errRedirect)
	case originOf(u) != originOf(from):
		return nil, fmt.Errorf("%w to another origin, %s", errRedirect, quote(originOf(u)))
	case strings.HasPrefix(u.Path, "//"):
		return nil, fmt.Errorf("%w whose path others would read as a host", errRedirect)
	}
	if u.Host = from.Host; u.String() == from.String() {
		return nil, fmt.Errorf("%w to the very same address", errRedirect)
	}
	return u, nil
}
