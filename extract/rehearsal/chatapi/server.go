package chatapi

import (
	"net/http"
	"sync"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
)

// Server answers requests to the API of one account. Its methods may be called by several goroutines at once.
type Server struct {
	account *rehearsal.Account
	o       Options
	setup   *setup
	support func() *rehearsal.Support
	readers sync.Pool // of *rehearsal.Reader

	mu     sync.Mutex // guards what follows
	world  *world
	tokens *tokens
	quota  *quota
	stats  Stats
}

// New makes a server of an account. What happens by the clock begins now.
func New(a *rehearsal.Account, o Options) (*Server, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	now := o.Now()
	s := &Server{
		account: a,
		o:       o,
		setup:   newSetup(a, &o),
		support: sync.OnceValue(a.Support),
		world:   newWorld(a, o.Change, o.Quirks.Broken, now.UnixMilli()),
		tokens:  newTokens(&o, now),
		quota:   newQuota(&o),
		stats:   newStats(),
	}
	s.readers.New = func() any { return a.Reader(o.Files) }
	s.world.advance(now.UnixMilli())
	return s, nil
}

// lock takes the lock and lets everything happen that has happened by now.
func (s *Server) lock() (now time.Time, unlock func()) {
	now = s.o.Now()
	s.mu.Lock()
	s.world.advance(now.UnixMilli())
	return now, s.mu.Unlock
}

// Touch tags chat i now, and reports false if there is none, or none any more.
func (s *Server) Touch(i int64) bool {
	now, unlock := s.lock()
	defer unlock()
	return s.world.alter(i, now.UnixMilli(), false)
}

// Delete deletes chat i now, and reports false if there is none, or none any more.
func (s *Server) Delete(i int64) bool {
	now, unlock := s.lock()
	defer unlock()
	return s.world.alter(i, now.UnixMilli(), true)
}

// Insert lets n chats come to light now. They are numbered on from the last.
func (s *Server) Insert(n int) {
	now, unlock := s.lock()
	defer unlock()
	for range n {
		s.world.insert(now.UnixMilli())
	}
}

// Remove removes object i of a Stream of the account's configuration, and reports false if there is none.
func (s *Server) Remove(stream chatferry.Stream, i int) bool { return s.setup.remove(stream, i) }

// Storm touches n chats, as far as there are so many, all now.
func (s *Server) Storm(n int) {
	now, unlock := s.lock()
	defer unlock()
	s.world.storm(n, now.UnixMilli())
}

// Chats returns how many chats there ever were. Their numbers are those below.
func (s *Server) Chats() int64 {
	_, unlock := s.lock()
	defer unlock()
	return int64(len(s.world.facts))
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now, unlock := s.lock()
	c := &call{s: s, r: r, now: now, query: r.URL.Query()}
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	serve, bad := s.admit(c)
	unlock()
	if bad == nil {
		bad = serve(c)
	}
	if bad != nil {
		c.fail(bad)
	}
	_, unlock = s.lock()
	s.stats.count(c.endpoint, c.status)
	unlock()
	c.send(w)
}

// admit finds out what is asked for and whether it may be. It is called with the lock held.
func (s *Server) admit(c *call) (handler, *failure) {
	serve := c.route()
	switch c.zone {
	case zoneToken, zoneFiles:
		return serve, nil
	case zoneNowhere:
		return nil, notFound("there is nothing at this address")
	}
	s.stats.tick(c.now)
	if bad := s.tokens.check(c, &s.stats); bad != nil {
		return nil, bad
	}
	if bad := s.quota.take(c); bad != nil {
		s.stats.Refused++
		return nil, bad
	}
	switch {
	case serve == nil:
		return nil, notFound("there is no such resource")
	case c.r.Method != http.MethodGet && c.r.Method != http.MethodHead:
		s.stats.Writes++
		return nil, &failure{status: http.StatusMethodNotAllowed, code: "method_not_allowed", description: "the account is read only"}
	}
	return serve, nil
}

// reader borrows a Reader; done gives it back.
func (s *Server) reader() (r *rehearsal.Reader, done func()) {
	r = s.readers.Get().(*rehearsal.Reader)
	return r, func() { s.readers.Put(r) }
}
