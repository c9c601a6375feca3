package chatapi

import (
	"strings"
	"time"
)

// query is what a search asks for: terms that must all hold.
type query struct {
	terms []term
	// nothing: no chat can match, which is how this search answers what it does not understand.
	nothing bool
}

// term is one condition. Of a range, from and to are inclusive; a zero time is open.
type term struct {
	field, value string
	from, to     time.Time
}

// deep reports whether the term is about more than type and time.
func (t *term) deep() bool {
	switch t.field {
	case "type", "timestamp", "end_timestamp":
		return false
	}
	return true
}

// parseQuery reads the language of search: field:value, field:"value", field:[A TO B] and "name", joined by AND.
func parseQuery(text string) (query, bool) {
	var q query
	joined := true // whether AND stands before the next term
	for {
		text = strings.TrimLeft(text, " \t\n")
		if text == "" {
			return q, !joined
		}
		if rest, ok := strings.CutPrefix(text, "AND"); ok && (rest == "" || rest[0] == ' ') {
			if joined {
				return q, false
			}
			joined, text = true, rest
			continue
		}
		var t term
		var ok bool
		if t, text, ok = cutTerm(text); !ok {
			return q, false
		}
		if !t.understood(&q) {
			q.nothing = true
		}
		q.terms = append(q.terms, t)
		joined = false
	}
}

// cutTerm cuts the first term off.
func cutTerm(text string) (t term, rest string, ok bool) {
	if text[0] != '"' {
		end := strings.IndexAny(text, ": ")
		if end < 0 || text[end] == ' ' {
			t.value, rest, _ = strings.Cut(text, " ")
			return t, rest, true
		}
		t.field, text = text[:end], text[end+1:]
	}
	switch {
	case text == "" || text[0] == ' ':
		return t, "", false
	case text[0] == '"':
		t.value, rest, ok = strings.Cut(text[1:], `"`)
		return t, rest, ok
	case text[0] == '[':
		t.value, rest, ok = strings.Cut(text[1:], `]`)
		t.value = "[" + t.value
		return t, rest, ok
	}
	t.value, rest, _ = strings.Cut(text, " ")
	return t, rest, true
}

// understood reads the values of a term; false if they mean nothing here.
func (t *term) understood(q *query) bool {
	switch t.field {
	case "type", "rating", "visitor_email", "agent", "agent_name", "agent_names", "":
		return !strings.HasPrefix(t.value, "[")
	case "timestamp", "end_timestamp":
		list, ok := strings.CutPrefix(t.value, "[")
		from, to, two := strings.Cut(list, " TO ")
		if !ok || !two {
			return false
		}
		var fromOK, toOK bool
		t.from, fromOK = parseBound(strings.TrimSpace(from), false)
		t.to, toOK = parseBound(strings.TrimSpace(to), true)
		return fromOK && toOK
	}
	return false
}

// parseBound reads a time without a zone. One with a zone is not understood, which is a fault of the search that
// clients have to live with.
func parseBound(text string, upper bool) (time.Time, bool) {
	if text == "*" {
		return time.Time{}, true
	}
	if t, err := time.Parse("2006-01-02T15:04:05", text); err == nil {
		return t, true
	}
	t, err := time.Parse("2006-01-02", text)
	if err == nil && upper {
		t = t.Add(24*time.Hour - time.Second)
	}
	return t, err == nil
}

// within reports whether a second lies in the range.
func (t *term) within(second uint32) bool {
	at := time.Unix(int64(second), 0)
	return (t.from.IsZero() || !at.Before(t.from)) && (t.to.IsZero() || !at.After(t.to))
}

// matches tells by what is kept of a chat.
func (t *term) matches(f *fact) bool {
	switch t.field {
	case "type":
		return typeNames[f.kind] == t.value
	case "timestamp":
		return t.within(f.from)
	case "end_timestamp":
		return f.kind != typeOffline && t.within(f.end)
	}
	return true
}
