package settle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/objectstore"
	"chatferry/load"
	"chatferry/load/local"
	"chatferry/load/s3"
	"chatferry/transform"
)

// A feed is an account that a test makes up: the records of each Shard, in order.
type feed struct {
	shards  []chatferry.Shard
	records map[chatferry.ShardID][]string
	page    int // records of a Page
	part    int // and of a Part
	bytes   int64
	// faulty are records that the Source could not cut, and mended what others are to be changed to when they are replayed.
	faulty map[string]bool
	mended map[string]string
}

func newFeed() *feed {
	return &feed{records: map[chatferry.ShardID][]string{}, page: 4, part: 8, bytes: 1 << 20}
}

func (f *feed) add(stream chatferry.Stream, records ...string) {
	s := chatferry.Shard{ID: chatferry.ShardID(len(f.shards) + 1), Stream: stream, Bytes: int64(len(records))}
	f.shards = append(f.shards, s)
	f.records[s.ID] = records
}

// read adds a Shard of an account that gives a Stream whole.
func (f *feed) read(stream chatferry.Stream, records ...string) {
	f.add(stream, records...)
	f.shards[len(f.shards)-1].API = &chatferry.Range{Endpoint: string(stream), Pass: len(f.shards)}
}

// Open implements chatferry.Source.
func (f *feed) Open(_ context.Context, s *chatferry.Shard, from chatferry.Position) (chatferry.Reader, error) {
	at := 0
	if from != "" {
		var err error
		if at, err = strconv.Atoi(string(from)); err != nil {
			return nil, err
		}
	}
	return &feedReader{f: f, shard: s, at: at}, nil
}

type feedReader struct {
	f     *feed
	shard *chatferry.Shard
	at    int
}

func (r *feedReader) Next(context.Context) (*chatferry.Page, error) {
	all := r.f.records[r.shard.ID]
	if r.at == len(all) {
		return nil, io.EOF
	}
	p := &chatferry.Page{Shard: r.shard, From: position(r.at)}
	for range min(r.f.page, len(all)-r.at) {
		record := chatferry.Record{Raw: []byte(all[r.at]), Offset: chatferry.Offset(r.at)}
		if r.f.faulty[all[r.at]] {
			record.Fault = &chatferry.Fault{Code: chatferry.CodeSyntax, Reason: "an older program could not read it"}
		}
		p.Records = append(p.Records, record)
		p.RawBytes += int64(len(all[r.at]))
		r.at++
	}
	p.After = position(r.at)
	return p, nil
}

func (r *feedReader) Close() error { return nil }

func position(at int) chatferry.Position {
	if at == 0 {
		return ""
	}
	return chatferry.Position(strconv.Itoa(at))
}

// world is a dataset in a folder, on a simulated disk, or in a bucket.
type world struct {
	fsys    atomicfile.FS
	bucket  objectstore.Bucket // instead of fsys
	temp    string             // with it
	feed    *feed
	options Options // what of them the test has set
	ends    []int   // with how many Shards each run ended
	// after is what a run does when its Lanes have joined; nil: Run.
	after func(context.Context, Options) (Report, error)
}

// carry is one run: it carries what of the feed is not carried yet, and settles.
func (w *world) carry(ctx context.Context) (Report, error) {
	if w.after != nil {
		return w.run(ctx, w.after)
	}
	return w.run(ctx, Run)
}

// stores are where the dataset is.
func (w *world) stores() (checkpoint.LogStore, load.Store, func(epoch uint64) Derived, error) {
	if w.bucket != nil {
		store, err := s3.New(w.bucket, w.temp)
		return checkpoint.NewObjectLogs(w.bucket), store, func(uint64) Derived { return Objects(w.bucket) }, err
	}
	return checkpoint.NewDiskLogs(w.fsys), local.New(w.fsys), func(epoch uint64) Derived { return Folder(w.fsys, epoch) }, nil
}

