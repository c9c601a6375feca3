package dump

import (
	"errors"

	"chatferry"
)

const timeFormat = "2006-01-02T15:04:05.999999999Z"

func environment(op, place string, err error, hint string) error {
	return &chatferry.Error{Kind: chatferry.KindEnvironment, Op: op, Place: place, Err: err, Hint: hint}
}

// changed is the error for a file that is not as it was listed.
func changed(name, what string) error {
	return &chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "read dump file", Place: name, Err: errors.New(what),
		Hint: "bring the file back as it was, with its time, or begin a new dataset",
	}
}
