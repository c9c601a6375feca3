package chatapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"chatferry/extract/rehearsal"
)

// BenchmarkNew makes a server: every chat is looked at once.
func BenchmarkNew(b *testing.B) {
	for _, chats := range []int64{20_000, 1_000_000} {
		b.Run(fmt.Sprintf("chats=%d", chats), func(b *testing.B) {
			a := rehearsal.New(rehearsal.Options{Seed: 1, Chats: chats})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := New(a, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPage asks for one page in the middle of a big account.
func BenchmarkPage(b *testing.B) {
	a := rehearsal.New(rehearsal.Options{Seed: 1, Chats: 1_000_000})
	s, err := New(a, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for name, path := range map[string]string{
		"chats":       "/incremental/chats?start_time=1560000000&fields=chats(*)",
		"ids":         "/incremental/chats?start_time=1560000000",
		"timeline":    "/incremental/agent_timeline?start_time=1560000000000000&fields=agent_timeline(*)",
		"conversions": "/incremental/conversions?start_time=1560000000&fields=conversions(*)",
		"search":      "/chats/search?q=type:chat+AND+end_timestamp:[2019-06-01T00:00:00+TO+2019-06-03T00:00:00]",
		"list":        "/chats",
	} {
		b.Run("page="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, "http://chat.test/api/v2"+path, nil)
				r.Header.Set("Authorization", "Bearer rehearsal")
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
				b.SetBytes(int64(w.Body.Len()))
			}
		})
	}
}
