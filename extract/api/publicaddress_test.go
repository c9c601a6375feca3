package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestPublicAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "93.184.216.34": true, "172.15.255.255": true, "172.32.0.1": true, "192.169.0.1": true,
		"100.63.255.255": true, "100.128.0.1": true, "2606:4700::1111": true, "2a00:1450:4001::1": true,
		"::ffff:8.8.8.8": true, "64:ff9b::8.8.8.8": true,

		"127.0.0.1": false, "127.1.2.3": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "172.16.0.1": false,
		"172.31.255.255": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "100.127.255.255": false,
		"192.0.0.8": false, "192.0.2.1": false, "192.88.99.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.9": false,
		"224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::127.0.0.1": false, "fe80::1": false,
		"fe80::1%eth0": false, "2606:4700::1111%eth0": false, "fc00::1": false, "fd12:3456::1": false, "fec0::1": false, "ff02::1": false,
		"2001:db8::1": false, "2002:7f00:1::": false, "2002:808:808::1": false, "2001::1": false, "64:ff9b::127.0.0.1": false,
		"64:ff9b::10.0.0.1": false, "64:ff9b:1::8.8.8.8": false, "100::1": false, "3fff::1": false, "5f00::1": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is public: %t", text, got)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address is a public one")
	}
}

// victim is a server on this machine that nobody may reach. It notes connections.
func victim(t *testing.T) (port string, dialed *atomic.Int64) {
	t.Helper()
	dialed = new(atomic.Int64)
	var l net.Listener
	// All addresses of this machine at once, where it has both families.
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			dialed.Add(1)
			c.Close()
		}
	})
	t.Cleanup(func() { l.Close(); done.Wait() })
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, dialed
}

// tricks are ways to name this machine, or one that only it can reach; %s is a port.
var tricks = []string{
	"https://127.0.0.1:%s/a", "https://127.1:%s/a", "https://2130706433:%s/a", "https://0x7f000001:%s/a", "https://0x7f.0.0.1:%s/a",
	"https://017700000001:%s/a", "https://0177.0.0.1:%s/a", "https://127.0.0.1.:%s/a", "https://localhost:%s/a", "https://LOCALHOST:%s/a",
	"https://localhost.:%s/a", "https://0.0.0.0:%s/a", "https://0:%s/a", "https://[::1]:%s/a", "https://[::]:%s/a",
	"https://[::ffff:127.0.0.1]:%s/a", "https://[::ffff:7f00:1]:%s/a", "https://[0:0:0:0:0:ffff:127.0.0.1]:%s/a", "https://[::127.0.0.1]:%s/a",
	"https://[fe80::1%%25lo]:%s/a", "https://127.0.0.1%%3A%s/a", "https://①②⑦.⓪.⓪.①:%s/a", "https://127。0。0。1:%s/a", "https://１２７.0.0.1:%s/a",
	"https://[64:ff9b::7f00:1]:%s/a", "https://[2002:7f00:1::]:%s/a", "https://10.0.0.1:%s/a", "https://192.168.0.1:%s/a", "https://172.16.0.1:%s/a",
	"https://169.254.169.254:%s/latest/meta-data", "https://100.64.0.1:%s/", "https://[fc00::1]:%s/", "https://[fd00:ec2::254]:%s/",
	"http://127.0.0.1:%s/a", "http://localhost:%s/a", "http://[::1]:%s/a", "HTTP://localhost:%s/a", "ftp://127.0.0.1:%s/a", "file:///etc/passwd?%s",
	"gopher://127.0.0.1:%s/_a", "//127.0.0.1:%s/a", "/a?%s", "127.0.0.1:%s/a", "https:127.0.0.1:%s/a", "https:///127.0.0.1:%s/a", "https://:%s/a",
	"https://files.example.com@127.0.0.1:%s/a", "https://u:p@127.0.0.1:%s/a", "https://127.0.0.1:%s\\@files.example.com/a",
	"https://127.0.0.1:%s#@files.example.com/", "https://files.example.com:443@127.0.0.1:%s/", "https://127.0.0.1:%s/\r\nHost: x",
	"https://\t127.0.0.1:%s/a", " https://127.0.0.1:%s/a", "data:text/plain,%s", "unix:///tmp/x:%s", "javascript:fetch(%s)",
}

// TestForbiddenAddresses: none of the tricks leads to a connection, neither by itself nor as a redirect.
func TestForbiddenAddresses(t *testing.T) {
	port, dialed := victim(t)
	var target atomic.Pointer[string]
	e := newElsewhere(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Location"] = []string{strings.NewReplacer("\r", "", "\n", "").Replace(*target.Load())}
		w.WriteHeader(http.StatusFound)
	})
	for _, trick := range tricks {
		address := strings.Replace(fmt.Sprintf(trick, port), "%%", "%", 1)
		for _, how := range []string{"by itself", "by a redirect"} {
			target.Store(&address)
			ask := address
			if how == "by a redirect" {
				if strings.HasPrefix(address, "/a?") || strings.HasPrefix(address, "127") {
					continue // they are paths on the same server, which redirects for ever
				}
				ask = e.URL + "/start"
			}
			got := e.fetch(t, ask)
			// A form that this machine's resolver does not know is no host; it must not have led anywhere either.
			if got.status != FileRefused && !(got.status == FileFailed && got.unreached) {
				t.Errorf("%q %s: %s, %s", address, how, got.status, got.reason)
			}
			if got.record != nil {
				t.Errorf("%q %s gave content", address, how)
			}
		}
	}
	if n := dialed.Load(); n > 0 {
		t.Errorf("%d connections to this machine", n)
	}
	home := netip.MustParseAddrPort(e.Listener.Addr().String())
	for _, to := range e.dialed {
		if to != home {
			t.Errorf("dialled %s", to)
		}
	}
	if len(e.dialed) == 0 || len(e.seen) == 0 {
		t.Error("not even the server elsewhere was asked")
	}
}

// FuzzFetchAddress: whatever an address says, nothing but the public network is dialled.
func FuzzFetchAddress(f *testing.F) {
	for _, trick := range tricks {
		f.Add(fmt.Sprintf(trick, "1"))
	}
	fetcher, err := NewFetcher(FetchOptions{Root: "https://acme.zendesk.com", PerSecond: 1e9})
	if err != nil {
		f.Fatal(err)
	}
	fetcher.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	// No name is looked up: what is dialled is what is literally an address.
	offline := errors.New("offline")
	permit := fetcher.wire.DialContext
	fetcher.wire.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if a, err := netip.ParseAddr(host); err != nil || public(a) {
			return nil, offline
		}
		c, err := permit(ctx, network, address)
		if err == nil {
			f.Errorf("%s was dialled", address)
			c.Close()
		}
		return c, err
	}
	f.Fuzz(func(t *testing.T, address string) {
		got, err := fetcher.fetch(t.Context(), address)
		if err != nil || got.status != FileRefused && got.status != FileFailed || got.record != nil {
			t.Errorf("%q: %+v, %v", address, got, err)
		}
	})
}
