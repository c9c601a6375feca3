package estimate

import (
	"context"
	"io"
	"path"
	"regexp"
	"slices"
	"time"

	"chatferry"
	"chatferry/extract/dump"
)

// DumpOptions say what dump is to be carried.
type DumpOptions struct {
	Listing    *dump.Listing
	Cuts       chatferry.Cuts
	Processors int // that Lanes can use
	Window     time.Duration
	Tell       func(string)

	looks         int // 0: the constants below; tests look into less
	sample, piece int64
}

const (
	dumpLooks  = 24      // pieces of a Stream that are looked into
	dumpSample = 2 << 20 // stored bytes of each
	dumpPiece  = 1 << 20 // the least piece of a large file
	// runSeconds is what a run takes whatever it carries.
	runSeconds = 1
)

// Dump estimates what a dump takes.
func Dump(ctx context.Context, o DumpOptions) (*Estimate, error) {
	if o.looks == 0 {
		o.looks, o.sample, o.piece = dumpLooks, dumpSample, dumpPiece
	}
	e := &Estimate{Format: Format, Streams: map[chatferry.Stream]*Stream{}}
	source := dump.NewSource(o.Listing, o.Cuts)
	cuts := o.Cuts
	cuts.ShardBytes = o.piece
	pieces, err := o.Listing.Plan(ctx, nil, func(chatferry.ShardID) bool { return false }, cuts, 1)
	if err != nil {
		return nil, err
	}
	var whole []chatferry.Stream
	for _, name := range chatferry.Streams() {
		list := slices.DeleteFunc(slices.Clone(pieces), func(s chatferry.Shard) bool { return s.Stream != name })
		if len(list) == 0 {
			continue
		}
		o.Tell("looking into " + string(name))
		s, err := o.lookInto(ctx, source, list)
		if err != nil {
			return nil, err
		}
		e.Streams[name] = s
		if name.Configuration() {
			whole = append(whole, name)
		}
	}
	took := func(list []chatferry.Stream) time.Duration {
		raw := 0.0
		for _, name := range list {
			raw += float64(e.Streams[name].Raw.N)
		}
		return time.Duration((runSeconds + localSeconds*float64(len(list)) + raw/localRaw/float64(max(1, o.Processors))) * float64(time.Second))
	}
	var rest []chatferry.Stream
	for name := range e.Streams {
		if !name.Configuration() {
			rest = append(rest, name)
		}
	}
	e.Cutover = Phase{Requests: Figure{0, Counted}, Seconds: took(whole).Seconds(), Known: Assumed}
	e.Backfill = Phase{Requests: Figure{0, Counted}, Seconds: took(rest).Seconds(), Known: Assumed}
	e.fit(o.Window, whole, took)
	return e, nil
}

// lookInto counts the records of a Stream's pieces, or reckons them from the beginnings of some.
func (o *DumpOptions) lookInto(ctx context.Context, source *dump.Source, pieces []chatferry.Shard) (*Stream, error) {
	name := pieces[0].Stream
	s := &Stream{Months: map[string]int64{}, Requests: Figure{0, Counted}}
	var read, stored, raw, total int64
	all := true
	sampled := map[string]int64{} // records by month
	step := float64(len(pieces)) / float64(min(len(pieces), o.looks))
	next := 0.0
	for i := range pieces {
		total += pieces[i].Bytes
		if float64(i) < next {
			all = false
			continue
		}
		next += step
		n, err := o.look(ctx, source, &pieces[i], sampled)
		if err != nil {
			return nil, err
		}
		all = all && n.ended
		read, raw, stored = read+n.records, raw+n.raw, stored+n.stored
	}
	known, scale := Counted, 1.0
	if !all {
		known, scale = Sampled, float64(total)/float64(max(1, stored))
	}
	var files []chatferry.File
	for _, f := range o.Listing.Files {
		if f.Stream == name {
			files = append(files, f.File)
		}
	}
	s.Files, s.Bytes = int64(len(files)), Figure{total, Counted}
	s.Records, s.Raw = Figure{int64(float64(read)*scale + 0.5), known}, Figure{int64(float64(raw) * scale), known}
	if name.Configuration() {
		return s, nil
	}
	if byName(s, files); len(s.Months) > 0 {
		return s, nil
	}
	for month, n := range sampled {
		s.Months[month], s.ByMonth = int64(float64(n)*scale+0.5), known
	}
	return s, nil
}

// monthInName is a month in the name of a file or folder.
var monthInName = regexp.MustCompile(`(?:^|[^0-9])((?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2]))(?:[^0-9]|$)`)

// byName shares records out by the months that names tell, if every name does. A folder named after a night tells nothing
// about its records.
func byName(s *Stream, files []chatferry.File) {
	months := map[string]int64{}
	for _, f := range files {
		m := monthInName.FindStringSubmatch(path.Base(f.Path))
		if m == nil {
			return
		}
		months[m[1]] += f.Size
	}
	s.ByMonth = Sampled
	for month, size := range months {
		s.Months[month] = int64(float64(s.Records.N)*float64(size)/float64(max(1, s.Bytes.N)) + 0.5)
	}
}

// taken is what was read of a piece.
type taken struct {
	records, stored, raw int64
	ended                bool
}

func (o *DumpOptions) look(ctx context.Context, source *dump.Source, piece *chatferry.Shard, months map[string]int64) (taken, error) {
	var t taken
	r, err := source.Open(ctx, piece, "")
	if err != nil {
		return t, err
	}
	defer r.Close()
	for t.stored < o.sample {
		page, err := r.Next(ctx)
		if err == io.EOF {
			t.ended, t.stored = true, piece.Bytes
			return t, nil
		}
		if err != nil {
			return t, err
		}
		t.records += int64(len(page.Records))
		t.raw += page.RawBytes
		t.stored += page.StoredBytes
		for i := range page.Records {
			if m := monthOf(page.Records[i].Raw); m != "" {
				months[m]++
			}
		}
		page.Release()
	}
	return t, nil
}

// timeMember is where records of the exports say when they happened.
var timeMember = regexp.MustCompile(`"(?:timestamp|start_time)"\s*:\s*"((?:19|20)[0-9]{2}-[0-9]{2})-`)

// monthOf finds the month of a record; "" if it does not tell.
func monthOf(raw []byte) string {
	// The first of them may be that of something inside a chat, which is of about the same time.
	if m := timeMember.FindSubmatch(raw); m != nil {
		return string(m[1])
	}
	return ""
}
