package settle

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many things are made side by side in so much memory: one for each core, and one that waits to be taken. Each
// takes a few MiB for what is decoded or encoded, besides what it weighs.
func atOnce(memory int64) int {
	if memory == 0 {
		memory = defaultMemory
	}
	return int(min(int64(runtime.GOMAXPROCS(0)), memory/(64<<20))) + 1
}

// inOrder makes n things, up to most side by side, and gives them to take in their order, in the caller's goroutine:
// what take does to the dataset does not depend on which of them was made first. Those that are made and not taken weigh
// no more than room together, in bytes, or are one alone.
func inOrder[T any](
	ctx context.Context, n, most int, room int64, weigh func(int) int64, create func(context.Context, int) (T, error), take func(int, T) error,
) error {
	stoppable, stop := context.WithCancel(ctx)
	defer stop()
	group, beside := errgroup.WithContext(stoppable)
	err := error(nil)
	var made []chan T // those that are not taken
	held, next := int64(0), 0
	for i := 0; i < n && err == nil; i++ {
		for next < n && (next == i || len(made) < most && held+weigh(next) <= room) {
			one, at := make(chan T, 1), next
			group.Go(func() error {
				thing, err := create(beside, at)
				if err != nil {
					return err
				}
				one <- thing
				return nil
			})
			made, held, next = append(made, one), held+weigh(next), next+1
		}
		select {
		case thing := <-made[0]:
			err = take(i, thing)
		case <-beside.Done():
			err = context.Cause(beside)
		}
		made, held = made[1:], held-weigh(i)
	}
	stop()
	_ = group.Wait() // the first error ended beside, which is how it was met
	return err
}
