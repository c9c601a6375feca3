package doctor

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"chatferry/cmd/chatferry/progress"
)

// counted writes "1 record" or "3,000 records".
func counted(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return progress.Count(n) + " " + noun
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// folded is an e-mail address or a name as the upgrade compares it.
func folded[T ~string](s T) string { return strings.ToLower(strings.TrimSpace(string(s))) }

// are is the verb behind a number of things.
func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func addresses(n int) string {
	if n == 1 {
		return "1 e-mail address"
	}
	return progress.Count(int64(n)) + " e-mail addresses"
}
