package api

import (
	"fmt"
	"net/netip"
	"slices"
)

// notPublic are the ranges of addresses that belong to no single machine on the public network: private, shared,
// link-local and loopback ones, those for documentation and measurement, and those that carry an IPv4 address inside, by
// which one of the others could be reached.
var notPublic = func() (list []netip.Prefix) {
	for _, p := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}()

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	// translated is where networks without IPv4 put the IPv4 addresses of others, in the last four bytes.
	translated = netip.MustParsePrefix("64:ff9b::/96")
)

// public reports whether an address is one of the public network.
func public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if translated.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if a.Is6() && !globalUnicast.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(a) })
}

// privateError is why an address is not dialled.
type privateError struct{ to netip.Addr }

func (e *privateError) Error() string { return fmt.Sprintf("%s is no public address", e.to) }
