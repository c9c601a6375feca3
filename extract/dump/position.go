package dump

import (
	"fmt"
	"strconv"
	"strings"

	"chatferry"
)

// place is a Position as this package reads it: a byte of an uncompressed file, given by its ordinal in the Shard. The
// end of a Shard of n files is byte 0 of file n.
type place struct {
	file int
	at   int64
}

func (p place) position() chatferry.Position {
	return chatferry.Position(strconv.Itoa(p.file) + ":" + strconv.FormatInt(p.at, 10))
}

func (p place) less(o place) bool {
	return p.file < o.file || p.file == o.file && p.at < o.at
}

// parsePosition reads a Position of a Shard with n files.
func parsePosition(pos chatferry.Position, n int) (place, error) {
	if pos == "" {
		return place{}, nil
	}
	file, at, ok := strings.Cut(string(pos), ":")
	if ok {
		f, err1 := strconv.Atoi(file)
		a, err2 := strconv.ParseInt(at, 10, 64)
		p := place{f, a}
		if err1 == nil && err2 == nil && a >= 0 && f >= 0 && (f < n && a <= maxFileBytes || f == n && a == 0) && p.position() == pos {
			return p, nil
		}
	}
	return place{}, &chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "resume",
		Err:  fmt.Errorf("%q is not a position in a Shard of %d dump files", string(pos), n),
		Hint: "the dataset's log was not written by this version; resume with the version that began the dataset",
	}
}
