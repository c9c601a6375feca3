package settle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/load"
	"chatferry/transform"
)

// Options say what is settled, and with what.
type Options struct {
	// Load returns the dataset as it is now.
	Load    func(context.Context) (*checkpoint.Dataset, error)
	Run     *checkpoint.Run // owns the dataset; its Lanes have joined
	Store   load.Store
	Derived Derived // Folder, for a dataset on disk

	MemoryLimit int64 // of the process; 0: 512 MiB. Settling takes about half of it
	// DropDeleted takes out the rows of records that were deleted at the source. They are excluded from then on, and
	// keep older versions from coming back.
	DropDeleted bool
	// Identities says which agent and which department of the upgraded account is which of the legacy one.
	Identities Identities
	// KeepRetired is for how long the files that are replaced stay, for readers who work with a list of files.
	KeepRetired time.Duration

	Log      *slog.Logger     // nil: none
	Progress func(Progress)   // nil: none
	Now      func() time.Time // nil: time.Now, for the report alone
	weaken   func(id) uint64  // nil: id.hash; tests make hashes that collide
	limits   *limits          // nil: from MemoryLimit
	sink     func(*load.Sink) // nil: none; tests make row groups small
}

// Progress says what a settle is doing.
type Progress struct {
	Step   string // "keys", "compare", "rewrite", "identities", "visitors", "compact"
	Stream chatferry.Stream
	Done   int64
	Total  int64
}

// Report says what a settle has done.
type Report struct {
	Keys       int64 // rows and excluded records that were looked at
	Sifted     int   // Streams of which only what is new was held against the rest
	Superseded map[chatferry.Stream]int64
	Deleted    int64              // rows that were excluded since their records were deleted at the source
	Replayed   int64              // records that left the quarantine
	Waiting    []chatferry.Stream // not settled, since they are not read to their end

	Identities *Identified // nil: the dataset has no maps

	Joined   int   // groups of Parts that share files since
	Visitors int64 // rows of chat_visitors, if it was derived
	Touched  int64 // visitors who were looked at for it, if not all were

	Replaces      int
	FilesAdded    int
	FilesRetired  int
	BytesRetired  int64
	BytesAdded    int64
	KeyFiles      int // made
	FilesSearched int // for candidates
	Elapsed       time.Duration
}

// limits bound what is held in memory, in numbers of things, and what one replace takes, in bytes.
type limits struct {
	rangeKeys    int64 // keys of a range that is merged at a time; 12 bytes each, 24 if they are all candidates
	candidates   int   // of a batch, and as many again as a range may add; 80 bytes each
	besideBytes  int64 // of what is made of files side by side
	visitorBytes int64 // of the visitors that are counted at a time
	renewalBytes int64 // of what is known of their rows until these are written
	replaceBytes int64 // of the files that one replace retires, about
	replaceFiles int
	compactBytes int64 // of a unit that small ones become
	smallBytes   int64 // of a unit below which it is joined unasked
	compactAfter int   // of those in a Stream

	visitorsPerFile int64
	visitorsJoin    int
}

// A replace is bounded by these constants and not by the memory limit, since they fix the names of files.
const (
	replaceBytes = 1 << 30
	replaceFiles = 1000
)

const defaultMemory = 512 << 20

func limitsOf(memory int64) limits {
	if memory == 0 {
		memory = defaultMemory
	}
	return limits{
		rangeKeys: max(1<<12, memory/256), candidates: int(max(1<<12, memory/1024)),
		besideBytes: max(1<<16, memory/4), visitorBytes: max(1<<16, memory/8), renewalBytes: max(1<<16, memory/8), replaceBytes: replaceBytes, replaceFiles: replaceFiles,
		compactBytes: compactBytes, smallBytes: smallBytes, compactAfter: compactAfter,
		visitorsPerFile: visitorsPerFile, visitorsJoin: visitorsJoin,
	}
}

// settler is one settle.
type settler struct {
	o       Options
	limits  limits
	atOnce  int
	hash    func(id) uint64
	derived *derivedFiles
	known   *checkpoint.Dataset // nil: it changed since it was loaded
	state   state
	saved   []byte // the state as it was read; nil: there was none
	// whole are the Streams of which all files are settled together, and whether without the rows of deleted records.
	whole   map[chatferry.Stream]bool
	filled  *filled // nil: nothing was looked at
	started time.Time
	report  Report
}

func newSettler(o Options) *settler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	s := &settler{
		o: o, limits: limitsOf(o.MemoryLimit), atOnce: atOnce(o.MemoryLimit), hash: o.weaken, started: o.Now(),
		derived: &derivedFiles{Derived: o.Derived}, whole: map[chatferry.Stream]bool{},
		report: Report{Superseded: map[chatferry.Stream]int64{}},
	}
	if o.limits != nil {
		s.limits = *o.limits
	}
	if s.hash == nil {
		s.hash = id.hash
	}
	return s
}