// run is one run which does more than Run after its Lanes have joined.
func (w *world) run(ctx context.Context, after func(context.Context, Options) (Report, error)) (Report, error) {
	logs, store, derived, err := w.stores()
	if err != nil {
		return Report{}, err
	}
	run, err := checkpoint.Begin(ctx, checkpoint.Config{Logs: logs, Publisher: store}, checkpoint.RunOpen{
		RunID: "test", Tool: "test", Shaping: map[string]string{}, Scope: map[string]string{}, Operation: map[string]string{},
	})
	if err != nil {
		return Report{}, err
	}
	states, err := run.Shards(ctx)
	if err != nil {
		return Report{}, err
	}
	if err := run.AddShards(ctx, w.feed.shards[len(states):]); err != nil {
		return Report{}, err
	}
	if states, err = run.Shards(ctx); err != nil {
		return Report{}, err
	}
	var work []*chatferry.Shard
	for i := range states {
		if !states[i].Done {
			work = append(work, &states[i].Shard)
		}
	}
	p := &chatferry.Pipeline{
		Source:         w.feed,
		NewTransformer: func(s chatferry.Stream) chatferry.Transformer { return transform.New(s, transform.Options{}) },
		Sink:           load.NewSink(store),
		Log:            run,
		Cuts:           chatferry.Cuts{PageBytes: 1 << 20, PartBytes: w.feed.bytes, PartRecords: int64(w.feed.part), ShardBytes: 1, RecordBytes: 1 << 20},
		Lanes:          1, Budget: 16 << 20, Bad: chatferry.BadLimit{Count: -1, Percent: -1},
	}
	if err := p.Run(ctx, work, nil); err != nil {
		return Report{}, err
	}
	o := w.options
	o.Load, o.Run, o.Store, o.Derived = func(ctx context.Context) (*checkpoint.Dataset, error) { return checkpoint.Load(ctx, logs) }, run, store, derived(run.Epoch())
	report, err := after(ctx, o)
	if err != nil {
		return report, errors.Join(err, run.Overtaken(ctx))
	}
	if _, err = run.Done(ctx, checkpoint.End{Verdict: "complete"}); err == nil {
		w.ends = append(w.ends, len(w.feed.shards))
	}
	return report, err
}

func (w *world) dataset(ctx context.Context) (*checkpoint.Dataset, error) {
	return checkpoint.Load(ctx, checkpoint.NewDiskLogs(w.fsys))
}

// chat is a chat that a test makes up. The zero version: it has no update_timestamp.
type chat struct {
	id      string
	version int
	lines   int // of history
	pages   int
	visitor string
	channel string // "facebook" is excluded
	deleted bool
	variety string // makes records with one version differ
	begun   int
}

var epoch = time.Date(2021, 5, 1, 0, 0, 0, 0, time.UTC)

func stamp(n int) string {
	return epoch.Add(time.Duration(n) * time.Minute).Format("2006-01-02T15:04:05Z")
}

func (c chat) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":%q,"type":"chat","timestamp":%q,"message":%q`, c.id, stamp(c.begun), c.variety)
	if c.version > 0 {
		fmt.Fprintf(&b, `,"update_timestamp":%q`, stamp(c.version))
	}
	if c.visitor != "" {
		fmt.Fprintf(&b, `,"visitor":{"id":%q,"name":"n%s%d","email":"%s@example.com","phone":"","notes":""}`, c.visitor, c.visitor, c.version, c.visitor)
	}
	if c.channel != "" {
		fmt.Fprintf(&b, `,"channel":%q`, c.channel)
	}
	if c.deleted {
		b.WriteString(`,"deleted":true`)
	}
	b.WriteString(`,"agent_ids":["1",null],"tags":[],"session":{"id":"s","browser":"b"},"history":[`)
	for i := range c.lines {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"type":"chat.msg","timestamp":%q,"channel":"#supportchat:1","msg":"%s %d %d"}`, stamp(i), c.id, c.version, i)
	}
	b.WriteString(`],"webpath":[`)
	for i := range c.pages {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"from":"","to":"p%d","title":"","timestamp":%q}`, i, stamp(i))
	}
	b.WriteString(`]}`)
	return b.String()
}

// texts are the records of chats.
func texts(chats ...chat) (out []string) {
	for _, c := range chats {
		out = append(out, c.String())
	}
	return out
}

// random makes up a feed: chats of few ids in many versions, some excluded, some deleted, some broken, and other Streams.
func random(rng *rand.Rand) *feed {
	f := newFeed()
	f.page, f.part = 1+rng.IntN(4), 3+rng.IntN(9)
	ids := 1 + rng.IntN(40)
	addAgents := f.add
	if rng.IntN(2) == 0 {
		addAgents = f.read
	}
	for range 1 + rng.IntN(5) {
		var records []string
		for range rng.IntN(40) {
			c := chat{
				id: fmt.Sprintf("c%d", rng.IntN(ids)), version: rng.IntN(6), lines: rng.IntN(4), pages: rng.IntN(3),
				deleted: rng.IntN(12) == 0, variety: fmt.Sprint(rng.Int64()), begun: rng.IntN(50),
			}
			if rng.IntN(3) > 0 {
				c.visitor = fmt.Sprintf("v%d", rng.IntN(7))
			}
			if rng.IntN(10) == 0 {
				c.channel = "facebook"
			}
			text := c.String()
			if rng.IntN(25) == 0 {
				text = text[:len(text)/2]
			}
			records = append(records, text)
		}
		f.add(chatferry.Chats, records...)
		var agents, times []string
		for range rng.IntN(9) {
			agents = append(agents, fmt.Sprintf(`{"id":%d,"display_name":"%d"}`, rng.IntN(6), rng.Int64()))
			times = append(times, fmt.Sprintf(`{"agent_id":%d,"start_time":%q,"duration":%d,"status":"online","engagement_count":0}`,
				rng.IntN(3), stamp(rng.IntN(4)), rng.IntN(100)))
		}
		addAgents(chatferry.Agents, agents...)
		f.add(chatferry.AgentTimeline, times...)
	}
	return f
}
