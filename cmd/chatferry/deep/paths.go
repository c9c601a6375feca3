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

// upgradedIDs end the paths of values that an upgrade changes; the nick of an agent is "agent:" and the id.
var upgradedIDs = regexp.MustCompile(`(^|\.)(agent_ids\[\d+\]|agent_id|department_id|prev_department_id|nick)$`)

// onlyRenumbered reports whether two chats differ in ids of agents and departments, and in nothing else.
func onlyRenumbered(a, b *value) bool {
	other := false
	walkDifferences(a, b, "", func(path string) bool {
		other = other || !upgradedIDs.MatchString(path)
		return !other
	})
	return !other
}

// compare adds where two values differ: a member or element that one lacks, or a value that is another.
func (p *paths) compare(a, b *value, path string) {
	walkDifferences(a, b, path, func(path string) bool {
		p.add(path)
		return len(*p) < mostPaths
	})
}

// walkDifferences calls each with where two values differ, until it returns false, and reports whether it never did.
func walkDifferences(a, b *value, path string, each func(path string) bool) bool {
	switch {
	case a == nil || b == nil || a.kind != b.kind:
		return each(path)
	case a.kind == '{':
		for i, name := range a.names {
			if !walkDifferences(a.items[i], b.member(name), below(path, name), each) {
				return false
			}
		}
		for i, name := range b.names {
			if (a.member(name) == nil || slices.Index(b.names, name) != i) && !each(below(path, name)) {
				return false
			}
		}
	case a.kind == '[':
		for i := range max(len(a.items), len(b.items)) {
			at := path + "[" + strconv.Itoa(i) + "]"
			if i >= len(a.items) || i >= len(b.items) {
				if !each(at) {
					return false
				}
			} else if !walkDifferences(a.items[i], b.items[i], at, each) {
				return false
			}
		}
	case a.fingerprint() != b.fingerprint():
		return each(path)
	}
	return true
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
