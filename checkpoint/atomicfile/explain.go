package atomicfile

import (
	"errors"
	"io/fs"
	"syscall"

	"chatferry"
)

// Explain wraps an error of an FS for a person: what was being done, where, and what to do about it. Its Kind is
// KindEnvironment, unless err has one already. Explain of nil is nil.
func Explain(op, place string, err error) error {
	if err == nil {
		return nil
	}
	kind := chatferry.KindOf(err)
	if kind == chatferry.KindUnexpected {
		kind = chatferry.KindEnvironment
	}
	return &chatferry.Error{Kind: kind, Op: op, Place: place, Err: err, Hint: hint(err)}
}

func hint(err error) string {
	switch {
	case chatferry.HintOf(err) != "":
		return chatferry.HintOf(err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free some space on the target, then resume"
	case errors.Is(err, syscall.EROFS):
		return "make the target writable, then resume"
	case errors.Is(err, fs.ErrPermission):
		return "give this user the right to read and write the target, then resume"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "raise the limit of open files (ulimit -n), then resume"
	case errors.Is(err, syscall.EIO):
		return "the disk reports errors; check it (dmesg, smartctl), then resume"
	default:
		return "nothing that was committed is lost; remove the cause, then resume"
	}
}
