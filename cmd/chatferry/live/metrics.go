package live

import (
	"math"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"chatferry"
)

// About says what run the metrics are of.
type About struct {
	RunID, Command, Version, Revision, Go string
	Begun                                 time.Time
}

// Metrics counts what a run does, from its beginning on; what earlier runs did is not in them. It implements
// chatferry.Observer.
type Metrics struct {
	registry *prometheus.Registry

	read, loaded, quarantined, excluded *prometheus.CounterVec
	bytesRead, bytesWritten, parts      *prometheus.CounterVec
	requests, throttled                 *prometheus.CounterVec
	opened, done                        *prometheus.CounterVec

	commit atomic.Int64 // of the last Checkpoint, in Unix nanoseconds; 0: there is none yet
	exit   atomic.Int64 // the exit code; negative: it has not ended
	now    func() time.Time
}

var _ chatferry.Observer = (*Metrics)(nil)

// Watched is what is asked of a run whenever the metrics are.
type Watched struct {
	Progress func() float64 // how much of the source has been read, between 0 and 1; NaN where that is not known
	Stopping func() bool    // whether it was asked to stop
	Now      func() time.Time
}

// NewMetrics returns the metrics of a run that begins.
func NewMetrics(about About, w Watched) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), now: w.Now}
	m.exit.Store(-1)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "chatferry", Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "chatferry", Name: name, Help: help}, value))
	}
	m.read = counter("records_read_total", "Records read by this run, committed or not.", "stream")
	m.loaded = counter("records_loaded_total", "Records committed by this run that became rows.", "stream")
	m.quarantined = counter("records_quarantined_total", "Records committed by this run that went to quarantine.", "stream")
	m.excluded = counter("records_excluded_total", "Records committed by this run that a rule excluded.", "stream", "reason")
	m.bytesRead = counter("source_bytes_read_total", "Stored bytes of the source read by this run.", "stream")
	m.bytesWritten = counter("written_bytes_total", "Bytes of the files that this run committed.", "stream")
	m.parts = counter("parts_committed_total", "Parts committed by this run; each is a checkpoint.", "stream")
	m.requests = counter("requests_total", "Requests to the API behind what this run committed.", "stream")
	m.throttled = counter("throttled_seconds_total", "Time for which all Lanes together waited for their turn with the API, behind what this run committed.", "stream")
	m.opened = counter("shards_opened_total", "Shards that this run has begun to carry.", "stream")
	m.done = counter("shards_done_total", "Shards that this run has carried to their end.", "stream")
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "chatferry", Name: "build_info", Help: "The program, with the value 1.",
	}, []string{"version", "revision", "goversion"})
	build.WithLabelValues(about.Version, about.Revision, about.Go).Set(1)
	run := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "chatferry", Name: "run_info", Help: "The run, with the value 1.",
	}, []string{"run", "command"})
	run.WithLabelValues(about.RunID, about.Command).Set(1)
	m.registry.MustRegister(build, run, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	gauge("run_start_time_seconds", "When the run began, in Unix time.", func() float64 { return float64(about.Begun.UnixMilli()) / 1000 })
	gauge("run_exit_code", "The exit code of the run; NaN while it works.", func() float64 {
		if code := m.exit.Load(); code >= 0 {
			return float64(code)
		}
		return math.NaN()
	})
	gauge("last_checkpoint_age_seconds", "Time since the last checkpoint of this run; since its beginning if it has none.", func() float64 {
		since := about.Begun
		if at := m.commit.Load(); at != 0 {
			since = time.Unix(0, at)
		}
		return m.now().Sub(since).Seconds()
	})
	gauge("progress_ratio", "Share of the source's stored bytes that has been read, by all runs; NaN while that is not known.", w.Progress)
	gauge("run_stopping", "Whether the run was asked to stop: 1, else 0.", func() float64 {
		if w.Stopping() {
			return 1
		}
		return 0
	})
	return m
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// Ended says how the run ended.
func (m *Metrics) Ended(exitCode int) { m.exit.Store(int64(exitCode)) }

// ShardOpened implements chatferry.Observer.
func (m *Metrics) ShardOpened(s *chatferry.Shard, _ chatferry.Position) {
	m.opened.WithLabelValues(string(s.Stream)).Inc()
}

// PageRead implements chatferry.Observer.
func (m *Metrics) PageRead(s *chatferry.Shard, records, _, storedBytes int64) {
	m.read.WithLabelValues(string(s.Stream)).Add(float64(records))
	m.bytesRead.WithLabelValues(string(s.Stream)).Add(float64(storedBytes))
}

// Committed implements chatferry.Observer.
func (m *Metrics) Committed(s *chatferry.Shard, p *chatferry.Part) {
	stream := string(s.Stream)
	m.loaded.WithLabelValues(stream).Add(float64(p.Books.Loaded.N))
	m.quarantined.WithLabelValues(stream).Add(float64(p.Books.Quarantined.N))
	for reason, t := range p.Books.Excluded {
		m.excluded.WithLabelValues(stream, reason).Add(float64(t.N))
	}
	m.parts.WithLabelValues(stream).Inc()
	m.requests.WithLabelValues(stream).Add(float64(p.Requests))
	m.throttled.WithLabelValues(stream).Add(float64(p.ThrottledMS) / 1000)
	written := int64(0)
	for i := range p.Files {
		written += p.Files[i].Size
	}
	m.bytesWritten.WithLabelValues(stream).Add(float64(written))
	m.commit.Store(m.now().UnixNano())
}

// ShardDone implements chatferry.Observer.
func (m *Metrics) ShardDone(s *chatferry.Shard) {
	m.done.WithLabelValues(string(s.Stream)).Inc()
}
