package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"chatferry"
)

// mostTokenFile is the longest token file that is read.
const mostTokenFile = 64 << 10

// pair is what a token file holds: a plain token, or a JSON object with an access token and what renews it. Members that
// are not known here are kept when the file is written anew.
type pair struct {
	members map[string]json.RawMessage // nil: a plain token

	access       Secret // empty: the first one is still to be got
	refresh      Secret
	clientID     string
	clientSecret Secret
	scope        string
	tokenURL     string
	expires      time.Time     // zero: unknown
	life         time.Duration // from being given to expires; 0: unknown
}

// The members of a token file.
const (
	memberAccess    = "access_token"
	memberRefresh   = "refresh_token"
	memberID        = "client_id"
	memberSecret    = "client_secret"
	memberScope     = "scope"
	memberURL       = "token_url"
	memberExpiresAt = "expires_at" // RFC 3339, or seconds of the epoch
	memberExpiresIn = "expires_in" // seconds
	memberReplaces  = "replaces"   // the fingerprint of the pair that this one was got with
)

// renewable reports whether a newer token can be got with what the file holds.
func (p *pair) renewable() bool {
	return p.members != nil && (!p.refresh.Empty() || p.clientID != "" && !p.clientSecret.Empty())
}

// fingerprint tells pairs apart without telling them.
func (p *pair) fingerprint() string {
	sum := sha256.Sum256([]byte(p.access.Reveal() + "\n" + p.refresh.Reveal()))
	return hex.EncodeToString(sum[:16])
}

// readPair reads a token file, which nobody but its owner may.
func readPair(path string) (*pair, fs.FileInfo, error) {
	fail := func(hint string, err error) (*pair, fs.FileInfo, error) {
		return nil, nil, &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "read the token file", Place: path, Err: err, Hint: hint}
	}
	f, err := os.Open(path)
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		return fail("name the file that holds the token with CHATFERRY_TOKEN_FILE", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fail("check the disk", err)
	}
	if !info.Mode().IsRegular() {
		return fail("name a regular file", errors.New("it is not a regular file"))
	}
	if othersMayRead(info.Mode()) {
		return fail("run `chmod 600 "+path+"`", fmt.Errorf("others than its owner have rights on it (mode %04o)", info.Mode().Perm()))
	}
	text, err := io.ReadAll(io.LimitReader(f, mostTokenFile+1))
	if err != nil {
		return fail("check the disk", err)
	}
	if len(text) > mostTokenFile {
		return fail("name the file that holds the token and nothing else", errors.New("it is far longer than a token"))
	}
	p, err := parsePair(text)
	if err != nil {
		return fail("put one token into it, or the JSON object of a token pair", err)
	}
	return p, info, nil
}

// parsePair reads the text of a token file. Its errors quote nothing of it.
func parsePair(text []byte) (*pair, error) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, byteOrderMark))
	if !bytes.HasPrefix(text, []byte("{")) {
		token, err := checkToken(string(text), "the file")
		if err != nil {
			return nil, err
		}
		return &pair{access: token}, nil
	}
	p := &pair{}
	if json.Unmarshal(text, &p.members) != nil {
		return nil, errors.New("it begins like a JSON object, but is none")
	}
	words := map[string]string{}
	for _, name := range []string{memberAccess, memberRefresh, memberID, memberSecret, memberScope, memberURL} {
		raw, ok := p.members[name]
		if !ok || string(raw) == "null" {
			continue
		}
		var word string
		if json.Unmarshal(raw, &word) != nil {
			// A client's id may be a number.
			if number := json.Number(""); json.Unmarshal(raw, &number) != nil {
				return nil, fmt.Errorf("its member %s is not a text", name)
			}
			word = string(raw)
		}
		words[name] = word
	}
	for _, name := range []string{memberAccess, memberRefresh} {
		if words[name] == "" {
			continue
		}
		token, err := checkToken(words[name], "its member "+name)
		if err != nil {
			return nil, err
		}
		words[name] = token.Reveal()
	}
	p.access, p.refresh = NewSecret(words[memberAccess]), NewSecret(words[memberRefresh])
	p.clientID, p.clientSecret = words[memberID], NewSecret(words[memberSecret])
	p.scope, p.tokenURL = words[memberScope], words[memberURL]
	if seconds, ok := number(p.members[memberExpiresIn]); ok && seconds > 0 {
		p.life = time.Duration(min(seconds, farthest.Seconds()) * float64(time.Second))
	}
	p.expires = instant(p.members[memberExpiresAt])
	if p.access.Empty() && !p.renewable() {
		return nil, errors.New("it holds neither an access_token nor what one could be got with")
	}
	return p, nil
}

// number reads a number that may be written as a text.
func number(raw json.RawMessage) (float64, bool) {
	text := string(bytes.Trim(raw, `"`))
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && n == n
}

// instant reads a time; the zero time if it cannot.
func instant(raw json.RawMessage) time.Time {
	if seconds, ok := number(raw); ok {
		if !(seconds > 0 && seconds < 1e11) {
			return time.Time{}
		}
		return time.Unix(int64(seconds), 0)
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// succeededBy is the text of the file that replaces p's once a grant was made.
func (p *pair) succeededBy(g *grant) ([]byte, error) {
	members := map[string]any{}
	for name, raw := range p.members {
		members[name] = raw
	}
	members[memberAccess] = g.access.Reveal()
	if !g.refresh.Empty() {
		members[memberRefresh] = g.refresh.Reveal()
	}
	delete(members, memberExpiresIn)
	delete(members, memberExpiresAt)
	if g.life > 0 {
		members[memberExpiresIn] = int64(g.life / time.Second)
		members[memberExpiresAt] = g.given.Add(g.life).UTC().Format(time.RFC3339)
	}
	members[memberReplaces] = p.fingerprint()
	text, err := json.MarshalIndent(members, "", "  ")
	return append(text, '\n'), err
}

// A rotation writes the new pair beside the file, under this ending, before it takes the file's name.
const newEnding = ".new"

// reserve makes the file that the new pair will be written to, with room for it, so that neither a full disk nor a
// missing right is found out after the old pair is void.
func reserve(path string) (*os.File, error) {
	f, err := os.OpenFile(path+newEnding, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err = f.Write(bytes.Repeat([]byte(" "), mostTokenFile)); err == nil {
		err = f.Sync()
	}
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, err
	}
	return f, nil
}

// writeReserved makes the text durable in a reserved file.
func writeReserved(f *os.File, text []byte) error {
	_, err := f.WriteAt(text, 0)
	if err == nil {
		err = f.Truncate(int64(len(text)))
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// settleNew ends what a rotation that was killed left behind: a whole new pair that was got with the present one takes its
// place, anything else is removed. Only the holder of the lock may call it.
func settleNew(path string) error {
	text, err := os.ReadFile(path + newEnding)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	next, err := parsePair(text)
	if err == nil {
		var replaces string
		_ = json.Unmarshal(next.members[memberReplaces], &replaces)
		if now, _, err := readPair(path); err == nil && replaces == now.fingerprint() {
			return publish(path)
		}
	}
	return os.Remove(path + newEnding)
}

// publish gives the new pair the file's name, durably.
func publish(path string) error {
	if err := os.Rename(path+newEnding, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}
