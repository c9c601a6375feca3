package dump

import (
	"errors"
	"fmt"

	"chatferry"
)

const timeFormat = "2006-01-02T15:04:05.999999999Z"

func environment(op, place string, err error, hint string) error {
	return &chatferry.Error{Kind: chatferry.KindEnvironment, Op: op, Place: place, Err: err, Hint: hint}
}

// Changed is the error for a file that is not as it was listed. what goes on after the file's name: "it is gone".
func Changed(name, what string) error {
	return &chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "read dump file", Place: name, Err: errors.New(what),
		Hint: "bring the file back as it was, on a disk with its time, or begin a new dataset",
	}
}

// Compare returns the error of a file that is not as it was listed, or nil.
func Compare(listed, now chatferry.File) error {
	what := ""
	switch {
	case listed.Size != now.Size:
		what = fmt.Sprintf("it had %d bytes when it was listed and has %d now", listed.Size, now.Size)
	case listed.ETag == "" && now.ETag != "":
		what = "it lay on a disk when it was listed and lies in an object store now"
	case listed.ETag != "" && now.ETag == "":
		what = "it lay in an object store when it was listed and lies on a disk now"
	case !listed.ModTime.Equal(now.ModTime):
		what = fmt.Sprintf("it was last written at %s when it was listed, now at %s",
			listed.ModTime.UTC().Format(timeFormat), now.ModTime.UTC().Format(timeFormat))
	case listed.ETag != now.ETag:
		what = fmt.Sprintf("its ETag was %s when it was listed and is %s now", listed.ETag, now.ETag)
	default:
		return nil
	}
	return Changed(listed.Path, what)
}
