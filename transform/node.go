package transform

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"chatferry"
)

// node is an object of a record whose members are declared: the record itself, or an object inside it.
type node struct {
	name    string // of the member that holds it; empty for the record itself
	members []member
	nullIs  uint64 // members, by bit, whose bare null means null

	// A perfect hash over the members' names: slots holds the index of the only member that can have this hash, plus 1.
	mul   uint64
	shift uint
	slots []uint8

	begin spelling // what comes before the first member
}

// member is a field at its place in a table. What every value of a record asks for is in 64 bytes, a line of the processor's
// cache, and the rest elsewhere.
type member struct {
	spelling
	at   int32 // of its column; -1: none, for objects and evidence
	nth  uint8 // of the members of its object
	kind kind
	*particulars
}

type particulars struct {
	field
	object *node // of kindObject
	child  int   // of kindRows: index among the Stream's tables
}

// column is the index of the member's column, or -1.
func (m *member) column() int { return int(m.at) }

// bit is the member's own in a bit set of those of its object.
func (m *member) bit() uint64 { return 1 << m.nth }

// maxMembers is the number of members that fit the bit sets of a decoder.
const maxMembers = 64

// node adds the columns of an object's fields to the table and returns how its members find them.
func (l *layout) node(name string, fields []field) *node {
	n := &node{name: name}
	prefix := ""
	if name != "" {
		prefix = columnName(name) + "_"
	}
	for i, f := range fields {
		m := member{spelling: spell(f.name), at: -1, nth: uint8(i), kind: f.kind, particulars: &particulars{field: f}}
		c := columnSpec{name: prefix + columnName(f.name), hint: f.hint}
		switch f.kind {
		case kindObject:
			m.object = l.node(f.name, f.members)
		case kindEvidence:
		case kindRows:
			c.name, c.store = c.name+"_len", storeInt32
			m.child = slices.Index(chatferry.Chats.Tables(), f.table)
			m.at = int32(l.add(c))
		default:
			c.store = f.kind.storage()
			m.at = int32(l.add(c))
		}
		if f.twin {
			twin := columnSpec{name: c.name + upgradedSuffix, store: storeInt64, empty: true}
			if c.store == storeInts || c.store == storeStrings {
				twin.store = storeInts
			}
			l.add(twin)
		}
		if f.nullIs == nullIsNull {
			if name != "" {
				panic(fmt.Sprintf("%s.%s: in a column of an inner object null means absent", name, f.name))
			}
			n.nullIs |= m.bit()
		}
		n.members = append(n.members, m)
	}
	if len(n.members) > maxMembers {
		panic(fmt.Sprintf("object %q has more than %d members", n.name, maxMembers))
	}
	n.hash()
	return n
}

func (k kind) storage() storage {
	switch k {
	case kindInt:
		return storeInt64
	case kindFloat:
		return storeFloat64
	case kindBool:
		return storeBool
	case kindTime:
		return storeTime
	case kindStrings:
		return storeStrings
	case kindInts:
		return storeInts
	default:
		return storeString
	}
}

// columnName is the name of a member in snake case, without the zone that a CSV header may end with.
func columnName(name string) string {
	base, _, _ := cutZone(name)
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(base) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			if gap && b.Len() > 0 {
				b.WriteByte('_')
			}
			gap = false
			b.WriteRune(r)
		} else {
			gap = true
		}
	}
	return b.String()
}

// mix condenses a name into 64 bits: all of it up to 16 bytes, its beginning and end beyond.
func mix(k []byte) uint64 {
	n := len(k)
	switch {
	case n >= 8:
		return binary.LittleEndian.Uint64(k) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(k[n-8:]), 27) + uint64(n)
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(k)) ^ uint64(binary.LittleEndian.Uint32(k[n-4:]))<<27 + uint64(n)
	case n > 0:
		return uint64(k[0]) | uint64(k[n/2])<<8 | uint64(k[n-1])<<16 + uint64(n)<<24
	}
	return 0
}

// hash finds the multiplier with which no two members share a slot.
func (n *node) hash() {
	for width := uint(bits.Len(uint(len(n.members)))) + 1; width <= 14; width++ {
		mul := uint64(0x9E3779B97F4A7C15)
		for range 200 {
			if n.tryHash(mul, 64-width, 1<<width) {
				return
			}
			mul = mul*0xD1342543DE82EF95 + 2
			mul |= 1
		}
	}
	panic(fmt.Sprintf("two members of object %q cannot be told apart", n.name))
}

func (n *node) tryHash(mul uint64, shift uint, size int) bool {
	slots := make([]uint8, size)
	for i := range n.members {
		s := &slots[mix([]byte(n.members[i].name))*mul>>shift]
		if *s != 0 {
			return false
		}
		*s = uint8(i + 1)
	}
	n.mul, n.shift, n.slots = mul, shift, slots
	return true
}

// find returns the member with this name, or nil.
func (n *node) find(name []byte) *member {
	i := int(n.slots[mix(name)*n.mul>>n.shift]) - 1
	if i >= 0 && n.members[i].name == string(name) {
		return &n.members[i]
	}
	return nil
}
