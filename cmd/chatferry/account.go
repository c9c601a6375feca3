package main

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// zopimRoot is the API of accounts that were made on zopim.com. It answers for the others as well, as long as it is kept.
const zopimRoot = "https://www.zopim.com/api/v2"

// subdomainPattern is what Zendesk takes for a subdomain.
var subdomainPattern = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)

// isAccount reports whether a place is an account of the Chat API rather than a path.
func isAccount(text string) bool {
	scheme, _, ok := strings.Cut(text, ":")
	if !ok {
		return false
	}
	switch strings.ToLower(scheme) {
	case "zendesk", "zopim", "http", "https":
		return true
	}
	return false
}

// accountRoots returns the roots of the API at which an account may answer, the likelier one first.
func accountRoots(text string) ([]string, error) {
	scheme, rest, _ := strings.Cut(text, ":")
	switch strings.ToLower(scheme) {
	case "zopim":
		if strings.Trim(rest, "/") != "" {
			return nil, fmt.Errorf("%s: write zopim: alone, since an account that was made on zopim.com has no name here", redactURI(text))
		}
		return []string{zopimRoot}, nil
	case "zendesk":
		name := strings.TrimSuffix(strings.TrimPrefix(rest, "//"), "/")
		name = strings.TrimSuffix(strings.ToLower(name), ".zendesk.com")
		if !subdomainPattern.MatchString(name) {
			return nil, fmt.Errorf("%s: %q is not a subdomain; write zendesk://acme for acme.zendesk.com", redactURI(text), name)
		}
		return []string{"https://" + name + ".zendesk.com/api/v2/chat", zopimRoot}, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, fmt.Errorf("%s is not a URL; write zendesk://SUBDOMAIN, zopim: or https://HOST", redactURI(text))
	case u.User != nil:
		return nil, fmt.Errorf("%s holds credentials; set CHATFERRY_TOKEN instead", redactURI(text))
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%s: the root of the API has no query", redactURI(text))
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("%s: http would show the token to the network; only https may leave this machine", redactURI(text))
	}
	return []string{strings.TrimSuffix(u.Scheme+"://"+u.Host+u.Path, "/")}, nil
}

// isLoopback reports whether a host is this machine itself.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
