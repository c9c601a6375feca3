package chatapi

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// fields is which members of the records are asked for: fields=chats(*) or fields=chats(id,visitor).
type fields struct {
	all   bool
	names []string
}

// fieldsOf reads the parameter fields. Without it, records hold bare only.
func (c *call) fieldsOf(resource string, bare ...string) (fields, *failure) {
	text := strings.TrimSpace(c.query.Get("fields"))
	if text == "" {
		return fields{names: bare}, nil
	}
	name, list, open := strings.Cut(text, "(")
	if strings.TrimSpace(name) != resource {
		return fields{}, badRequest("fields names a resource that is not here: use " + resource + "(*)")
	}
	list, closed := strings.CutSuffix(list, ")")
	if !open || !closed || strings.ContainsAny(list, "()") {
		return fields{}, badRequest("fields must look like " + resource + "(*)")
	}
	f := fields{names: bare}
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		switch {
		case part == "*":
			f.all = true
		case part == "":
			return fields{}, badRequest("fields names nothing")
		case !slices.Contains(f.names, part):
			f.names = append(f.names, part)
		}
	}
	return f, nil
}

// append appends a record with the members asked for, each as it stands there.
func (f fields) append(b, raw []byte) []byte {
	if f.all {
		return append(b, raw...)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return append(b, raw...) // a broken record, which is no object
	}
	b = append(b, '{')
	first := true
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			break
		}
		if text, ok := name.(string); ok && slices.Contains(f.names, text) {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(appendQuoted(b, text), ':')
			b = append(b, value...)
		}
	}
	return append(b, '}')
}
