package main

import (
	"context"
	"fmt"
	"time"

	"chatferry"
)

// freeSpace returns the bytes of a disk that are free for this user, and all of them.
type freeSpace func() (free, total int64, err error)

// diskWatch stops a run before its disk is full, while the logs can still be written.
type diskWatch struct {
	root  string
	limit minFree
	free  freeSpace
}

// pollDisk is how often the disk is looked at: at 1 GB/s a disk loses no more than the least limit meanwhile.
const pollDisk = 2 * time.Second

// check returns an error of KindEnvironment when too little is free. A disk that cannot be asked is not too full.
func (w *diskWatch) check() error {
	free, total, err := w.free()
	if err != nil || total <= 0 {
		return nil
	}
	least := max(w.limit.Bytes, int64(w.limit.Percent/100*float64(total)))
	if free >= least {
		return nil
	}
	return &chatferry.Error{
		Kind: chatferry.KindEnvironment, Op: "watch the disk of", Place: w.root,
		Err: fmt.Errorf("%s of %s are free, which is less than --min-free %s",
			aboutBytes(free), aboutBytes(total), w.limit),
		Hint: "make room, or lower --min-free, and resume",
	}
}

// watch looks at the disk at every tick and asks the run to stop when too little is free. It returns when ctx ends.
func (w *diskWatch) watch(ctx context.Context, tick <-chan time.Time, request *stopRequest) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			if err := w.check(); err != nil {
				request.stop(err)
				return
			}
		}
	}
}
