package checkpoint

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"chatferry"
)

// Config is what a run works with.
type Config struct {
	Logs      LogStore
	Publisher chatferry.Publisher
	// Seen, if set, is how many records the dataset log had when the caller looked at the dataset; see Dataset.Records.
	// If another run has appended since, Begin ends with KindFenced, since what the caller planned no longer holds.
	Seen *uint64

	Now   func() time.Time // nil: time.Now
	Nonce func() string    // nil: 128 random bits
}

// Run is a run that owns the dataset, until another one takes over. Its methods may be called by several goroutines.
type Run struct {
	cfg  Config
	open RunOpen

	replaces sync.Mutex // held while files are replaced or removed

	mu        sync.Mutex
	w         writer
	facts     *facts
	fence     error                        // set when this run was found to be overtaken
	published map[chatferry.ShardID]uint64 // every Part of the Shard up to this one is, as this run knows
	known     *Dataset                     // what was read to check a replace; nil before the first
}

var _ chatferry.Checkpointer = (*Run)(nil)

// Begin begins a run: it makes the dataset if there is none, and appends run-open with a new epoch, which ends every
// other run. A change of the shaping settings is an error of KindIncompatible that names them, unless nothing has been
// committed yet. A replace that an earlier run left in progress is carried to its end, or undone.
func Begin(ctx context.Context, cfg Config, open RunOpen) (*Run, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Nonce == nil {
		cfg.Nonce = func() string {
			var b [16]byte
			_, _ = rand.Read(b[:]) // never fails
			return hex.EncodeToString(b[:])
		}
	}
	f, begin, err := ensureFormat(ctx, cfg.Logs, newUUID(cfg.Nonce), cfg.Nonce())
	if err != nil {
		return nil, err
	}
	r := &Run{cfg: cfg, open: open, facts: newFacts(f, begin), published: map[chatferry.ShardID]uint64{}}
	for {
		if err := r.tryOpen(ctx); err == nil {
			break
		} else if taken := (*takenError)(nil); !errors.As(err, &taken) {
			return nil, err
		}
		// Another run appended in between. It is older or newer; this one will be the newest.
	}
	// What dead runs left behind hurts nobody, and the next run tries again.
	for _, folder := range []string{Folder, r.w.folder()} {
		if err := cfg.Logs.Sweep(ctx, folder, r.w.epoch); err != nil {
			return nil, explain("sweep", folder, err)
		}
	}
	if err := r.recoverReplaces(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// newUUID spells 128 bits of the nonce as a UUID of version 4.
func newUUID(nonce func() string) string {
	sum := sumOf([]byte(nonce()))
	sum[6] = sum[6]&0x0f | 0x40
	sum[8] = sum[8]&0x3f | 0x80
	x := hex.EncodeToString(sum[:16])
	return strings.Join([]string{x[:8], x[8:12], x[12:16], x[16:20], x[20:]}, "-")
}

func (r *Run) tryOpen(ctx context.Context) error {
	last, err := lastNumber(ctx, r.cfg.Logs, DatasetLog)
	if err != nil {
		return err
	}
	if err := r.facts.read(ctx, r.cfg.Logs, last); err != nil {
		return err
	}
	if seen := r.cfg.Seen; seen != nil && r.facts.n != *seen {
		return &chatferry.Error{
			Kind: chatferry.KindFenced, Op: "begin a run",
			Err:  fmt.Errorf("another run has written to the dataset's log, which has %d records instead of %d", r.facts.n, *seen),
			Hint: "let it work, nothing is lost",
		}
	}
	if changed := r.facts.changedShaping(r.open.Shaping); len(changed) > 0 {
		states, err := tails(ctx, r.cfg.Logs, r.facts)
		if err != nil {
			return err
		}
		for _, s := range states {
			if s.Totals.Seq > 0 {
				return &chatferry.Error{
					Kind: chatferry.KindIncompatible, Op: "begin a run",
					Err:  fmt.Errorf("these settings shape the dataset and have changed since it was begun: %s", strings.Join(changed, "; ")),
					Hint: "run with the settings that it was begun with, or choose another target",
				}
			}
		}
	}
	r.w = writer{
		logs: r.cfg.Logs, now: r.cfg.Now, nonce: r.cfg.Nonce, dataset: r.facts.format.Dataset,
		log: DatasetLog, epoch: r.facts.epoch() + 1, tag: r.facts.epoch(), n: r.facts.n, head: r.facts.head,
	}
	// Records of a run that was killed between its link and its fsync must not be lost behind ours.
	if err := r.cfg.Logs.Sync(ctx, r.w.folder()); err != nil {
		return explain("make durable", r.w.folder(), err)
	}
	rec := &Record{Kind: KindRunOpen, RunOpen: &r.open}
	if err := r.w.append(ctx, rec); err != nil {
		return err
	}
	r.w.tag = r.w.epoch
	return r.facts.fold(rec, r.w.head)
}

// Epoch is the run's number in the dataset. Everything the run stages carries it.
func (r *Run) Epoch() uint64 { return r.w.epoch }

// UUID names the dataset.
func (r *Run) UUID() string { return r.facts.format.Dataset }

// Shards returns every Shard of the dataset with its state, as the ends of the logs tell it; Parts are left out.
func (r *Run) Shards(ctx context.Context) ([]ShardState, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return tails(ctx, r.cfg.Logs, r.facts)
}

// AddShards adds Shards to the dataset. Their ids must be greater than any that was given before.
func (r *Run) AddShards(ctx context.Context, added []chatferry.Shard) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(added) == 0 {
		return nil
	}
	if err := r.facts.checkShards(added); err != nil {
		return &chatferry.Error{Kind: chatferry.KindUsage, Op: "add shards", Err: err}
	}
	return r.appendFact(ctx, &Record{Kind: KindShards, Shards: &ShardsAdded{Added: added}})
}

// appendFact appends to the dataset log; the caller holds the lock.
func (r *Run) appendFact(ctx context.Context, rec *Record) error {
	if r.fence != nil {
		return r.fence
	}
	if err := r.w.appendOwned(ctx, rec); err != nil {
		r.noteFence(err)
		return err
	}
	if err := r.facts.fold(rec, r.w.head); err != nil {
		panic(fmt.Sprintf("appended a record that does not fold: %v", err))
	}
	return nil
}

// noteFence remembers that this run is over; the caller holds the lock.
func (r *Run) noteFence(err error) {
	if r.fence == nil && chatferry.KindOf(err) == chatferry.KindFenced {
		r.fence = err
	}
}

// Overtaken returns an error of KindFenced if a newer run has begun. Whoever meets a failure asks it, since a newer run
// sweeps what this one has staged, and the failure may be no more than that.
func (r *Run) Overtaken(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(r.fence, r.w.broken); err != nil {
		return err
	}
	by, _, err := readRecord(ctx, r.cfg.Logs, r.facts.format.Dataset, DatasetLog, r.w.n+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fenced(r.w.epoch, by)
	}
	r.noteFence(err)
	return err
}

// fencedBy lets a Lane tell the others, so that the first fence stops all.
func (r *Run) fencedBy(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noteFence(err)
}

func (r *Run) isFenced() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fence
}

