package transform

import "strings"

// secretMembers are cut out of the records of a Stream that holds credentials, at every level and in any letter case.
var secretMembers = []string{"client_secret", "access_token", "refresh_token"}

func isSecret(name []byte) bool {
	for _, s := range secretMembers {
		if len(name) == len(s) && strings.EqualFold(string(name), s) {
			return true
		}
	}
	return false
}

// withoutSecrets returns the record without its secret members, otherwise byte for byte as it is. Nothing is cut out of a
// record that is not JSON: it becomes a Reject, of which no bytes are kept.
func (t *Transformer) withoutSecrets(raw []byte) []byte {
	d := &t.decoder
	d.reset(raw)
	i := space(raw, 0)
	if next := d.skip(i, 0); next < 0 || space(raw, next) != len(raw) {
		return raw
	}
	clean, next := d.cut(append(t.clean[:0], raw[:i]...), i)
	t.clean = append(clean, raw[next:]...)
	return t.clean
}

// cut appends the value at i, which is valid, without the secret members in it, and returns the index behind it.
func (d *decoder) cut(dst []byte, i int) (out []byte, next int) {
	b := d.b
	switch b[i] {
	case '{':
		return d.cutObject(dst, i)
	case '[':
		return d.cutArray(dst, i)
	default:
		next = d.skip(i, 0)
		return append(dst, b[i:next]...), next
	}
}

func (d *decoder) cutArray(dst []byte, i int) (out []byte, next int) {
	b := d.b
	from := i
	i = space(b, i+1)
	for b[i] != ']' {
		dst = append(dst, b[from:i]...)
		dst, i = d.cut(dst, i)
		from = i
		if i = space(b, i); b[i] == ',' {
			i = space(b, i+1)
		}
	}
	return append(dst, b[from:i+1]...), i + 1
}

func (d *decoder) cutObject(dst []byte, i int) (out []byte, next int) {
	b := d.b
	dst = append(dst, '{')
	first := true
	i++
	for {
		from := i
		if i = space(b, i); b[i] == '}' {
			return append(dst, b[from:i+1]...), i + 1
		}
		name, _, value := d.name(i)
		kept := !isSecret(name)
		if kept {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst, i = d.cut(append(dst, b[from:value]...), value)
		} else {
			i = d.skip(value, 0)
		}
		from = i
		i = space(b, i)
		if kept {
			dst = append(dst, b[from:i]...)
		}
		if b[i] == '}' {
			return append(dst, '}'), i + 1
		}
		i++
	}
}

// WithoutSecrets returns a record of a Stream that holds credentials as it is hashed: without its secret members, otherwise
// byte for byte as it is.
func WithoutSecrets(raw []byte) []byte { return new(Transformer).withoutSecrets(raw) }
