package main

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// arrival is a request as it reached the server.
type arrival struct {
	at   time.Time // by the clock of this machine
	path string    // behind the API's root
}

// arrivals takes down every request.
type arrivals struct {
	mu   sync.Mutex
	list []arrival
}

// before notes each request before h answers it.
func (a *arrivals) before(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		for _, root := range []string{"/api/v2/chat/", "/api/v2/"} {
			if rest, ok := strings.CutPrefix(path, root); ok {
				path = rest
				break
			}
		}
		a.mu.Lock()
		a.list = append(a.list, arrival{time.Now(), path})
		a.mu.Unlock()
		h.ServeHTTP(w, r)
	})
}

// since returns the requests from a time on.
func (a *arrivals) since(from time.Time) []arrival {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := len(a.list)
	for at > 0 && !a.list[at-1].at.Before(from) {
		at--
	}
	return append([]arrival(nil), a.list[at:]...)
}

// slow lets an answer take d. The request is counted when it comes.
func slow(d time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(&late{ResponseWriter: w, by: d}, r)
	})
}

// late is an answer whose header goes out some time after it was made.
type late struct {
	http.ResponseWriter
	by   time.Duration
	once sync.Once
}

func (l *late) WriteHeader(status int) {
	l.once.Do(func() { time.Sleep(l.by) })
	l.ResponseWriter.WriteHeader(status)
}

func (l *late) Write(p []byte) (int, error) {
	l.once.Do(func() { time.Sleep(l.by) })
	return l.ResponseWriter.Write(p)
}
