package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/identity"
	"chatferry/extract/api"
)

// standing is what can be told of an account from outside. Each run enters it in its run-open, and compares it with that of
// the runs before: an upgrade in the middle gives agents and departments other ids, and another account has no place in the
// dataset at all. What is not known is "" and may be anything.
type standing struct {
	account string // fingerprint of package api
	kind    string
	root    string // where it answers

	from      string // what it was known by before a person said that it moved; "": it did not move with this run
	anyNumber bool   // a person has said that its chats have several numbers
}

// moved reports whether a person has said so in this call.
func (s standing) moved() bool { return s.from != "" }

// String is how a person would say it.
func (s standing) String() string {
	text := "account " + s.account
	if s.kind != "" {
		text += ", " + s.kind
	}
	if s.root != "" {
		text += ", at " + s.root
	}
	return text
}

// tell enters it in the scope of a run-open.
func (s standing) tell(scope map[string]string) {
	for key, value := range map[string]string{
		identity.ScopeAccount: s.account, identity.ScopeKind: s.kind, identity.ScopeRoot: s.root, identity.ScopeMoved: s.from,
	} {
		if value != "" {
			scope[key] = value
		}
	}
	if s.anyNumber {
		scope[identity.ScopeNumbers] = identity.AnyNumber
	}
}

// standingBefore is what the runs before knew last. An account without chats is known by its key, and so is a dump; such a
// fingerprint never takes the place of a number.
func standingBefore(d *checkpoint.Dataset) (s standing, key string) {
	if d == nil {
		return s, ""
	}
	for i := range d.Shards { // runs of earlier versions tell nothing
		if r := d.Shards[i].Shard.API; r != nil && api.IsKnown(r.Account) && !api.IsKey(r.Account) {
			s.account = r.Account
		}
	}
	for _, r := range d.Runs() {
		if a := r.Scope[identity.ScopeAccount]; api.IsKey(a) {
			key = a
		} else if api.IsKnown(a) {
			s.account = a
		}
		if k := r.Scope[identity.ScopeKind]; k != "" {
			s.kind = k
		}
		if at := r.Scope[identity.ScopeRoot]; at != "" {
			s.root = at
		}
		s.anyNumber = s.anyNumber || r.Scope[identity.ScopeNumbers] == identity.AnyNumber
	}
	return s, key
}

// formerly returns the fingerprints that a person has said to be of the account that answers.
func (c *carriage) formerly(already []checkpoint.ShardState) []string {
	switch {
	case c.before == nil:
		return nil
	case bool(c.AccountMoved):
		return fingerprints(c.before, already)
	}
	return identity.Formerly(c.before)
}

