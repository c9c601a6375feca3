package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"chatferry"
	"chatferry/checkpoint"
)

// Facts are what the logs do not say.
type Facts struct {
	Root    string
	Sources []string // of the last run, without credentials
	Version string   // of the program that makes the report
	Now     time.Time

	State State
	Ended time.Time // of the last run: its end, its last sign of life, or now while it works
	// Resume is the command that goes on, Rejects the one that shows what is in quarantine; empty: there is nothing to do or
	// to show.
	Resume, Rejects string
	Quarantine      []Quarantined
	Certificate     string // of the last run that ended, and whether it is signed; empty: there is none
	// Differs is what contradicts the logs: books that do not close, or a file that is not there. Checked says that the
	// files were looked for.
	Differs error
	Checked bool

	Outcome func(exitCode int) string     // in words
	Reason  func(exclusion string) string // in words; may be empty
	Escape  func(text string) string      // of a name from outside, what would not be seen
	Allowed func(s chatferry.Stream) bool // to be missing or forbidden
}

// State is what a run last left the dataset in.
type State string

// The States.
const (
	Empty   State = "empty"   // no run was begun
	Working State = "working" // a run holds the lock
	Done    State = "done"    // everything that was planned is committed
	Stopped State = "ended"   // the last run ended in good order, before everything was done
	Died    State = "died"    // the last run did not end, and nobody holds the lock
)

// Report is all that a page shows.
type Report struct {
	Verdict     Verdict   `json:"verdict"`
	Root        string    `json:"root"`
	Dataset     string    `json:"dataset"` // its UUID
	Sources     []string  `json:"sources"`
	Certificate string    `json:"certificate,omitempty"`
	Watermark   string    `json:"watermark,omitempty"` // every change before it was read; of accounts
	Made        time.Time `json:"made"`
	Version     string    `json:"version"`  // of the program that made the report
	Versions    []string  `json:"versions"` // of the programs that worked on the dataset
	Begun       time.Time `json:"begun,omitzero"`
	Ended       time.Time `json:"ended,omitzero"`
	WorkedS     float64   `json:"worked_s"` // of all runs, without the pauses between them
	Trial       bool      `json:"trial,omitempty"`
	Only        string    `json:"only_streams,omitempty"` // that were asked for, if not all were
	Phase       string    `json:"phase,omitempty"`        // of the last run: all, cutover or backfill

	Streams    []Stream      `json:"streams"`
	All        Stream        `json:"all"`
	Excluded   []Excluded    `json:"excluded"`
	Quarantine []Quarantined `json:"quarantine"`
	Replayed   []Replayed    `json:"replayed,omitempty"`
	Rejects    string        `json:"quarantine_command,omitempty"`
	Doubts     []Doubt       `json:"doubts"`
	NotGiven   []NotGiven    `json:"not_given"`
	// NotHeld are the Streams of which nothing was planned: the source holds nothing of them, or they were not asked for.
	NotHeld    []chatferry.Stream `json:"not_held"`
	Tables     []Table            `json:"tables"`
	Size       Table              `json:"size"` // of all tables
	Aside      Aside              `json:"aside"`
	Requests   int64              `json:"requests"`
	ThrottledS float64            `json:"throttled_s"` // of all Lanes together
	Checked    bool               `json:"files_checked"`
	Runs       []Run              `json:"runs"`
	Timeline   Timeline           `json:"timeline"`
	Months     *Months            `json:"months,omitempty"` // nil: the chats were not counted
}

// Stream is what became of the records of a Stream.
type Stream struct {
	Name        chatferry.Stream `json:"stream"`
	Read        int64            `json:"read"`
	Loaded      int64            `json:"loaded"`
	Quarantined int64            `json:"quarantined"`
	Excluded    int64            `json:"excluded"`
	Superseded  int64            `json:"superseded"`
	Absent      int64            `json:"absent,omitempty"` // named by the source and then not given: deleted meanwhile
	Bytes       int64            `json:"bytes"`            // stored bytes of the source that were read
	Done        bool             `json:"done"`             // to its end
	Closes      bool             `json:"closes"`           // in counts, bytes and digests
}

