package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"
)

// Within is how long telling may take in all, unless the caller has less time.
const Within = 30 * time.Second

// Whom says who is told.
type Whom struct {
	URL     *url.URL // nil: no webhook
	Secret  Secret   // of the webhook
	Command string   // "": none; sh -c runs it with the Event on stdin
}

// Nobody reports whether there is nobody to tell.
func (w *Whom) Nobody() bool { return w.URL == nil && w.Command == "" }

// Tell tells all of them side by side. Its error joins what each of them met; none of it says how the run went. It returns by
// the end of ctx.
func (w *Whom) Tell(ctx context.Context, e *Event) error {
	body, err := e.body()
	if err != nil {
		return err
	}
	var telling sync.WaitGroup
	var hook, command error
	if w.URL != nil {
		telling.Go(func() { hook = w.post(ctx, e.ID, body, firstPause) })
	}
	if w.Command != "" {
		telling.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, commandWithin)
			defer cancel()
			if _, err := shell(ctx, w.Command, body); err != nil {
				command = fmt.Errorf("run the command of --notify-command: %w", err)
			}
		})
	}
	telling.Wait()
	return errors.Join(hook, command)
}

// post signs and sends. What should be signed and cannot be is not sent.
func (w *Whom) post(ctx context.Context, id string, body []byte, pause time.Duration) error {
	key, err := w.Secret.key(ctx)
	if err == nil {
		hook := newWebhook(w.URL, key)
		hook.pause = pause
		err = hook.send(ctx, id, body)
	}
	if err != nil {
		return fmt.Errorf("tell the webhook at %s: %w", Origin(w.URL), err)
	}
	return nil
}