// fingerprints are all by which a dataset's account was known.
func fingerprints(d *checkpoint.Dataset, shards []checkpoint.ShardState) []string {
	all := identity.Formerly(d)
	for i := range shards {
		if r := shards[i].Shard.API; r != nil && !slices.Contains(all, r.Account) {
			all = append(all, r.Account)
		}
	}
	was, key := standingBefore(d)
	for _, a := range []string{was.account, key} {
		if a != "" && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// admit compares the account that answers with the one that the dataset was read from so far. One that differs is an error
// of KindIncompatible that names both, unless a person has said that it is the same. Said of one that does not differ, it
// means that its chats have several numbers.
func (c *carriage) admit(here standing) (standing, error) {
	was, key := standingBefore(c.before)
	if api.IsKey(here.account) && key != "" {
		was.account = key
	}
	here.anyNumber = was.anyNumber
	var differs []string
	if api.SameAccount(was.account, here.account) != nil {
		differs = append(differs, "another account answers")
	}
	if was.kind != "" && here.kind != "" && was.kind != here.kind {
		differs = append(differs, "the account was "+was.kind+" and is "+here.kind+" now")
	}
	if was.root != "" && here.root != "" && was.root != here.root {
		differs = append(differs, "it answers at another address")
	}
	switch {
	case len(differs) == 0 && bool(c.AccountMoved) && c.before != nil:
		here.anyNumber = true
		return here, nil
	case len(differs) == 0:
		return here, nil
	case bool(c.AccountMoved):
		here.from = strings.Join(fingerprints(c.before, c.before.Shards), ",")
		c.log.Warn("the account has moved, as you said", "from", was.String(), "to", here.String())
		return here, nil
	}
	return here, &chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "open account",
		Err: fmt.Errorf("the dataset was read from %s, but %s answers: %s", was, here, strings.Join(differs, "; ")),
		Hint: "nothing was read or written; if it is the same account, upgraded or at its new address, run the same command again " +
			"with --account-moved, and the dataset keeps what is from before and from behind apart",
	}
}

// plainRoot is a root as runs compare it: a server on this machine gets another port each time.
func plainRoot(root string) string {
	u, err := url.Parse(root)
	if err != nil {
		return root
	}
	if isLoopback(u.Hostname()) {
		return u.Hostname() + u.Path
	}
	return u.Host + u.Path
}

// comeBack goes back to the root that the runs before read from, if the account answered elsewhere only since that one did
// not at the moment. Where it does not answer for good, the account has moved, and that is for admit to say.
func (a *accountSupply) comeBack(ctx context.Context) error {
	was, _ := standingBefore(a.c.before)
	if was.root == "" || plainRoot(a.client.Root()) == was.root || bool(a.c.AccountMoved) {
		return nil
	}
	for _, root := range a.roots {
		for _, path := range []string{"", "/api/v2/chat", "/api/v2"} {
			if plainRoot(root+path) != was.root {
				continue
			}
			client, err := a.c.dial(ctx, []string{root + path}, a.tokens)
			switch {
			case err == nil:
				a.client.Close()
				a.client = client
				return nil
			case ctx.Err() != nil || chatferry.KindOf(err) == chatferry.KindTemporary:
				return err
			}
		}
	}
	return nil
}

// stillIs returns an error of KindIncompatible if the account was upgraded while it was read. An upgrade usually kills the
// token, which ends the run before; this is for one that does not.
func (a *accountSupply) stillIs(ctx context.Context) error {
	kind, err := api.KindOf(ctx, a.client)
	if err != nil || kind == "" || a.here.kind == "" || kind == a.here.kind {
		return err
	}
	return &chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "read account",
		Err: fmt.Errorf("account %s was %s when the run began and is %s now", a.here.account, a.here.kind, kind),
		Hint: "what was read is kept; look whether it was upgraded meanwhile, and run the same command again with --account-moved: " +
			"its agents and departments have other ids now",
	}
}

// readAgain returns Shards for the Streams that are read whole and were last read before the account moved.
func (a *accountSupply) readAgain(already []checkpoint.ShardState, next chatferry.ShardID) []chatferry.Shard {
	if a.c.before == nil {
		return nil
	}
	sides := identity.SidesOf(a.c.before)
	side := sides.Last()
	if a.here.moved() {
		side++
	}
	var added []chatferry.Shard
	whole := lastWhole(already)
	for _, stream := range a.streams() {
		last := whole[stream]
		if last == nil || !last.Done || sides.Of(last) == side {
			continue
		}
		r := last.Shard.API
		added = append(added, chatferry.Shard{ID: next, Stream: stream, API: &chatferry.Range{
			Endpoint: r.Endpoint, Account: a.here.account, Pass: r.Pass + 1, Begun: a.client.Now().UTC(),
		}})
		next++
	}
	return added
}

// identify finds out which account a dump is of, as far as its records of the Stream account tell.
func (d *dumpSupply) identify(ctx context.Context, added []chatferry.Shard) error {
	for i := range added {
		if added[i].Stream != chatferry.Account {
			continue
		}
		if err := d.identifyBy(ctx, &added[i]); err != nil {
			return err
		}
	}
	var err error
	d.here, err = d.c.admit(d.here)
	return err
}

// identifyBy reads the records of one Shard, which are few: each night of a dump has one.
func (d *dumpSupply) identifyBy(ctx context.Context, shard *chatferry.Shard) error {
	r, err := d.Open(ctx, shard, "")
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		page, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range page.Records {
			if err == nil {
				err = d.isOf(api.AccountKey(page.Records[i].Raw), shard.Place(page.Records[i].Offset))
			}
		}
		page.Release()
		if err != nil {
			return err
		}
	}
}

// isOf takes in the key of one record, which may be "".
func (d *dumpSupply) isOf(key, place string) error {
	if key == "" {
		return nil
	}
	account := api.KeyFingerprint(key)
	if was := d.here.account; was != "" && was != account && !bool(d.c.AccountMoved) {
		return &chatferry.Error{
			Kind: chatferry.KindIncompatible, Op: "open the dump", Place: place,
			Err:  fmt.Errorf("it is of account %s, and what was listed before it is of account %s", account, was),
			Hint: "carry the dumps of different accounts into different datasets; if it is one account, add --account-moved",
		}
	}
	d.here.account = account
	return nil
}
