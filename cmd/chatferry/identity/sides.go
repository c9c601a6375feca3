package identity

import (
	"slices"
	"strings"

	"chatferry/checkpoint"
)

// What a run-open says in its scope about the account that it reads.
const (
	ScopeAccount = "account"            // its fingerprint
	ScopeKind    = "account-kind"       // of package api
	ScopeRoot    = "account-root"       // where it answers
	ScopeMoved   = "account-moved-from" // of the run with --account-moved alone: the fingerprints it was known by before
	ScopeNumbers = "account-numbers"    // AnyNumber: a person has said that its chats have several numbers in their ids
)

// AnyNumber is the value of ScopeNumbers.
const AnyNumber = "any"

// Sides numbers the stretches between the moves of an account: 0 is what was read before the first one.
type Sides struct {
	moves []uint64 // epochs of the runs with which a side begins, rising
}

// SidesOf finds the moves in the dataset's log.
func SidesOf(d *checkpoint.Dataset) Sides {
	var s Sides
	for _, r := range d.Runs() {
		if r.Scope[ScopeMoved] != "" {
			s.moves = append(s.moves, r.Epoch)
		}
	}
	return s
}

// Last is the present side.
func (s Sides) Last() int { return len(s.moves) }

// At is the side of what a run of that epoch read.
func (s Sides) At(epoch uint64) int {
	n, same := slices.BinarySearch(s.moves, epoch)
	if same {
		n++
	}
	return n
}

// Of is the side of a Shard, by the run that read the end of it.
func (s Sides) Of(shard *checkpoint.ShardState) int { return s.At(max(shard.Added, shard.Epoch)) }

// Formerly returns the fingerprints that the dataset's account was known by before it moved.
func Formerly(d *checkpoint.Dataset) []string {
	var all []string
	for _, r := range d.Runs() {
		if from := r.Scope[ScopeMoved]; from != "" {
			all = append(all, strings.Split(from, ",")...)
		}
	}
	return all
}
