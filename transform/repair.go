package transform

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"chatferry"
)

// Unique returns a record in which every object names each key once: of a key that it has twice, the first value stays, or
// the last. Everything else is as it was, white space between values aside.
func Unique(raw []byte, last bool) ([]byte, error) {
	u := unique{decoder: newDecoder(raw), out: make([]byte, 0, len(raw)), last: last}
	i := u.value(space(raw, 0), 0)
	if i >= 0 && space(raw, i) < len(raw) {
		i = u.syntax(i, "something stands behind the value")
	}
	if i < 0 {
		return nil, errors.New(u.fault())
	}
	return u.out, nil
}

// CheckNames refuses a record of which an object names one key twice, or a key that is no text since it has half a surrogate
// pair in it. Whoever takes the record apart and writes it again would lose the one and change the other.
func CheckNames(raw []byte) error {
	u := unique{decoder: newDecoder(raw), strict: true}
	if u.value(space(raw, 0), 0) < 0 {
		return errors.New(u.fault())
	}
	return nil
}

// unique copies a record value by value.
type unique struct {
	decoder
	out    []byte
	last   bool
	strict bool // a key that stands twice is a fault
}

// copied is a member as it stands in out, with the comma before it.
type copied struct {
	from, to int
}

// value copies the value at i, and returns the index behind it. depth counts the arrays and objects around it.
func (u *unique) value(i, depth int) int {
	b := u.b
	if i >= len(b) || b[i] != '{' && b[i] != '[' {
		next := u.skip(i, depth)
		if next >= 0 {
			u.out = append(u.out, b[i:next]...)
		}
		return next
	}
	if depth >= MaxDepth {
		return u.fail(chatferry.CodeDepth, i, fmt.Sprintf("more than %d arrays and objects stand inside each other", MaxDepth))
	}
	u.out = append(u.out, b[i])
	if b[i] == '[' {
		return u.array(i, depth+1)
	}
	return u.object(i, depth+1)
}

func (u *unique) array(i, depth int) int {
	b := u.b
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		u.out = append(u.out, ']')
		return i + 1
	}
	for more := true; more; {
		if i = u.value(i, depth); i < 0 {
			return failed
		}
		if i, more = u.nextElement(i); i < 0 {
			return failed
		}
		if more {
			u.out = append(u.out, ',')
		}
	}
	u.out = append(u.out, ']')
	return i
}

func (u *unique) object(i, depth int) int {
	b := u.b
	begin := len(u.out)
	seen := map[string]int{} // by a name's text, the number of its member
	var members []copied
	i = space(b, i+1)
	for first := true; i >= len(b) || b[i] != '}'; first = false {
		if !first {
			if i >= len(b) || b[i] != ',' {
				return u.syntax(i, "an object has neither a comma nor its end here")
			}
			i = space(b, i+1)
		}
		at := i
		text, _, value := u.name(i)
		if value < 0 {
			return failed
		}
		name := string(text)
		if u.strict && !utf8.ValidString(name) {
			return u.fail(chatferry.CodeSyntax, at, "a name has half a surrogate pair in it")
		}
		from := len(u.out)
		u.out = append(append(u.out, ','), strings.TrimRight(string(b[at:value]), " \t\r\n:")...)
		u.out = append(u.out, ':')
		if i = u.value(value, depth); i < 0 {
			return u.inside(name)
		}
		i = space(b, i)
		k, twice := seen[name]
		switch {
		case twice && u.strict:
			return u.fail(chatferry.CodeDuplicateKey, at, "an object has one name twice")
		case twice && !u.last:
			u.out = u.out[:from]
			continue
		case twice:
			old := members[k]
			n := old.to - old.from
			u.out = slices.Delete(u.out, old.from, old.to)
			for j := k + 1; j < len(members); j++ {
				members[j].from, members[j].to = members[j].from-n, members[j].to-n
			}
			members[k].to = old.from // nothing is left of it
			from -= n
		}
		seen[name] = len(members)
		members = append(members, copied{from, len(u.out)})
	}
	if len(u.out) > begin {
		u.out = slices.Delete(u.out, begin, begin+1) // the first comma
	}
	u.out = append(u.out, '}')
	return i + 1
}

// VerbatimMember is the one member of the object that Verbatim puts in place of a value.
const VerbatimMember = "_verbatim"

// Verbatim puts {"_verbatim": TEXT} in place of a value of a record, where TEXT is the value as it stands there. No column
// takes such an object, so that it comes to stand in _extra and the column is null, whatever the value is and however deep.
// The value is named by a JSON Pointer. What is around it need not be a record that can be converted.
func Verbatim(raw []byte, pointer string) ([]byte, error) {
	if !strings.HasPrefix(pointer, "/") {
		return nil, fmt.Errorf("%q is no JSON Pointer to a member, such as /visitor/notes", pointer)
	}
	from, to := span(raw, 0)
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		var err error
		if from, to, err = child(raw[:to], from, token); err != nil {
			return nil, fmt.Errorf("%s: %w", pointer, err)
		}
	}
	if !utf8.Valid(raw[from:to]) {
		return nil, fmt.Errorf("%s: its bytes are not UTF-8", pointer)
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]string{VerbatimMember: string(raw[from:to])}); err != nil {
		return nil, err
	}
	return slices.Concat(raw[:from], []byte(strings.TrimSpace(text.String())), raw[to:]), nil
}

var errNoMember = errors.New("the record has no such member")

// child finds a member of the object at i, or an element of the array, by the text of its name or its number.
func child(b []byte, i int, token string) (from, to int, err error) {
	if i >= len(b) || b[i] != '{' && b[i] != '[' {
		return 0, 0, errNoMember
	}
	isObject := b[i] == '{'
	d := newDecoder(b)
	found := false
	for n := 0; ; n++ {
		i = space(b, i+1)
		if i >= len(b) || b[i] == '}' || b[i] == ']' {
			break
		}
		name := strconv.Itoa(n)
		if isObject {
			text, _, value := d.name(i)
			if value < 0 {
				return 0, 0, errors.New(d.fault())
			}
			name, i = string(text), value
		}
		start, end := span(b, i)
		if start == end {
			return 0, 0, fmt.Errorf("a value is missing (byte %d of the record)", start)
		}
		if name == token {
			if found {
				return 0, 0, errors.New("the record has this member twice")
			}
			from, to, found = start, end, true
		}
		if i = space(b, end); i >= len(b) || b[i] != ',' {
			break
		}
	}
	if !found {
		return 0, 0, errNoMember
	}
	return from, to, nil
}

// span finds where the value at i begins and ends by its brackets and quotes alone.
func span(b []byte, i int) (from, to int) {
	from = space(b, i)
	depth := 0
	for i = from; i < len(b); i++ {
		switch c := b[i]; c {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return from, min(i+1, len(b))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return from, i + 1
			} else if depth < 0 {
				return from, i
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return from, i
			}
		}
	}
	return from, len(b)
}