// isRetired reports whether a replace-done retired the file with this final name.
func (r *Run) isRetired(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.facts.retired[name]
}

// End is what a run says about itself when it ends.
type End struct {
	Watermark string
	ExitCode  int
	Verdict   string
	// Unavailable are the Streams that the source did not give.
	Unavailable map[chatferry.Stream]chatferry.Availability
}

// Done ends the run: it removes what older runs left in staging of Shards that are done, and appends run-done with the
// heads of all logs and the books. All Lanes must have joined. It returns the record's body.
func (r *Run) Done(ctx context.Context, end End) (*RunDone, error) {
	if err := r.Overtaken(ctx); err != nil {
		return nil, err
	}
	if err := r.clearReplaces(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	states, err := tails(ctx, r.cfg.Logs, r.facts)
	if err != nil {
		return nil, err
	}
	done := &RunDone{
		Watermark: end.Watermark, ExitCode: end.ExitCode, Verdict: end.Verdict, Unavailable: end.Unavailable,
		Heads: map[string]Head{},
	}
	for _, s := range states {
		if s.N == 0 {
			continue
		}
		// The heads must not name records that a power loss could take away: a run that was overtaken may have been
		// killed between link and fsync.
		folder := logFolder + "/" + s.Shard.ID.String()
		if err := r.cfg.Logs.Sync(ctx, folder); err != nil {
			return nil, explain("make durable", folder, err)
		}
		done.Heads[s.Shard.ID.String()] = Head{s.N, s.Head}
		if !s.Done {
			continue
		}
		// Every Part of a Shard that is done is published, so nothing that is staged for it is needed any more. Nobody
		// opens it again either, so what was left half-made in its log is removed here.
		if err := r.cfg.Logs.Sweep(ctx, folder, r.w.epoch); err != nil {
			return nil, explain("sweep", folder, err)
		}
		if _, err := sweepStaged(ctx, r.cfg.Publisher, s.Shard.ID, r.w.epoch+1, allUploads, nil); err != nil {
			return nil, err
		}
	}
	if done.Books, done.Tables, err = sum(states, r.facts); err != nil {
		return nil, err
	}
	if err := r.appendFact(ctx, &Record{Kind: KindRunDone, RunDone: done}); err != nil {
		return nil, err
	}
	return done, nil
}
