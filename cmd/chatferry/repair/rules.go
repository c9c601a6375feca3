package repair

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"chatferry"
)

// maxFile is how large a file of rules may be: it is kept in the dataset's log.
const maxFile = 64 << 10

// Rules are the rules of a file.
type Rules struct {
	Text   string
	SHA256 chatferry.SHA256

	rules []rule
}

// rule is one of the rules as it is written.
type rule struct {
	For           matcher           `json:"for"`
	InvalidUTF8   string            `json:"invalid_utf8"`
	Replace       []replacement     `json:"text"`
	Append        string            `json:"append"`
	ToExtra       []string          `json:"to_extra"`
	DuplicateKeys string            `json:"duplicate_keys"`
	Patch         []json.RawMessage `json:"patch"`
	CSVHeader     string            `json:"csv_header"`

	number int // in the file, from 1
	patch  jsonpatch.Patch
	places *regexp.Regexp
	used   bool
}

// matcher says which records a rule is for; what is empty means all.
type matcher struct {
	Stream chatferry.Stream `json:"stream"`
	Code   chatferry.Code   `json:"code"`
	Place  string           `json:"place"` // a * stands for any text
}

type replacement struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// Parse reads a file of rules.
func Parse(text []byte) (*Rules, error) {
	switch {
	case len(text) > maxFile:
		return nil, fmt.Errorf("it is longer than %d KiB", maxFile>>10)
	case !utf8.Valid(text):
		return nil, errors.New("it is not UTF-8")
	}
	asJSON := text
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		var err error
		if asJSON, err = fromYAML(text); err != nil {
			return nil, err
		}
	}
	var file struct {
		Rules []rule `json:"rules"`
	}
	dec := json.NewDecoder(bytes.NewReader(asJSON))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("it cannot be read as rules: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something stands behind the rules")
	}
	if len(file.Rules) == 0 {
		return nil, errors.New("it has no rules")
	}
	r := &Rules{Text: string(text), SHA256: sha256.Sum256(text), rules: file.Rules}
	for i := range r.rules {
		r.rules[i].number = i + 1
		if err := r.rules[i].prepare(); err != nil {
			return nil, fmt.Errorf("%s: %w", r.rules[i].name(), err)
		}
	}
	return r, nil
}

// prepare checks a rule.
func (r *rule) prepare() error {
	switch {
	case r.For.Stream != "" && !r.For.Stream.Known():
		return fmt.Errorf("there is no stream %q", r.For.Stream)
	case r.For.Code != "" && chatferry.Codes[r.For.Code] == "":
		return fmt.Errorf("there is no code %q; the codes are %s", r.For.Code, joined(slices.Sorted(maps.Keys(chatferry.Codes))))
	case r.InvalidUTF8 != "" && r.InvalidUTF8 != "replace":
		return fmt.Errorf("invalid_utf8 is %q, it can be replace", r.InvalidUTF8)
	case r.DuplicateKeys != "" && r.DuplicateKeys != "first" && r.DuplicateKeys != "last":
		return fmt.Errorf("duplicate_keys is %q, it can be first or last", r.DuplicateKeys)
	case slices.ContainsFunc(r.Replace, func(t replacement) bool { return t.Old == "" }):
		return errors.New("text has an old that is empty")
	case r.InvalidUTF8 == "" && len(r.Replace) == 0 && r.Append == "" && len(r.ToExtra) == 0 && r.DuplicateKeys == "" && len(r.Patch) == 0 && r.CSVHeader == "":
		return errors.New("it changes nothing")
	}
	parts := strings.Split(r.For.Place, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	r.places = regexp.MustCompile(`\A` + strings.Join(parts, `(?s:.*)`) + `\z`)
	if len(r.Patch) == 0 {
		return nil
	}
	text, err := json.Marshal(r.Patch)
	if err != nil {
		return err
	}
	if r.patch, err = jsonpatch.DecodePatch(text); err != nil {
		return fmt.Errorf("its patch cannot be read: %w", err)
	}
	return nil
}

// name names a rule for a person.
func (r *rule) name() string {
	var about []string
	for _, a := range []struct{ what, value string }{{"stream", string(r.For.Stream)}, {"code", string(r.For.Code)}, {"place", r.For.Place}} {
		if a.value != "" {
			about = append(about, a.what+" "+a.value)
		}
	}
	if len(about) == 0 {
		return fmt.Sprintf("rule %d, for all records", r.number)
	}
	return fmt.Sprintf("rule %d, for %s", r.number, strings.Join(about, ", "))
}

func (r *rule) matches(reject *chatferry.Reject) bool {
	return (r.For.Stream == "" || r.For.Stream == reject.Stream) && (r.For.Code == "" || r.For.Code == reject.Code) &&
		(r.For.Place == "" || r.places.MatchString(reject.Place))
}

// Match reports whether a rule is for a record.
func (r *Rules) Match(reject *chatferry.Reject) bool {
	return slices.ContainsFunc(r.rules, func(one rule) bool { return one.matches(reject) })
}

// Unused names the first rule that was applied to no record; nil: there is none.
func (r *Rules) Unused() error {
	for i := range r.rules {
		if !r.rules[i].used {
			return fmt.Errorf("%s: nothing like that is in quarantine, or is meant", r.rules[i].name())
		}
	}
	return nil
}

func joined(codes []chatferry.Code) string {
	var b strings.Builder
	for i, c := range codes {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(c))
	}
	return b.String()
}
