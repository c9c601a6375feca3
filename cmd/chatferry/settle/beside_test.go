package settle

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
)

// Things are taken in their order, each once, and no more of them are held than there is room for.
func TestInOrder(t *testing.T) {
	const n = 200
	rng := rand.New(rand.NewPCG(1, 4))
	weights := make([]int64, n)
	for i := range weights {
		weights[i] = rng.Int64N(60)
	}
	weights[n/2] = 1000 // more than there is room for
	var held, most atomic.Int64
	next := 0
	err := inOrder(t.Context(), n, 5, 100, func(i int) int64 { return weights[i] },
		func(_ context.Context, i int) (int, error) {
			if now := held.Add(weights[i]); i != n/2 {
				most.Store(max(most.Load(), now))
			}
			return i * i, nil
		},
		func(i, thing int) error {
			if i != next || thing != i*i {
				t.Errorf("%d is taken as the %d-th, it is %d", i, next, thing)
			}
			next++
			held.Add(-weights[i])
			return nil
		})
	if err != nil || next != n || most.Load() > 100 {
		t.Errorf("%d of %d were taken, %d were held: %v", next, n, most.Load(), err)
	}
}

// The first error, whoever has it, ends the others and is the one that is returned.
func TestInOrderFails(t *testing.T) {
	wrong := errors.New("wrong")
	none := func(int) int64 { return 0 }
	for at := range 6 {
		for _, where := range []string{"create", "take", "cancel"} {
			t.Run(fmt.Sprintf("%s=%d", where, at), func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				var taken []int
				err := inOrder(ctx, 6, 3, 100, none, func(ctx context.Context, i int) (int, error) {
					switch {
					case i != at:
						return i, nil
					case where == "create":
						return 0, wrong
					case where == "cancel":
						cancel(wrong)
						return 0, context.Cause(ctx)
					}
					return i, nil
				}, func(i, _ int) error {
					taken = append(taken, i)
					if i == at && where == "take" {
						return wrong
					}
					return nil
				})
				if !errors.Is(err, wrong) || len(taken) > at+1 || !slices.IsSorted(taken) {
					t.Errorf("%v, and %v were taken", err, taken)
				}
			})
		}
	}
}
