package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"strings"
	"time"

	"chatferry"
	"chatferry/cmd/chatferry/live"
)

// watched is a run that can be watched while it works. Its methods may be called on nil: nobody asked for it.
type watched struct {
	listener net.Listener // nil once it is served
	hosts    []string
	server   *live.Server
	metrics  *live.Metrics
}

// How long the page of a dataset is served again at least. To look at one in a bucket takes requests.
const (
	freshPage       = 5 * time.Second
	freshPageBucket = 15 * time.Second
)

// openWatched listens where --listen says, so that a port that is taken is an error before anything is done.
func (a *app) openWatched(ctx context.Context, s *settings) (*watched, error) {
	address := string(s.Listen)
	if address == "" {
		if s.ListenHosts != "" {
			return nil, usage("add for example --listen 0.0.0.0:9090", "--listen-hosts says who may watch, and --listen does not say where")
		}
		return nil, nil
	}
	w := &watched{}
	for host := range strings.SplitSeq(strings.ToLower(string(s.ListenHosts)), ",") {
		if host = strings.TrimSpace(host); host != "" {
			w.hosts = append(w.hosts, host)
		}
	}
	if strings.HasPrefix(address, ":") {
		address = "127.0.0.1" + address
	}
	l, err := live.Listen(ctx, address, len(w.hosts) > 0, a.listen)
	switch addrErr := (*net.AddrError)(nil); {
	case errors.As(err, &addrErr):
		return nil, usage("write for example --listen 127.0.0.1:9090", "--listen: %q is not HOST:PORT", address)
	case errors.Is(err, live.ErrPublic):
		return nil, usage("listen at 127.0.0.1; or add --listen-hosts with the names by which others call this machine, or *, if they may see how the run goes",
			"--listen: others than this machine reach %s", address)
	case err != nil:
		return nil, &chatferry.Error{
			Kind: chatferry.KindEnvironment, Op: "listen at", Place: address, Err: err, Hint: "give --listen a port that is free; port 0 takes any",
		}
	}
	w.listener = l
	return w, nil
}

// serve begins to serve, until the run ends.
func (w *watched) serve(c *carriage, request *stopRequest) {
	if w == nil {
		return
	}
	stopping := func() bool {
		select {
		case <-request.asked:
			return true
		default:
			return false
		}
	}
	v := programVersion()
	w.metrics = live.NewMetrics(live.About{
		RunID: c.runID, Command: c.command, Version: v.Version, Revision: v.Revision, Go: v.Go, Begun: c.begun,
	}, live.Watched{Progress: c.share, Stopping: stopping, Now: c.now})
	fresh := freshPage
	if isS3(c.t.root) {
		fresh = freshPageBucket
	}
	fmt.Fprintf(c.stderr, "chatferry: serving how this run goes at http://%s/ until it ends, without a value of any record\n", w.listener.Addr())
	if len(w.hosts) > 0 {
		fmt.Fprintf(c.stderr, "chatferry: whoever reaches %s sees it: the place, the source, counts and times\n", w.listener.Addr())
	}
	w.server = live.Serve(w.listener, live.Options{
		Page: c.livePage, Fresh: fresh, Metrics: w.metrics.Handler(), Names: w.hosts, Now: c.now,
		State: func() string {
			if stopping() {
				return "stopping"
			}
			return "working"
		},
	})
	w.listener = nil
}

// share is how much of the source has been read.
func (c *carriage) share() float64 {
	all := c.tracker.Snapshot().All
	if all.Open || all.Total <= 0 {
		return math.NaN()
	}
	return min(1, float64(all.Done)/float64(all.Total))
}

// observer returns who is told what the Lanes do.
func (w *watched) observer(o chatferry.Observer) chatferry.Observer {
	if w == nil {
		return o
	}
	return observers{o, w.metrics}
}

// ended says how the run ended to whoever is still watching.
func (w *watched) ended(exitCode int) {
	if w != nil && w.metrics != nil {
		w.metrics.Ended(exitCode)
	}
}

func (w *watched) close() {
	switch {
	case w == nil:
	case w.server != nil:
		w.server.Close()
	default:
		_ = w.listener.Close()
	}
}

// livePageTries bounds how often the page begins again because the run took files away that it was about to look at.
const livePageTries = 5

// livePage writes the page of the report, as the dataset is now.
func (c *carriage) livePage(ctx context.Context, w io.Writer) error {
	for try := 1; ; try++ {
		d, err := c.t.load(ctx)
		if err != nil {
			return err
		}
		if d == nil {
			_, err := io.WriteString(w, "<!DOCTYPE html><html lang=\"en\"><title>Migration report</title><p>The run has begun; nothing is committed yet.</p></html>\n")
			return err
		}
		r, err := c.reportOnce(ctx, &dataset{c.t, d}, true)
		if errors.Is(err, fs.ErrNotExist) && try < livePageTries {
			continue
		}
		if err != nil {
			return err
		}
		return r.HTML(w)
	}
}

// observers tells several.
type observers []chatferry.Observer

var _ chatferry.Observer = observers(nil)

// ShardOpened implements chatferry.Observer.
func (o observers) ShardOpened(s *chatferry.Shard, from chatferry.Position) {
	for _, one := range o {
		one.ShardOpened(s, from)
	}
}

// PageRead implements chatferry.Observer.
func (o observers) PageRead(s *chatferry.Shard, records, rawBytes, storedBytes int64) {
	for _, one := range o {
		one.PageRead(s, records, rawBytes, storedBytes)
	}
}

// Committed implements chatferry.Observer.
func (o observers) Committed(s *chatferry.Shard, p *chatferry.Part) {
	for _, one := range o {
		one.Committed(s, p)
	}
}

// ShardDone implements chatferry.Observer.
func (o observers) ShardDone(s *chatferry.Shard) {
	for _, one := range o {
		one.ShardDone(s)
	}
}