// add adds the counts of o.
func (s *Stream) add(o *Stream) {
	s.Read += o.Read
	s.Loaded += o.Loaded
	s.Quarantined += o.Quarantined
	s.Excluded += o.Excluded
	s.Superseded += o.Superseded
	s.Absent += o.Absent
	s.Bytes += o.Bytes
	s.Done = s.Done && o.Done
	s.Closes = s.Closes && o.Closes
}

// Excluded counts the records that a rule keeps out.
type Excluded struct {
	Stream chatferry.Stream `json:"stream"`
	Reason string           `json:"reason"`
	Count  int64            `json:"count"`
	Why    string           `json:"explanation,omitempty"`
}

// Quarantined counts the records of a Stream that could not be converted, by the reason.
type Quarantined struct {
	Stream chatferry.Stream `json:"stream"`
	Code   chatferry.Code   `json:"code"`
	Count  int64            `json:"count"`
	Bytes  int64            `json:"bytes"`
	Why    string           `json:"explanation"`
}

// Replayed counts the records of a Stream that one replay took out of quarantine.
type Replayed struct {
	Stream chatferry.Stream  `json:"stream"`
	Count  int64             `json:"count"`
	At     time.Time         `json:"at"`
	Rule   string            `json:"rule,omitempty"` // the file of rules by which their bytes were changed; empty: they were not
	SHA256 *chatferry.SHA256 `json:"rule_sha256,omitempty"`
}

// How says how the records came out.
func (r *Replayed) How() string {
	if r.Rule == "" {
		return "as they were"
	}
	return fmt.Sprintf("changed by the rules of %s (SHA-256 %.12s…)", r.Rule, r.SHA256.String())
}

// Doubt is a part of the source of which records may be missing.
type Doubt struct {
	Stream chatferry.Stream `json:"stream"`
	File   string           `json:"file"`
	At     int64            `json:"at"`
	Reason string           `json:"reason"`
}

// NotGiven is a Stream that the source did not give.
type NotGiven struct {
	Stream  chatferry.Stream       `json:"stream"`
	Why     chatferry.Availability `json:"why"`
	Allowed bool                   `json:"allowed"`
}

// Table is the files of a table.
type Table struct {
	Name  chatferry.Table `json:"table,omitempty"`
	Rows  int64           `json:"rows"`
	Files int64           `json:"files"`
	Bytes int64           `json:"bytes"`
}

// Aside is the files beside the tables.
type Aside struct {
	Ledger     Table `json:"ledger"`
	Quarantine Table `json:"quarantine"`
}

// New takes the figures of a report from the logs.
func New(d *checkpoint.Dataset, f *Facts) (*Report, error) {
	books, tables, err := d.Books()
	if err != nil {
		return nil, err
	}
	r := &Report{
		Root: f.Root, Dataset: d.UUID(), Certificate: f.Certificate, Sources: append([]string{}, f.Sources...), Made: f.Now.UTC(), Version: f.Version, Rejects: f.Rejects,
		Versions: []string{}, Excluded: []Excluded{}, Doubts: []Doubt{}, NotGiven: []NotGiven{}, Tables: []Table{},
		NotHeld: []chatferry.Stream{}, Streams: []Stream{}, Quarantine: append([]Quarantined{}, f.Quarantine...), Checked: f.Checked,
	}
	r.books(books, f)
	r.shards(d, f)
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		n := tables[name]
		r.Tables = append(r.Tables, Table{name, n.Rows, n.Files, n.Bytes})
		r.Size.Rows += n.Rows
		r.Size.Files += n.Files
		r.Size.Bytes += n.Bytes
	}
	for _, file := range d.Inventory() {
		switch file.Kind {
		case chatferry.FileLedger:
			r.Aside.Ledger.add(&file)
		case chatferry.FileQuarantine:
			r.Aside.Quarantine.add(&file)
		}
	}
	r.replayed(d, f)
	r.runs(d, f)
	r.Timeline = newTimeline(d, r.Runs)
	r.Verdict = r.judge(f)
	return r, nil
}

