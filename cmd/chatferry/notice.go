package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/cmd/chatferry/notify"
	"chatferry/cmd/chatferry/progress"
	"chatferry/extract/api"
)

// hookURL is the address of a webhook, of which only the origin is ever printed.
type hookURL struct{ *url.URL }

func (h *hookURL) Set(text string) error {
	if text == "" {
		*h = hookURL{}
		return nil
	}
	u, err := notify.ParseURL(text)
	if err != nil {
		return fmt.Errorf("the webhook: %w", err)
	}
	*h = hookURL{u}
	return nil
}

func (h hookURL) String() string {
	if h.URL == nil {
		return ""
	}
	return notify.Origin(h.URL) + "/" + redacted
}

// notice is whom to tell how a run ends.
type notice struct {
	notify.Whom
	command string
	source  string // "" until it is known, as in a call that cannot be read
	root    string
	runID   string
}

// willTell finds out whom to tell how a call of run or resume ends, also of a call that is otherwise wrong. What is wrong with
// these options themselves is told where all options are read.
func (a *app) willTell(cmd *cobra.Command) {
	s, err := resolve(a.environment, cmd.Flags(), nil)
	if s == nil {
		s = &settings{Config: defaultConfig(), origin: map[string]string{}}
	}
	if err != nil {
		a.readNotice(cmd, s)
	}
	n := &notice{command: cmd.Name(), source: s.sourceText(), runID: newRunID(a.now()), Whom: notify.Whom{URL: s.NotifyURL.URL, Command: string(s.NotifyCommand), Secret: notify.Secret{
		Text: string(s.NotifySecret), File: string(s.NotifySecretFile), Command: string(s.NotifySecretCommand),
	}}}
	if n.Nobody() {
		return
	}
	a.notice = n
	if err := n.Secret.Check(); err != nil && n.URL != nil {
		fmt.Fprintln(a.stderr, "chatferry: the webhook cannot be signed, and will not be told how the run ends: "+sentence(err))
	}
}

// readNotice reads the options that begin with notify alone, from the flags and the environment.
func (a *app) readNotice(cmd *cobra.Command, s *settings) {
	for i := range options {
		o := &options[i]
		if !strings.HasPrefix(o.name, "notify-") {
			continue
		}
		texts := o.split(a.getenv(o.env()))
		if f := cmd.Flags().Lookup(o.name); f != nil && f.Changed {
			if raw, ok := f.Value.(*rawFlag); ok {
				texts = raw.texts
			}
		}
		_ = s.put(o, texts, "") // what is wrong with it is told elsewhere
	}
}

// signalGrace is within what time of a signal the process has ended.
const signalGrace = 9500 * time.Millisecond

// tellOthers tells who asked for it how the call ended. It never changes that, and takes no longer than notify.Within; after a
// signal, what is left of the time in which a run ends. Another signal ends it.
func (a *app) tellOthers(ctx context.Context, code int) {
	if a.notice == nil {
		return
	}
	within := notify.Within
	if !a.stopped.IsZero() {
		within = max(time.Second, signalGrace-time.Since(a.stopped))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	ctx, release := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer release()
	if err := a.notice.Tell(ctx, a.event(code)); err != nil {
		fmt.Fprintf(a.stderr, "chatferry: %s; the run itself ended with exit code %d\n", sentence(err), code)
	}
}

// event is what is told. It holds counts and codes, and no sentence that quotes a source.
func (a *app) event(code int) *notify.Event {
	e := &notify.Event{
		Format: notify.Format, Event: eventOf(code, a.failed), At: a.now().UTC(), Command: a.notice.command,
		Source: strings.ReplaceAll(a.notice.source, "\n", " "), ExitCode: code, Outcome: outcomeName(code), Root: a.notice.root, RunID: a.notice.runID,
	}
	if host, err := os.Hostname(); err == nil {
		e.Host = host
	}
	switch code {
	case exitUnexpected, exitEnvironment, exitStopped, exitTemporary:
		e.ResumeCommand = a.sameAgain() // unless the run got far enough to know better
	}
	if a.failed != nil {
		_, cause := gravest(a.failed)
		e.Hint = chatferry.HintOf(cause)
	}
	if r := a.told; r != nil {
		e.RunID, e.Root, e.ElapsedS, e.Watermark = r.RunID, r.Root, r.ElapsedS, r.Watermark
		e.Quarantined = r.Quarantined
		if r.ResumeCommand != "" {
			e.ResumeCommand = r.ResumeCommand
		}
		e.Streams = map[chatferry.Stream]notify.Counts{}
		for name, s := range r.Streams {
			e.Streams[name] = notify.Counts{
				Read: s.Read, Loaded: s.Loaded, Quarantined: s.Quarantined, Excluded: s.Excluded, Superseded: s.Superseded, State: s.State,
			}
		}
		if r.Phase != nil {
			e.Phase, e.NextCommand = r.Phase.Name, r.Phase.NextCommand
		}
		if r.Estimate != nil {
			e.Deviations = r.Estimate.Deviations
		}
	}
	e.ID = e.RunID + "." + string(e.Event)
	e.Text = "chatferry " + e.Command
	if e.Root != "" {
		e.Text += " of " + e.Root
	}
	e.Text += fmt.Sprintf(": %s (exit code %d)", outcomeMeaning(code), code)
	if e.ElapsedS > 0 {
		e.Text += " after " + progress.Span(time.Duration(e.ElapsedS*float64(time.Second)))
	}
	if e.ResumeCommand != "" {
		e.Text += "; to go on: " + e.ResumeCommand
	}
	return e
}

// eventOf says in one word how a call ended.
func eventOf(code int, err error) notify.Kind {
	switch {
	case code == exitDone, code == exitPartial:
		return notify.Done
	case code == exitStopped:
		return notify.Stopped
	case code == exitEnvironment && api.NeedsAuthorisation(err):
		return notify.NeedsAuthorisation
	}
	return notify.Failed
}

// sameAgain is this call once more, without what may hold secrets: others are shown it.
func (a *app) sameAgain() string {
	var kept []string
	for i := 0; i < len(a.args); i++ {
		name, _, whole := strings.Cut(a.args[i], "=")
		if strings.HasPrefix(name, "--notify-") || name == "--token-command" {
			if !whole {
				i++ // its value
			}
			continue
		}
		kept = append(kept, a.args[i])
	}
	return a.command(kept...)
}