// Run takes out of the dataset every row of which a newer version is committed, joins small files where there are many,
// and derives chat_visitors. Streams of which a Shard is not read to its end are left as they are. A dataset that is
// settled is not changed. After an error the next run goes on; what was done stays done.
func Run(ctx context.Context, o Options) (Report, error) {
	s := newSettler(o)
	return s.end(ctx, s.run(ctx))
}

// end leaves what the next settle needs, removes what is not needed any more, and reports.
func (s *settler) end(ctx context.Context, err error) (Report, error) {
	if err == nil {
		err = s.leave(ctx)
	}
	if err != nil {
		// A newer run takes away what this one reads and has staged: then that is what matters.
		err = chatferry.Worse(err, s.o.Run.Overtaken(context.WithoutCancel(ctx)))
	}
	s.report.Elapsed = s.o.Now().Sub(s.started)
	return s.report, err
}

func (s *settler) run(ctx context.Context) error {
	d, err := s.begin(ctx)
	if err != nil {
		return err
	}
	ready, waiting := units(d)
	s.report.Waiting = waiting
	if err := s.deriveAll(ctx, d); err != nil {
		return err
	}
	batch := s.newBatch(d, "settle")
	if err := s.settleAll(ctx, batch, ready); err != nil {
		return errors.Join(err, batch.discard())
	}
	for stream := range ready {
		s.whole[stream] = s.o.DropDeleted
	}
	if err := s.identities(ctx); err != nil {
		return err
	}
	if err := s.compact(ctx, s.limits.compactAfter, s.limits.smallBytes); err != nil {
		return err
	}
	return s.visitors(ctx)
}

// begin returns the dataset, and knows what the last settle left.
func (s *settler) begin(ctx context.Context) (*checkpoint.Dataset, error) {
	d, err := s.dataset(ctx)
	if err != nil {
		return nil, err
	}
	return d, s.loadState(ctx)
}

// dataset returns the dataset as it is now.
func (s *settler) dataset(ctx context.Context) (*checkpoint.Dataset, error) {
	if s.known != nil {
		return s.known, nil
	}
	d, err := s.o.Load(ctx)
	s.known = d
	return d, err
}

// leave brings the derived files up to date with the dataset.
func (s *settler) leave(ctx context.Context) error {
	d, err := s.dataset(ctx)
	if err != nil {
		return err
	}
	if err := s.o.Run.Overtaken(ctx); err != nil {
		return err // the newer run needs other ones
	}
	if err := s.deriveAll(ctx, d); err != nil {
		return err
	}
	s.remember(d)
	if err := s.saveState(ctx); err != nil {
		return err
	}
	return s.derived.sweep(ctx, s.wanted(d))
}

// hasKeys reports whether the records of a Stream can come again.
func hasKeys(stream chatferry.Stream) bool { return len(transform.KeyOf(stream).Columns) > 0 }

// holding returns the files that hold keys of a Stream.
func holding(stream chatferry.Stream, all []*unit) []*checkpoint.InventoryFile {
	var out []*checkpoint.InventoryFile
	if !hasKeys(stream) {
		return nil
	}
	for _, u := range all {
		out = append(out, u.of(chatferry.FileRows, stream.Parent())...)
		out = append(out, u.of(chatferry.FileLedger, "")...)
	}
	return out
}

func (s *settler) settleAll(ctx context.Context, batch *batch, ready map[chatferry.Stream][]*unit) error {
	for _, stream := range chatferry.Streams() {
		if len(ready[stream]) == 0 || !hasKeys(stream) {
			continue
		}
		if err := s.settle(ctx, batch, newKeyed(stream), ready[stream]); err != nil {
			return fmt.Errorf("settle %s: %w", stream, err)
		}
	}
	return batch.replace(ctx)
}

// settle takes out what is superseded of one Stream.
func (s *settler) settle(ctx context.Context, batch *batch, k *keyed, all []*unit) error {
	holders, err := s.holders(ctx, k, holding(k.stream, all))
	if err != nil {
		return err
	}
	out, err := s.resolve(ctx, k, holders)
	if err == nil {
		err = s.findGone(ctx, batch.d, k, holders, out)
	}
	if err != nil {
		return err
	}
	for i, u := range all {
		parents := u.of(chatferry.FileRows, k.stream.Parent())
		if !slices.ContainsFunc(parents, func(f *checkpoint.InventoryFile) bool { return out.has(f.Name) }) {
			continue
		}
		s.o.Progress(Progress{Step: "rewrite", Stream: k.stream, Done: int64(i), Total: int64(len(all))})
		if err := batch.rewrite(ctx, k, u, out); err != nil {
			return err
		}
	}
	return nil
}

// holders returns the files of a Stream that hold keys, with the key files of those that were not settled together before.
func (s *settler) holders(ctx context.Context, k *keyed, files []*checkpoint.InventoryFile) ([]holder, error) {
	var out []holder
	before := s.settledBefore(k.stream)
	for _, f := range files {
		h := holder{file: f, fresh: !before[f.SHA256]}
		if h.fresh {
			keys, err := s.scanned(ctx, &keysKind, k, f, nil, nil)
			if err != nil {
				return nil, err
			}
			s.opened(&h, keys)
		}
		out = append(out, h)
	}
	return out, nil
}