func (t *Table) add(f *checkpoint.InventoryFile) {
	t.Files++
	t.Rows += f.Rows
	t.Bytes += f.Size
}

// books fills in the Streams and what is excluded from them.
func (r *Report) books(books map[chatferry.Stream]chatferry.Books, f *Facts) {
	for _, name := range chatferry.Streams() {
		b, ok := books[name]
		if !ok && !name.Made() {
			r.NotHeld = append(r.NotHeld, name)
		}
		if !ok {
			continue
		}
		r.Streams = append(r.Streams, Stream{
			Name: name, Read: b.Read.N, Loaded: b.Loaded.N, Quarantined: b.Quarantined.N, Excluded: b.ExcludedTotal().N,
			Superseded: b.Superseded.N, Done: true, Closes: b.Close() == nil,
		})
		for _, reason := range slices.Sorted(maps.Keys(b.Excluded)) {
			r.Excluded = append(r.Excluded, Excluded{name, f.Escape(reason), b.Excluded[reason].N, f.Reason(reason)})
		}
	}
}

// shards adds what is told by the Shards of each Stream.
func (r *Report) shards(d *checkpoint.Dataset, f *Facts) {
	by := map[chatferry.Stream]*Stream{}
	for i := range r.Streams {
		by[r.Streams[i].Name] = &r.Streams[i]
	}
	throttled := int64(0)
	for i := range d.Shards {
		s := &d.Shards[i]
		sum := by[s.Shard.Stream]
		sum.Bytes += s.StoredBytes
		sum.Done = sum.Done && s.Done
		r.Requests += s.Requests
		throttled += s.ThrottledMS
		for j := range s.Commits {
			p := &s.Commits[j]
			if p.Reopened {
				continue
			}
			sum.Absent += int64(len(p.Absent))
			for _, doubt := range p.Doubts {
				r.Doubts = append(r.Doubts, Doubt{p.Stream, f.Escape(doubt.File), doubt.At, f.Escape(doubt.Reason)})
			}
		}
	}
	r.ThrottledS = float64(throttled) / 1000
	r.All = Stream{Name: "all", Done: true, Closes: true}
	for i := range r.Streams {
		r.All.add(&r.Streams[i])
	}
}

// replayed tells which records left the quarantine.
func (r *Report) replayed(d *checkpoint.Dataset, f *Facts) {
	stream := map[chatferry.ShardID]chatferry.Stream{}
	for i := range d.Shards {
		stream[d.Shards[i].Shard.ID] = d.Shards[i].Shard.Stream
	}
	for _, by := range d.Replaces() {
		counts := map[chatferry.Stream]int64{}
		for _, m := range by.Moves {
			if m.From == checkpoint.Quarantined && by.Done {
				counts[stream[m.Shard]] += m.N
			}
		}
		for _, name := range chatferry.Streams() {
			if counts[name] == 0 {
				continue
			}
			one := Replayed{Stream: name, Count: counts[name], At: by.At.UTC()}
			if by.Rule != nil {
				one.Rule, one.SHA256 = f.Escape(by.Rule.Name), &by.Rule.SHA256
			}
			r.Replayed = append(r.Replayed, one)
		}
	}
}

// notGiven takes from the last run that ended what the source did not give.
func (r *Report) notGiven(last *checkpoint.RunDone, f *Facts) {
	order := chatferry.Streams()
	for name, why := range last.Unavailable {
		r.NotGiven = append(r.NotGiven, NotGiven{name, why, f.Allowed(name)})
	}
	slices.SortFunc(r.NotGiven, func(a, b NotGiven) int {
		return cmp.Compare(slices.Index(order, a.Stream), slices.Index(order, b.Stream))
	})
}
