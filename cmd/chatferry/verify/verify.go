package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
)

// Options say what is verified, and how far.
type Options struct {
	// Load returns the dataset as it is now, checked as checkpoint.Load does; nil: there is none.
	Load  func(context.Context) (*checkpoint.Dataset, error)
	Store load.Store
	// Contents calls visit for every file below the root; it may leave out what is not in a folder of chatferry's.
	Contents func(ctx context.Context, visit func(name string, size int64)) error

	Quick  bool    // only the logs, and the names and sizes of files
	Sample float64 // the share of files that is read, between 0 and 1; 0: all
	// MemoryLimit is that of the process; 0: 512 MiB. Verifying takes about three quarters of it.
	MemoryLimit int64

	// Memory returns what earlier verifications of the dataset proved that were stopped, and keeps what this one proves; nil:
	// all is read. It is asked once the logs are read.
	Memory func(context.Context, *checkpoint.Dataset) (*Memory, error)

	Progress func(Progress)   // nil: none. It is called by one goroutine at a time
	Now      func() time.Time // nil: time.Now, for the report alone
}

// Progress says what is being verified, in bytes or rows.
type Progress struct {
	Step        string // "logs", "list", "read", "keys"
	Done, Total int64
}

// Report says what was proven and what was found.
type Report struct {
	Dataset  string // its UUID; empty if its logs cannot be read
	Runs     int    // that were begun
	Ended    bool   // the last of them in good order
	Records  uint64 // of all logs
	Shards   int    // all of them, and those that are read to their end
	Complete int
	Parts    int64

	Files     int64 // that the logs list
	ReadFiles int64 // of them, with Rows and Bytes
	Rows      int64
	Bytes     int64
	ListBytes int64 // of Files

	// Books are those of the Streams, as recomputed from the Parts that were read as a whole; ProvenParts counts these. The
	// bytes of loaded records are the log's, since rows do not say how long their records were.
	Books       map[chatferry.Stream]chatferry.Books
	ProvenParts int64
	Keyed       map[chatferry.Stream]int64 // rows of the Streams in which no key has two
	Unsettled   []chatferry.Stream         // of which keys may have several rows
	Visitors    int64                      // rows of chat_visitors, of different visitors each
	Changed     []Changed                  // records whose bytes were changed before they were converted

	Recalled int64     // of ReadFiles, those that an earlier call read that was stopped
	Since    time.Time // when the first of them began

	Awaited int64 // files that are committed, or about to be, and not published yet
	Leaving int64 // files that were replaced, or are given up, and are to be removed
	Moved   int64 // files that a run retired meanwhile

	Findings []Finding
	More     int64 // findings beyond these
	Corrupt  error // the logs cannot be believed, so nothing else was looked at
	Elapsed  time.Duration
}

// Changed is what was changed by a rule: the values of these records are not those that the source gave. The bytes that it
// gave are in files of their own, and their SHA-256 is that of their rows.
type Changed struct {
	Generation uint64                     `json:"generation"` // of the replace that brought them out of quarantine
	Rule       string                     `json:"rule"`
	SHA256     chatferry.SHA256           `json:"rule_sha256"`
	Records    map[chatferry.Stream]int64 `json:"records"`
}

// Sound reports whether nothing was found.
func (r *Report) Sound() bool { return len(r.Findings) == 0 && r.Corrupt == nil }

const (
	defaultMemory = 512 << 20
	maxWorkers    = 4
	// workerMemory is what a group of a million records takes, which is as many as there are in a Part, or in Parts that are
	// joined: what is known of each of them, a file, and decoded rows of it.
	workerMemory = 160 << 20
)

// verifier is one verification.
type verifier struct {
	o       Options
	workers int
	d       *checkpoint.Dataset
	listed  *listing
	streams map[chatferry.ShardID]chatferry.Stream
	report  Report
	found   findings
	unsure  suspects
	memory  *Memory   // nil: nothing is recalled or kept
	pieces  sync.Pool // of *[]byte: what was read of files before

	mu     sync.Mutex // of what follows, and of the report while groups are read
	broken map[string]bool
	done   int64
	total  int64
}

// Run verifies a dataset. An error says that it could not be done; what it found is in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.MemoryLimit == 0 {
		o.MemoryLimit = defaultMemory
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	v := &verifier{
		o: o, workers: max(1, min(maxWorkers, runtime.GOMAXPROCS(0), int(o.MemoryLimit/workerMemory))), streams: map[chatferry.ShardID]chatferry.Stream{}, broken: map[string]bool{},
		report: Report{Books: map[chatferry.Stream]chatferry.Books{}, Keyed: map[chatferry.Stream]int64{}},
	}
	v.pieces.New = func() any { return new([]byte) }
	begun := o.Now()
	err := v.run(ctx)
	v.report.Findings, v.report.More = v.found.sorted(), v.found.more
	v.report.Elapsed = o.Now().Sub(begun)
	if err != nil {
		return nil, err
	}
	return &v.report, nil
}

