package faults

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"chatferry"
)

// Rule says what goes wrong where. The zero value of each field but Kind sets no bound.
type Rule struct {
	Kind Kind
	// Page is which page of an endpoint it happens to. Pages are counted by what is asked: the same request again, as when
	// a client tries once more, is the same page.
	Page Page
	// Share is the share of answers that it happens to, drawn for each by itself; 0 is all.
	Share float64
	// Path is the endpoint, as "incremental/chats", or the beginning of several, as "incremental". "chats?ids" are the
	// chats asked for by id. "" is every endpoint of the API; oauth2/token and attachments have to be named.
	Path string
	// Times is how often it happens at most; 0 is once for a single page and Status401Once, else without end.
	Times int
}

// Page is the number of a page, from 1, or one of the following.
type Page int

// Pages whose number is not known beforehand.
const (
	AnyPage   Page = 0
	FirstPage Page = 1
	// MiddlePage is one that is neither the first nor the last.
	MiddlePage Page = -1
	// LastPage is one that holds fewer records than were asked for, or has no next.
	LastPage Page = -2
)

// noise is the share of answers that are hit when the text of a rule does not say.
const noise = 0.05

var pageNames = map[Page]string{FirstPage: "first", MiddlePage: "middle", LastPage: "last"}

// Parse reads rules, separated by commas. A rule is a Kind and, each behind an @, where and how often: first, middle,
// last or the number of a page; a share as 5%; always; x3 for at most three times; an endpoint as incremental/chats.
//
//	429-seconds@5%,reset-body@first,403@oauth/clients,500@2@incremental/chats@x3
func Parse(text string) ([]Rule, error) {
	var rules []Rule
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		r, err := parseRule(word)
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func parseRule(word string) (Rule, error) {
	name, rest, _ := strings.Cut(word, "@")
	known := specOf(Kind(name))
	if known == nil {
		return Rule{}, unknownKind(name)
	}
	r := Rule{Kind: known.Kind}
	often := known.Standing
	if rest != "" || strings.HasSuffix(word, "@") {
		for part := range strings.SplitSeq(rest, "@") {
			settles, err := r.read(part)
			if err != nil {
				return Rule{}, usage("write for example 429-seconds@5%, 500@first or 403@oauth/clients", "fault %q: %w", word, err)
			}
			often = often || settles
		}
	}
	if !often {
		r.Share = noise
	}
	return r, nil
}

// read reads one part of a rule, and reports whether it says how often the rule applies.
func (r *Rule) read(part string) (often bool, err error) {
	for page, name := range pageNames {
		if part == name {
			r.Page = page
			return true, nil
		}
	}
	if part == "always" {
		return true, nil
	}
	if number, ok := strings.CutSuffix(part, "%"); ok {
		p, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(p) || p <= 0 || p > 100 {
			return false, fmt.Errorf("%q is not a share above 0%% and up to 100%%", part)
		}
		r.Share = p / 100
		return true, nil
	}
	if number, ok := strings.CutPrefix(part, "x"); ok {
		if n, err := strconv.Atoi(number); err == nil {
			if n < 1 {
				return false, fmt.Errorf("%q is not a number of times", part)
			}
			r.Times = n
			return true, nil
		}
	}
	if n, err := strconv.Atoi(part); err == nil {
		if n < 1 {
			return false, fmt.Errorf("%q is not the number of a page; pages are counted from 1", part)
		}
		r.Page = Page(n)
		return true, nil
	}
	if r.Path = strings.Trim(part, "/"); r.Path == "" {
		return false, fmt.Errorf("there is nothing behind an @")
	}
	return false, nil
}

// String writes the rule so that Parse reads it back the same.
func (r Rule) String() string {
	parts := []string{string(r.Kind)}
	if name, ok := pageNames[r.Page]; ok {
		parts = append(parts, name)
	} else if r.Page != AnyPage {
		parts = append(parts, strconv.Itoa(int(r.Page)))
	}
	if r.Share != 0 {
		parts = append(parts, strconv.FormatFloat(r.Share*100, 'f', -1, 64)+"%")
	}
	if r.Path != "" {
		parts = append(parts, r.Path)
	}
	if r.Times != 0 {
		parts = append(parts, "x"+strconv.Itoa(r.Times))
	}
	if r.Page == AnyPage && r.Share == 0 && r.Times == 0 {
		parts = append(parts, "always")
	}
	return strings.Join(parts, "@")
}

// validate refuses what no text could say.
func (r *Rule) validate() error {
	switch {
	case specOf(r.Kind) == nil:
		return unknownKind(string(r.Kind))
	case r.Page < LastPage:
		return usage("count pages from 1", "fault %s: there is no page %d", r.Kind, int(r.Page))
	case r.Share < 0 || r.Share > 1 || math.IsNaN(r.Share):
		return usage("give a share between 0 and 1", "fault %s: a share of %v", r.Kind, r.Share)
	case r.Times < 0:
		return usage("give a number of times, or 0 for no end", "fault %s: %d times", r.Kind, r.Times)
	}
	return nil
}

// limit is how often the rule applies at most; 0: without end.
func (r *Rule) limit() int {
	if r.Times == 0 && (r.Page != AnyPage || r.Kind == Status401Once) {
		return 1
	}
	return r.Times
}

func unknownKind(name string) error {
	names := make([]string, len(specs))
	for i := range specs {
		names[i] = string(specs[i].Kind)
	}
	return usage("the kinds are "+strings.Join(names, ", "), "fault %q is not known", name)
}

func usage(hint, format string, args ...any) error {
	return chatferry.Errorf(chatferry.KindUsage, hint, format, args...)
}
