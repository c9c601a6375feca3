package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"chatferry"
)

// TokenSource gives the access token. Its methods may be called by several Lanes at once.
type TokenSource interface {
	// Token gives the token to use now. It is asked before every request.
	Token(ctx context.Context) (Secret, error)
	// Renew is told that the API refuses a token, and gives another. Callers that were refused together share one
	// renewal. Without another token it returns the old one, or an error of its own.
	Renew(ctx context.Context, refused Secret) (Secret, error)
	// Advice says how a person gets a new token to this source.
	Advice() string
}

// makeToken is where tokens come from.
const makeToken = "make a new token (Chat dashboard > Settings > Account > API & SDKs, or Admin Center > Apps and integrations)"

// checkToken refuses what cannot be sent in a header. White space around a token comes from editors and shells.
func checkToken(text, place string) (Secret, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Secret{}, chatferry.Errorf(chatferry.KindEnvironment, "put the token into it", "%s holds no token", place)
	}
	for _, r := range text {
		if r <= ' ' || r >= 0x7f {
			return Secret{}, chatferry.Errorf(chatferry.KindEnvironment, "copy the token anew, without anything around it",
				"the token of %s has white space or letters inside that no token has", place)
		}
	}
	return NewSecret(text), nil
}

// StaticToken is a TokenSource of one token.
func StaticToken(token Secret) (TokenSource, error) {
	t, err := checkToken(token.Reveal(), "CHATFERRY_TOKEN")
	if err != nil {
		return nil, err
	}
	return staticToken{t}, nil
}

type staticToken struct{ token Secret }

func (s staticToken) Token(context.Context) (Secret, error)         { return s.token, nil }
func (s staticToken) Renew(context.Context, Secret) (Secret, error) { return s.token, nil }
func (s staticToken) Advice() string {
	return makeToken + ", set CHATFERRY_TOKEN, and run `chatferry resume ROOT`"
}

const (
	commandLimit = 60 * time.Second
	mostOutput   = 64 << 10
)

// CommandToken is a TokenSource of what a command prints. `sh -c` runs it, so that it may be a pipe, when the first token
// is needed and again when that is refused.
func CommandToken(line string) TokenSource {
	return &commandToken{line: line, turn: make(chan struct{}, 1)}
}

type commandToken struct {
	line string
	turn chan struct{}
	have Secret // under turn
}

func (s *commandToken) Token(ctx context.Context) (Secret, error) { return s.newer(ctx, Secret{}) }

func (s *commandToken) Renew(ctx context.Context, refused Secret) (Secret, error) {
	return s.newer(ctx, refused)
}

func (s *commandToken) Advice() string {
	return "see that the command of CHATFERRY_TOKEN_COMMAND prints a token that is valid, and run `chatferry resume ROOT`"
}

// newer runs the command unless there is a token other than the refused one.
func (s *commandToken) newer(ctx context.Context, refused Secret) (Secret, error) {
	if err := hold(ctx, s.turn); err != nil {
		return Secret{}, err
	}
	defer func() { <-s.turn }()
	if !s.have.Empty() && !s.have.Equal(refused) {
		return s.have, nil
	}
	text, err := s.run(ctx)
	if err != nil {
		return Secret{}, err
	}
	token, err := checkToken(text, "the command of CHATFERRY_TOKEN_COMMAND")
	if err != nil {
		return Secret{}, err
	}
	s.have = token
	return token, nil
}

func (s *commandToken) run(ctx context.Context) (string, error) {
	limited, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	out, said := bounded{over: cancel}, bounded{}
	cmd := exec.CommandContext(limited, "sh", "-c", s.line)
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.WaitDelay = 5 * time.Second
	OwnGroup(cmd)
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case out.cut:
		err = errors.New("it printed far more than a token")
	case limited.Err() != nil:
		err = fmt.Errorf("it did not end within %s", commandLimit)
	case err == nil:
		return out.kept.String(), nil
	}
	// What it printed may be the token; what it complained about may quote that.
	if complaint := quote(said.kept.String(), strings.Fields(out.kept.String())...); complaint != "" {
		err = fmt.Errorf("%w: %s", err, complaint)
	}
	return "", &chatferry.Error{
		Kind: chatferry.KindEnvironment, Op: "run the command of CHATFERRY_TOKEN_COMMAND", Err: err,
		Hint: "run it by hand: it must print the token and nothing else",
	}
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	kept bytes.Buffer // not embedded: its ReadFrom would know no bound
	cut  bool
	over func() // called when there is more; may be nil
}

func (b *bounded) Write(p []byte) (int, error) {
	room := mostOutput - b.kept.Len()
	b.cut = b.cut || len(p) > room
	b.kept.Write(p[:min(room, len(p))])
	if b.cut && b.over != nil {
		b.over()
	}
	return len(p), nil
}

// hold takes a turn, which a mutex would not let go of when ctx ends.
func hold(ctx context.Context, turn chan struct{}) error {
	select {
	case turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// bearer watches over the tokens of one Client.
type bearer struct {
	source  TokenSource
	rotated atomic.Int64

	mu    sync.Mutex
	given Secret // the last one that went out
	fresh Secret // what a renewal gave, as long as no answer proved it
}

func (b *bearer) token(ctx context.Context) (Secret, error) {
	token, err := b.source.Token(ctx)
	if err != nil {
		return Secret{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.given.Equal(token) {
		if !b.given.Empty() {
			b.rotated.Add(1)
		}
		b.given = token
	}
	return token, nil
}

// proves takes note that the API accepts a token.
func (b *bearer) proves(token Secret) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fresh.Equal(token) {
		b.fresh = Secret{}
	}
}

// renew gets another token after a refusal. A token that was refused although it is fresh from a renewal ends the run:
// renewing in a circle would only lock the account out.
func (b *bearer) renew(ctx context.Context, refused Secret, why error) error {
	b.mu.Lock()
	fresh := b.fresh.Equal(refused)
	b.mu.Unlock()
	if fresh {
		return b.refusal(why)
	}
	token, err := b.source.Renew(ctx, refused)
	if err != nil {
		return err
	}
	if token.Equal(refused) {
		return b.refusal(why)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fresh = token
	return nil
}

// refusal is the error that ends a run whose token is not accepted.
func (b *bearer) refusal(why error) error {
	return &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "authorise", Err: unauthorised{why}, Hint: b.source.Advice()}
}

// unauthorised marks an error after which nothing works until a person has authorised chatferry anew.
type unauthorised struct{ error }

func (u unauthorised) Unwrap() error { return u.error }

// NeedsAuthorisation reports whether err says that the account is not read any further with the token that there is.
func NeedsAuthorisation(err error) bool { return errors.As(err, new(unauthorised)) }
