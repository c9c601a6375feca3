package chatferry

import (
	"context"
	"errors"
	"io"
	"time"
)

// errSeal asks for the open Part to be sealed although nothing more was read.
var errSeal = errors.New("the part has been open long enough")

// wait asks a Reader for its next Page beside the Lane, so that the Lane can seal a Part, or be stopped, while the source
// keeps it waiting: for a slow answer, or for the end of a throttling of many minutes.
type wait struct {
	reader Reader
	asked  chan answer // holds the one answer that is due; nil: nothing was asked
	cancel context.CancelFunc
}

type answer struct {
	page *Page
	err  error
}

func (w *wait) ask(ctx context.Context) {
	ctx, w.cancel = context.WithCancel(ctx)
	w.asked = make(chan answer, 1)
	go func(out chan<- answer) {
		var a answer
		defer func() { out <- a }()
		defer caught(&a.err)
		a.page, a.err = w.reader.Next(ctx)
	}(w.asked)
}

// take waits for the answer that is due.
func (w *wait) take() (*Page, error) {
	a := <-w.asked
	w.cancel()
	w.asked = nil
	return a.page, a.err
}

// end gives up an answer that is due, and returns when the Reader is idle.
func (w *wait) end() {
	if w.asked == nil {
		return
	}
	w.cancel()
	if page, err := w.take(); err == nil {
		page.Release()
	}
}

// next returns the source's next Page, errStopped when the run was asked to stop, or errSeal when the open Part is due.
func (l *lane) next(ctx context.Context, w *wait, open bool, begun time.Time) (*Page, error) {
	select {
	case <-l.stop:
		if w.asked == nil {
			return nil, errStopped
		}
	default:
	}
	if l.p.SealEvery <= 0 && !l.p.SealOnStop {
		return w.reader.Next(ctx)
	}
	var due <-chan time.Time
	if open && l.p.SealEvery > 0 {
		timer := time.NewTimer(l.p.SealEvery - time.Since(begun))
		defer timer.Stop()
		due = timer.C
	}
	if w.asked == nil {
		w.ask(ctx)
	}
	select {
	case a := <-w.asked:
		w.asked <- a
		return w.take()
	case <-due:
		return nil, errSeal
	case <-l.stop:
	}
	// The answer that is due is kept if it is there or comes in spite of the cancelling.
	w.cancel()
	page, err := w.take()
	if err != nil && err != io.EOF {
		return nil, errStopped
	}
	return page, err
}
