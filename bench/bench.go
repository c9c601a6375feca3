package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"chatferry"
	"chatferry/extract/dump"
	"chatferry/extract/rehearsal"
)

// Config says what is measured.
type Config struct {
	Seed        uint64
	Chats       int64
	Compression rehearsal.Compression
	Lanes       int           // of the whole; the stages alone run on one
	Rounds      int           // in each, the stages and their floors take turns; at least one
	Least       time.Duration // in a round each of them is repeated until it has run that long
	Folder      string        // for the dump and the datasets; made and removed by Run
}

// DefaultConfig is what `chatferry bench` measures unless told otherwise.
func DefaultConfig() Config {
	return Config{Seed: 1, Chats: 20_000, Compression: rehearsal.Gzip, Lanes: runtime.GOMAXPROCS(0), Rounds: 3, Least: 700 * time.Millisecond}
}

// Figure is what one stage or floor did, in all rounds.
type Figure struct {
	Stage   string        `json:"stage"`
	Bytes   int64         `json:"bytes"` // of JSON, uncompressed
	Records int64         `json:"records"`
	Rows    int64         `json:"rows"` // of all tables
	Elapsed time.Duration `json:"elapsed_ns"`
	CPU     time.Duration `json:"cpu_ns"` // of the whole process: user and system
	Allocs  uint64        `json:"allocs"`
	Alloced uint64        `json:"alloc_bytes"`

	// Of stages only. Floors are what no way of doing the stage's work can leave out; OfFloors is the processor time that
	// they took for each byte, as a share of the stage's: 1 is as fast as can be. It is the median of the rounds.
	Floors   []string `json:"floors,omitempty"`
	OfFloors float64  `json:"of_floors,omitempty"`
	// Share is the stage's processor time for each byte, as a share of the whole's; the median of the rounds.
	Share float64 `json:"share,omitempty"`
}

// Report is what Run measured.
type Report struct {
	Config      string   `json:"config"`
	Machine     string   `json:"machine"`
	StoredBytes int64    `json:"stored_bytes"` // of the dump
	Files       int64    `json:"files"`        // of the dataset
	Written     int64    `json:"written_bytes"`
	PeakRSS     int64    `json:"peak_rss_bytes"` // of the process, the making of the dump included
	Figures     []Figure `json:"figures"`        // of the stages, and at last of the whole
	Floors      []Figure `json:"floors"`
}

// Run makes a dump and measures.
func Run(ctx context.Context, c Config) (*Report, error) {
	dir, err := os.MkdirTemp(c.Folder, "chatferry-bench-")
	if err != nil {
		return nil, &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "make a folder for the benchmark", Err: err, Hint: "name another one with --dir"}
	}
	r, err := run(ctx, c, dir)
	return r, errors.Join(err, os.RemoveAll(dir))
}

func run(ctx context.Context, c Config, dir string) (*Report, error) {
	b := &bench{Config: c, cuts: cuts(), dir: dir}
	var err error
	if b.stored, err = b.makeDump(ctx, "stored", c.Compression); err != nil {
		return nil, err
	}
	// The stages behind reading are fed from a plain dump, so that no decompression runs beside them.
	b.plain = b.stored
	if c.Compression != rehearsal.Plain {
		if b.plain, err = b.makeDump(ctx, "plain", rehearsal.Plain); err != nil {
			return nil, err
		}
	}
	report := &Report{
		Config:      fmt.Sprintf("%d chats of seed %d, %s, %d lanes", c.Chats, c.Seed, compressionName(c.Compression), c.Lanes),
		Machine:     fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version()),
		StoredBytes: b.stored.bytes,
	}
	if err := b.measure(ctx, report); err != nil {
		return nil, err
	}
	report.Files, report.Written = b.files, b.written
	report.PeakRSS = peakRSS()
	return report, nil
}

// made is a dump that was made for a measurement.
type made struct {
	bytes  int64 // stored
	files  []string
	shards []chatferry.Shard
	source *dump.Source
}

// makeDump writes the account's chats, which are nearly all of an account's bytes and the only Stream with child tables.
func (b *bench) makeDump(ctx context.Context, name string, compression rehearsal.Compression) (made, error) {
	account := rehearsal.New(rehearsal.Options{Seed: b.Seed, Chats: b.Chats})
	form := rehearsal.Form{Format: rehearsal.NDJSON, Compression: compression}
	place := filepath.Join(b.dir, name)
	written, err := account.WriteDump(ctx, place, rehearsal.Uniform(form, rehearsal.Split{Records: max(1, b.Chats/8)}))
	if err != nil {
		return made{}, fmt.Errorf("make the dump: %w", err)
	}
	listing, err := dump.List(ctx, []string{place}, dump.OpenLocal)
	if err != nil {
		return made{}, err
	}
	listing = listing.Only(chatferry.Chats)
	shards, err := listing.Plan(ctx, nil, nil, b.cuts, 1)
	m := made{bytes: listing.Bytes(), shards: shards, source: dump.NewSource(listing, b.cuts)}
	for _, f := range written.Files {
		if f.Stream == chatferry.Chats {
			m.files = append(m.files, filepath.Join(place, filepath.FromSlash(f.Path)))
		}
	}
	return m, err
}

// cuts are those of a real dataset, with Shards small enough that every Lane has one.
func cuts() chatferry.Cuts {
	c := chatferry.DefaultCuts()
	c.ShardBytes = 4 << 20
	return c
}

func compressionName(c rehearsal.Compression) string {
	switch c {
	case rehearsal.Gzip:
		return "gzip"
	case rehearsal.Zstd:
		return "zstd"
	}
	return "plain"
}
