package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"chatferry"
)

// stopGrace is how long a run may take to end by itself after it was asked to; then it is cancelled.
const stopGrace = 8 * time.Second

// stopRequest asks a run to end early. The first reason counts.
type stopRequest struct {
	asked chan struct{} // closed: read no further
	once  sync.Once
	cause error // set before asked is closed

	deadline time.Duration
	late     time.Time // when the deadline comes; zero: there is none
}

// look makes the request if the deadline has come, however busy the machine is with other things than noticing it.
func (r *stopRequest) look() {
	if !r.late.IsZero() && !time.Now().Before(r.late) {
		r.stop(stopCause(fmt.Sprintf("the deadline of %s has come", period(r.deadline))))
	}
}

// stop asks the run to end for a reason, which is an error of the Kind with which it then ends.
func (r *stopRequest) stop(cause error) {
	r.once.Do(func() {
		r.cause = cause
		close(r.asked)
	})
}

// ends returns a context that ends when the request is made, for work that has nothing to bring to an end first. The caller
// calls the function it returns once the work is done.
func (r *stopRequest) ends(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-r.asked:
			cancel(r.cause)
		case <-ended:
		}
	})
	return ctx, func() {
		close(ended)
		watching.Wait()
		cancel(nil)
	}
}

// reason replaces the error with which a run ended because it was asked to by the reason for which it was asked.
func (r *stopRequest) reason(err error) error {
	select {
	case <-r.asked:
		if err != nil && exitCode(err) == exitStopped {
			return r.cause
		}
	default:
	}
	return err
}

// stoppable returns a request that the first SIGINT, SIGTERM or SIGHUP makes, and the deadline if it is not zero. A second
// signal ends the process by that signal. The context ends when the run has not ended by itself within stopGrace. The
// caller calls the function it returns once the work has come to its end.
//
// SIGPIPE is ignored meanwhile: that a pager or a log collector went away is no reason to end a run of many hours.
func (a *app) stoppable(ctx context.Context, deadline time.Duration) (context.Context, *stopRequest, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	request := &stopRequest{asked: make(chan struct{}), deadline: deadline}
	caught := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		caught = append(caught, syscall.SIGHUP)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, caught...)
	pipeIgnored := signal.Ignored(syscall.SIGPIPE)
	signal.Ignore(syscall.SIGPIPE)

	var late <-chan time.Time
	if deadline > 0 {
		request.late = time.Now().Add(deadline) // before the timer begins, so that it has come when that fires
		late = time.After(deadline)
	}
	ended := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		stopping := false
		asked := request.asked
		var grace <-chan time.Time
		for {
			select {
			case <-ended:
				return
			case <-late:
				request.look()
			case <-asked:
				asked, grace = nil, time.After(stopGrace)
			case <-grace:
				cancel(request.cause)
			case sig := <-signals:
				if stopping {
					a.die(sig)
					return
				}
				stopping, a.stopped = true, time.Now()
				fmt.Fprintf(a.stderr, "chatferry: %s: stopping; what is committed stays, a second signal ends at once\n", signalName(sig))
				request.stop(stopCause("stopped by " + signalName(sig)))
			}
		}
	})
	return ctx, request, func() {
		close(ended)
		waiting.Wait()
		signal.Stop(signals)
		if !pipeIgnored {
			signal.Reset(syscall.SIGPIPE)
		}
		cancel(nil)
	}
}

// stoppableAtOnce is stoppable for what has nothing to be sealed: its context ends with the first signal.
func (a *app) stoppableAtOnce(ctx context.Context) (context.Context, *stopRequest, func()) {
	ctx, request, finish := a.stoppable(ctx, 0)
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-request.asked:
			cancel(request.cause)
		case <-ended:
		}
	})
	return ctx, request, func() {
		close(ended)
		watching.Wait()
		cancel(nil)
		finish()
	}
}

func stopCause(what string) error {
	return &chatferry.Error{Kind: chatferry.KindStopped, Op: what}
}

func signalName(sig os.Signal) string {
	if s, ok := sig.(syscall.Signal); ok {
		if name := unix.SignalName(s); name != "" {
			return name
		}
	}
	return sig.String()
}

// resetSignal restores what a signal does by default.
func resetSignal(sig os.Signal) { signal.Reset(sig) }
