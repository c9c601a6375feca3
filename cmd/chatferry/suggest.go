package main

import "strings"

// nearest returns the candidate that word was most likely meant to be, or "" if none is near.
func nearest(word string, candidates []string) string {
	fold := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }
	word = fold(word)
	best, least := "", 1+max(1, (len(word)+1)/3)
	for _, c := range candidates {
		folded := fold(c)
		d := editDistance(word, folded)
		if d > 0 && len(word) >= 3 && strings.HasPrefix(folded, word) {
			d = 1
		}
		if d < least {
			best, least = c, d
		}
	}
	return best
}

// didYouMean is the end of a sentence about an unknown word: the nearest right one, or all of them if they are few.
func didYouMean(word, prefix string, candidates []string) string {
	if near := nearest(word, candidates); near != "" {
		return "did you mean " + prefix + near + "?"
	}
	if len(candidates) > 0 && len(candidates) <= 4 {
		return "it is one of " + prefix + strings.Join(candidates, ", "+prefix)
	}
	return ""
}

// editDistance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
