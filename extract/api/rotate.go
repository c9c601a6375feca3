package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"chatferry"
)

const (
	// renewAt is the share of a token's life after which it is replaced, before requests are refused for it.
	renewAt = 0.8
	// leastMargin is kept before the end of a token whose life is not known.
	leastMargin = 5 * time.Minute
	// putOff is how long a renewal that failed is put off while the token is still good.
	putOff = time.Minute

	lockPoll  = 50 * time.Millisecond
	lockLimit = 5 * time.Minute
)

// FileToken is a TokenSource of a file that nobody but its owner may read. It is read again when it changes.
//
// The file holds a token, or a JSON object with access_token and what newer ones are got with: refresh_token, or
// client_id and client_secret; expires_at, expires_in, scope and token_url may stand beside them. Such a pair is renewed
// at 80 % of its life and when it is refused, and the file then holds the new one. The API voids the old pair when it
// gives the new one, so this is the order of a renewal, and each step may be the last one of a process that is killed:
//
//	lock FILE.lock; take up a FILE.new that a killed process left; read FILE: another process may have renewed it
//	make FILE.new with room for a pair, durably       killed here: the old pair is good
//	ask the token endpoint                            killed here: the old pair may be void, nobody can know the new one
//	write the new pair to FILE.new, durably           killed here: the next process takes FILE.new up
//	rename it to FILE, durably; only then use it
func FileToken(path string) TokenSource {
	return &fileToken{path: path, turn: make(chan struct{}, 1), step: func(string) {}}
}

type fileToken struct {
	path   string
	client *Client // asks the token endpoint
	step   func(name string)

	turn    chan struct{} // held by whoever uses what follows: concurrent renewals become one
	have    *pair
	seen    fs.FileInfo
	due     time.Time // when to renew; zero: only when refused
	expires time.Time // zero: unknown
	void    string    // fingerprint of the pair that renews nothing any more
}

// bind gives the source the Client whose limiter its requests go through.
func (s *fileToken) bind(c *Client) { s.client = c }

// Advice implements TokenSource.
func (s *fileToken) Advice() string {
	return "authorise again: " + makeToken + ", put it into " + s.path + ", and run `chatferry resume ROOT`"
}

// Token implements TokenSource.
func (s *fileToken) Token(ctx context.Context) (Secret, error) {
	if err := hold(ctx, s.turn); err != nil {
		return Secret{}, err
	}
	defer func() { <-s.turn }()
	if err := s.look(); err != nil && s.have == nil {
		return Secret{}, err
	}
	now := time.Now()
	must := s.have.access.Empty() || !s.expires.IsZero() && !now.Before(s.expires)
	if !s.have.renewable() || !must && (s.due.IsZero() || now.Before(s.due)) {
		return s.have.access, nil
	}
	err := s.renew(ctx, must)
	if err != nil && (must || ctx.Err() != nil) {
		return Secret{}, err
	}
	if err != nil {
		s.client.log.Warn("the token could not be renewed yet", "error", err)
		s.due = now.Add(putOff)
	}
	return s.have.access, nil
}

// Renew implements TokenSource.
func (s *fileToken) Renew(ctx context.Context, refused Secret) (Secret, error) {
	if err := hold(ctx, s.turn); err != nil {
		return Secret{}, err
	}
	defer func() { <-s.turn }()
	s.seen = nil
	if err := s.look(); err != nil {
		return Secret{}, err
	}
	if !s.have.access.Equal(refused) || !s.have.renewable() {
		return s.have.access, nil
	}
	if err := s.renew(ctx, true); err != nil {
		return Secret{}, err
	}
	return s.have.access, nil
}

// look reads the file if it changed.
func (s *fileToken) look() error {
	info, err := os.Stat(s.path)
	if err == nil && s.seen != nil && os.SameFile(info, s.seen) && info.ModTime().Equal(s.seen.ModTime()) && info.Size() == s.seen.Size() {
		return nil
	}
	p, info, err := readPair(s.path)
	if err != nil {
		return err
	}
	s.adopt(p, info)
	return nil
}

// adopt makes a pair the one in use. Its end is told by the wall clock, and from here on counted by the monotonic one.
func (s *fileToken) adopt(p *pair, info fs.FileInfo) {
	s.have, s.seen = p, info
	s.due, s.expires = time.Time{}, time.Time{}
	if p.expires.IsZero() {
		return
	}
	now := time.Now()
	left := p.expires.Sub(now)
	margin := time.Duration(float64(p.life) * (1 - renewAt))
	if p.life <= 0 {
		margin = min(leastMargin, time.Duration(float64(left)*(1-renewAt)))
	}
	s.expires, s.due = now.Add(left), now.Add(left-margin)
}

// renew replaces the pair by a newer one.
func (s *fileToken) renew(ctx context.Context, patient bool) error {
	if s.client == nil {
		return errors.New("the token is renewed only after the API was dialled")
	}
	// The file itself is replaced, not a symbolic link to it.
	path, err := filepath.EvalSymlinks(s.path)
	if err != nil {
		return s.explain("find", err)
	}
	unlock, err := s.lock(ctx, path)
	if err != nil {
		return err
	}
	defer unlock()
	s.step("locked")
	if err := settleNew(path); err != nil {
		return s.explain("end an earlier renewal of", err)
	}
	p, info, err := readPair(path)
	if err != nil {
		return err
	}
	if old := s.have.fingerprint(); p.fingerprint() != old {
		s.adopt(p, info)
		return nil
	}
	if s.void == p.fingerprint() {
		return s.voided(errVoid)
	}
	f, err := reserve(path)
	if err != nil {
		return s.explain("make room beside", err)
	}
	s.step("reserved")
	g, err := s.client.askGrant(ctx, p, patient)
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		if errors.Is(err, errVoid) {
			s.void = p.fingerprint()
			return s.voided(err)
		}
		return err
	}
	s.step("granted")
	text, err := p.succeededBy(g)
	if err == nil {
		err = writeReserved(f, text)
	}
	if err == nil {
		s.step("written")
		err = publish(path)
	}
	if err != nil {
		return &chatferry.Error{
			Kind: chatferry.KindEnvironment, Op: "keep the new token in", Place: s.path, Err: err,
			Hint: "the old token is void: " + s.Advice(),
		}
	}
	s.step("published")
	if p, info, err = readPair(path); err != nil {
		return err
	}
	s.adopt(p, info)
	s.client.log.Info("the token was renewed", "file", s.path, "good_for", g.life)
	return nil
}

// voided is the error when only a person can get a new pair.
func (s *fileToken) voided(err error) error {
	return &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "renew the token of", Place: s.path, Err: unauthorised{err}, Hint: s.Advice()}
}

func (s *fileToken) explain(what string, err error) error {
	return &chatferry.Error{
		Kind: chatferry.KindEnvironment, Op: what + " the token file", Place: s.path, Err: err,
		Hint: "the token pair is renewed in place: let this user write to the file and its folder",
	}
}

// lock keeps other processes that share the file from renewing it at the same time.
func (s *fileToken) lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, s.explain("lock", err)
	}
	for begun := time.Now(); ; {
		locked, err := tryLock(f)
		switch {
		case locked:
			return func() { f.Close() }, nil
		case err == nil && time.Since(begun) > lockLimit:
			err = fmt.Errorf("another process has held %s.lock for %s", path, lockLimit)
			fallthrough
		case err != nil:
			f.Close()
			return nil, s.explain("lock", err)
		}
		if err := Sleep(ctx, lockPoll); err != nil {
			f.Close()
			return nil, err
		}
	}
}
