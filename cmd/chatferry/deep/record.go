package deep

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"chatferry"
	"chatferry/transform"
)

// valueOf reads a record of the source.
func valueOf(stream chatferry.Stream, raw, header []byte) (*value, error) {
	if stream.CSV() {
		if !utf8.Valid(raw) {
			return nil, errNotUTF8
		}
		return parseRow(header, raw)
	}
	v, err := parse(raw)
	if err != nil {
		return nil, err
	}
	if v.kind != '{' {
		return nil, errors.New("it is not an object")
	}
	if stream.Secret() {
		v = v.without(secrets)
	}
	return v, nil
}

// secrets are the members that no dataset holds, of Streams that have some.
var secrets = []string{"client_secret", "access_token", "refresh_token"}

// idOf names a record by its key, as far as the source gives it one.
func idOf(stream chatferry.Stream, v *value) string {
	key := transform.KeyOf(stream)
	var words []string
	for _, name := range append(slices.Clone(key.Columns), key.Else) {
		if m := v.member(name); m != nil && (m.kind == '"' || m.kind == '0') && (name != key.Else || len(words) == 0) {
			words = append(words, m.text)
		}
	}
	return strings.Join(words, "|")
}

// code is a chatferry.Code that can be looked into again.
type code uint8

const (
	otherCode code = iota
	syntaxCode
	utf8Code
	objectCode
)

func codeOf(c chatferry.Code) code {
	switch c {
	case chatferry.CodeSyntax:
		return syntaxCode
	case chatferry.CodeUTF8:
		return utf8Code
	case chatferry.CodeNotObject:
		return objectCode
	}
	return otherCode
}

// undeserved says why a record should not be in quarantine, "" if it should.
func undeserved(c code, stream chatferry.Stream, raw []byte) string {
	switch {
	case c == syntaxCode && json.Valid(raw):
		return "it is in quarantine for not being JSON, but it is JSON"
	case c == utf8Code && utf8.Valid(raw):
		return "it is in quarantine for not being UTF-8, but it is UTF-8"
	case c == objectCode && !stream.CSV() && json.Valid(raw) && bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")):
		return "it is in quarantine for not being an object, but it is one"
	}
	return ""
}
