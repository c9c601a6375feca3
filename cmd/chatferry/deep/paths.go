package deep

import (
	"regexp"
	"slices"
	"strconv"
)

// mostPaths is how many fields of one record are named.
const mostPaths = 8

// paths collects the fields in which two records differ, without their values: these are personal data.
type paths []string

func (p *paths) add(path string) {
	if path == "" {
		path = "(the whole record)"
	}
	if len(*p) < mostPaths && !slices.Contains(*p, path) {
		*p = append(*p, path)
	}
}

// compare adds where two values differ: a member or element that one lacks, or a value that is another.
func (p *paths) compare(a, b *value, path string) {
	if len(*p) == mostPaths {
		return
	}
	switch {
	case a == nil || b == nil || a.kind != b.kind:
		p.add(path)
	case a.kind == '{':
		for i, name := range a.names {
			p.compare(a.items[i], b.member(name), below(path, name))
		}
		for i, name := range b.names {
			if a.member(name) == nil || slices.Index(b.names, name) != i {
				p.add(below(path, name))
			}
		}
	case a.kind == '[':
		for i := range max(len(a.items), len(b.items)) {
			if i >= len(a.items) || i >= len(b.items) {
				p.add(path + "[" + strconv.Itoa(i) + "]")
				continue
			}
			p.compare(a.items[i], b.items[i], path+"["+strconv.Itoa(i)+"]")
		}
	case a.fingerprint() != b.fingerprint():
		p.add(path)
	}
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// below is the path of a member.
func below(path, name string) string {
	if plainName.MatchString(name) {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	return path + "[" + strconv.QuoteToASCII(name[:min(len(name), 64)]) + "]"
}
