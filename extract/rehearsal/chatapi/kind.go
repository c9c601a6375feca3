package chatapi

import (
	"slices"
	"strings"
)

// Kind is what the account is: which products it joins, and since when.
type Kind int

// The kinds of account.
const (
	LegacyChatOnly Kind = iota // made for chat alone
	LegacyLinked               // chat, linked with the ticket system later
	Phase3                     // chat added from the ticket system
	Phase4                     // upgraded
)

var kindNames = []string{"legacy_chat_only", "legacy_linked", "phase3", "phase4"}

var kindHint = "use one of " + strings.Join(kindNames, ", ")

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// MarshalText gives the kind's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a kind's name.
func (k *Kind) UnmarshalText(b []byte) error {
	i := slices.Index(kindNames, string(b))
	if i < 0 {
		return usage(kindHint, "account kind %q", b)
	}
	*k = Kind(i)
	return nil
}

// integrated reports whether the account belongs to one of the ticket system.
func (k Kind) integrated() bool { return k == Phase3 || k == Phase4 }
