package main

import (
	"context"

	"chatferry/checkpoint"
	"chatferry/cmd/chatferry/settle"
)

// home is where a dataset lives, as far as the program itself looks at it: a folder of this machine, or a prefix of a
// bucket. What the stages read and write goes through their own stores.
type home interface {
	// prepare makes the root if need be. One that holds something else than a dataset is refused, since what is not
	// chatferry's must not be mixed with it.
	prepare(ctx context.Context) error
	// probe refuses a place by name that cannot do what the commit protocol stands on. The tag names what it leaves for
	// an instant.
	probe(ctx context.Context, tag string) error
	lock(ctx context.Context, o checkpoint.LockOptions) (runLock, error)
	// sign is the last sign of life of a run; nil: there is none.
	sign(ctx context.Context) (*checkpoint.Sign, error)
	// size is that of one file; the error wraps fs.ErrNotExist if there is none.
	size(ctx context.Context, name string) (int64, error)
	// sizes returns a function like size for many files.
	sizes(ctx context.Context) (func(name string) (int64, error), error)
	// versions returns a function that tells the version of a file from those that may have its name at other times; "": there
	// is no such file.
	versions(ctx context.Context) (func(name string) string, error)
	derived(epoch uint64) settle.Derived
	// replace makes a small file in place of the one that has its name. It is for copies of what is kept elsewhere: after a
	// crash there may be none. The tag begins the name of what it leaves for an instant.
	replace(ctx context.Context, name, tag string, data []byte) error
	// local is the folder of this machine whose disk fills up while a run works.
	local() string

	// contents calls visit for every file below the root. Of folders that are not chatferry's it names the topmost, with a
	// slash behind it.
	contents(ctx context.Context, visit func(name string, size int64)) error
	// erase removes files, one kind of them at a time, and makes that durable. One that is not there is done.
	erase(ctx context.Context, names []string) error
	// eraseLast removes the lock and what is left empty when all files are gone.
	eraseLast(ctx context.Context) error
}

// runLock is the lock of a dataset while a run holds it.
type runLock interface {
	// Held is false once another run has taken it over.
	Held() bool
	Release() error
}