func (v *verifier) run(ctx context.Context) error {
	v.o.Progress(Progress{Step: "logs"})
	sound, err := v.logs(ctx)
	if err != nil || !sound {
		return err
	}
	v.o.Progress(Progress{Step: "list"})
	if err := v.list(ctx); err != nil {
		return err
	}
	if !v.o.Quick {
		if err := v.read(ctx); err != nil {
			return err
		}
		if err := v.keys(ctx); err != nil {
			return err
		}
	}
	return v.confirm(ctx)
}

// logs loads the dataset, and holds its logs against each other.
func (v *verifier) logs(ctx context.Context) (sound bool, err error) {
	d, err := v.o.Load(ctx)
	switch {
	case chatferry.KindOf(err) == chatferry.KindIncompatible:
		v.corrupt(err)
		return false, nil
	case err != nil:
		return false, err
	case d == nil:
		return false, v.headless(ctx)
	}
	v.d = d
	r := &v.report
	r.Dataset, r.Records, r.Shards = d.UUID(), d.Records(), len(d.Shards)
	runs := d.Runs()
	r.Runs = len(runs)
	r.Ended = r.Runs > 0 && runs[r.Runs-1].Done != nil
	for i := range d.Shards {
		v.streams[d.Shards[i].Shard.ID] = d.Shards[i].Shard.Stream
		r.Records += d.Shards[i].N
		r.Parts += d.Shards[i].Parts
		if d.Shards[i].Done {
			r.Complete++
		}
	}
	v.changed()
	return true, v.checkLogs()
}

// changed enters which records were changed by rules.
func (v *verifier) changed() {
	for _, r := range v.d.Replaces() {
		if !r.Done || r.Rule == nil {
			continue
		}
		c := Changed{Generation: r.Generation, Rule: r.Rule.Name, SHA256: r.Rule.SHA256, Records: map[chatferry.Stream]int64{}}
		for _, m := range r.Moves {
			c.Records[v.streams[m.Shard]] += m.N
		}
		v.report.Changed = append(v.report.Changed, c)
	}
}

// ErrNoDataset is returned for a root that holds no dataset, nor anything of one.
var ErrNoDataset = errors.New("there is no dataset")

// headless tells a dataset without its FORMAT from a place that holds none.
func (v *verifier) headless(ctx context.Context) error {
	records := int64(0)
	err := v.o.Contents(ctx, func(name string, _ int64) {
		if _, _, ok := recordOf(name); ok {
			records++
		}
	})
	switch {
	case err != nil:
		return err
	case records == 0:
		return ErrNoDataset
	}
	v.corrupt(&chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "read", Place: checkpoint.Folder + "/FORMAT",
		Err: fmt.Errorf("it is missing, but %d records of logs are there", records), Hint: "restore this file from a backup",
	})
	return nil
}

// corrupt enters what is wrong with the logs.
func (v *verifier) corrupt(err error) {
	v.report.Corrupt = err
	found := Finding{Kind: DamagedLog, Place: checkpoint.Folder + "/log", What: err.Error()}
	if e := (*chatferry.Error)(nil); errors.As(err, &e) && e.Place != "" && e.Err != nil {
		found.Place, found.What = e.Place, e.Err.Error()
	}
	v.found.add(found)
}

// read reads the files, group by group.
func (v *verifier) read(ctx context.Context) error {
	if err := v.recall(ctx); err != nil {
		return err
	}
	var chosen []*group
	for _, g := range groupsOf(v.d) {
		if g.chosen(v.o.Sample) {
			chosen = append(chosen, g)
			v.total += g.size()
		}
	}
	// The largest come first, so that none of them is begun when there is nothing else left.
	slices.SortStableFunc(chosen, func(a, b *group) int { return cmp.Compare(b.size(), a.size()) })
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(v.workers)
	for _, g := range chosen {
		work.Go(func() error { return v.proveGroup(ctx, g) })
	}
	return work.Wait()
}

// advance tells that bytes were read.
func (v *verifier) advance(n int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.done += n
	v.o.Progress(Progress{Step: "read", Done: v.done, Total: v.total})
}

// fail marks a file as one whose contents are not to be used, since it is not what the log says.
func (v *verifier) fail(f *checkpoint.InventoryFile, found Finding) {
	v.mu.Lock()
	v.broken[f.Name] = true
	v.mu.Unlock()
	found.Place = f.Name
	v.found.add(found)
}

func (v *verifier) isBroken(name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.broken[name]
}
