package chatapi

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// tokens are who may ask. It is guarded by the server's lock.
type tokens struct {
	o       *Options
	seed    string
	access  map[string]time.Time // when each expires; zero: never
	refresh map[string]string    // the access token that each belongs to
	given   int
}

func newTokens(o *Options, now time.Time) *tokens {
	t := &tokens{o: o, seed: o.Token + o.RefreshToken, access: map[string]time.Time{}, refresh: map[string]string{}}
	t.access[o.Token] = t.expiry(now)
	if o.RefreshToken != "" {
		t.refresh[o.RefreshToken] = o.Token
	}
	return t
}

func (t *tokens) expiry(now time.Time) time.Time {
	if t.o.TokenTTL == 0 {
		return time.Time{}
	}
	return now.Add(t.o.TokenTTL)
}

// next makes a new token.
func (t *tokens) next(kind string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", t.seed, kind, t.given))
	return hex.EncodeToString(sum[:20])
}

// check says why the call may not be answered.
func (t *tokens) check(c *call, stats *Stats) *failure {
	refused := func(description string) *failure {
		return &failure{
			status: http.StatusUnauthorized, code: "invalid_token", description: description,
			header: http.Header{"Www-Authenticate": {`Bearer realm="chat"`}},
		}
	}
	if user, password, ok := c.r.BasicAuth(); ok {
		agent := c.s.setup.agent(user)
		if c.s.o.Kind == LegacyChatOnly && c.s.o.Quirks.BasicAllowed && agent != nil && password != "" {
			c.agentID = agent.id
			return nil
		}
		stats.WrongToken++
		return refused("this account cannot be read with a password")
	}
	token, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		stats.NoToken++
		return refused("an access token is needed")
	}
	expires, known := t.access[token]
	if !known || !expires.IsZero() && !c.now.Before(expires) {
		stats.WrongToken++
		return refused("the access token is not valid, or not any more")
	}
	if !slices.Contains(strings.Fields(t.o.Scopes), "read") {
		return forbidden("the token's scopes do not include read")
	}
	return nil
}

// giveToken answers POST /oauth2/token.
func giveToken(c *call) *failure {
	if c.r.Method != http.MethodPost {
		return &failure{status: http.StatusMethodNotAllowed, code: "invalid_request", description: "tokens are asked for by POST"}
	}
	if err := c.r.ParseForm(); err != nil {
		return badRequest("the form cannot be read")
	}
	c.header = http.Header{"Cache-Control": {"no-store"}}
	s := c.s
	_, unlock := s.lock()
	defer unlock()
	id, secret, ok := c.r.BasicAuth()
	if !ok {
		id, secret = c.r.PostForm.Get("client_id"), c.r.PostForm.Get("client_secret")
	}
	if s.o.ClientID != "" && id != s.o.ClientID || s.o.ClientSecret != "" && secret != s.o.ClientSecret {
		return &failure{status: http.StatusUnauthorized, code: "invalid_client", description: "the client is not known, or its secret is wrong"}
	}
	t := s.tokens
	switch grant := c.r.PostForm.Get("grant_type"); grant {
	case "refresh_token":
		old := c.r.PostForm.Get("refresh_token")
		access, known := t.refresh[old]
		if !known {
			return &failure{status: http.StatusBadRequest, code: "invalid_grant", description: "the refresh token is not valid, or was used"}
		}
		delete(t.refresh, old)
		delete(t.access, access)
		s.stats.Rotated++
		t.answer(c, true)
	case "client_credentials":
		if !s.o.Confidential {
			return &failure{status: http.StatusBadRequest, code: "unauthorized_client", description: "the client is public"}
		}
		t.answer(c, false)
	default:
		return &failure{status: http.StatusBadRequest, code: "unsupported_grant_type", description: "use refresh_token or client_credentials"}
	}
	return nil
}

// answer gives a new access token, with a refresh token or without.
func (t *tokens) answer(c *call, pair bool) {
	t.given++
	access := t.next("access")
	t.access[access] = t.expiry(c.now)
	c.text(`{"access_token":`)
	c.quoted(access)
	c.text(`,"token_type":"Bearer","scope":`)
	c.quoted(t.o.Scopes)
	if t.o.TokenTTL > 0 {
		c.text(`,"expires_in":`)
		c.number(int64(t.o.TokenTTL / time.Second))
	}
	if pair {
		refresh := t.next("refresh")
		t.refresh[refresh] = access
		c.text(`,"refresh_token":`)
		c.quoted(refresh)
	}
	c.text(`}`)
}

// RevokeToken takes all tokens away: every request is refused until SetToken.
func (s *Server) RevokeToken() {
	_, unlock := s.lock()
	defer unlock()
	clear(s.tokens.access)
	clear(s.tokens.refresh)
}

// SetToken makes t the only access token, valid from now on for Options.TokenTTL.
func (s *Server) SetToken(t string) {
	now, unlock := s.lock()
	defer unlock()
	clear(s.tokens.access)
	clear(s.tokens.refresh)
	s.tokens.access[t] = s.tokens.expiry(now)
}

// SetTokens makes a pair the only tokens, as if a person had authorised the client again.
func (s *Server) SetTokens(access, refresh string) {
	now, unlock := s.lock()
	defer unlock()
	clear(s.tokens.access)
	clear(s.tokens.refresh)
	s.tokens.access[access] = s.tokens.expiry(now)
	s.tokens.refresh[refresh] = access
}
