package report

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nowhere publishes nothing: the files of a made dataset are names in its logs.
type nowhere struct{}

func (nowhere) Publish(context.Context, chatferry.PartFile) error   { return nil }
func (nowhere) Unpublish(context.Context, chatferry.PartFile) error { return nil }
func (nowhere) ListStaged(context.Context, chatferry.ShardID) ([]chatferry.Staged, error) {
	return nil, nil
}
func (nowhere) StagedShards(context.Context) ([]chatferry.ShardID, error) { return nil, nil }
func (nowhere) Unstage(context.Context, chatferry.Staged) error           { return nil }

// made is a dataset that a test makes, with what the test knows of it from making it.
type made struct {
	t     *testing.T
	rand  *rand.Rand
	logs  checkpoint.LogStore
	clock time.Time
	run   *checkpoint.Run
	count uint64 // of digests

	know  map[chatferry.Stream]*Stream
	why   map[string]int64
	table map[chatferry.Table]*Table
	runs  []Run
	wait  int64
}

// newMade begins a dataset that depends on the seed alone.
func newMade(t *testing.T, seed uint64) *made {
	t.Logf("seed %d", seed)
	root, err := atomicfile.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &made{
		t: t, rand: rand.New(rand.NewPCG(seed, 0)), logs: checkpoint.NewDiskLogs(root), clock: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC),
		know: map[chatferry.Stream]*Stream{}, why: map[string]int64{}, table: map[chatferry.Table]*Table{},
	}
}

// begin begins a run a while after the last one.
func (m *made) begin(pause time.Duration) {
	m.clock = m.clock.Add(pause)
	id := fmt.Sprintf("run-%d", len(m.runs)+1)
	run, err := checkpoint.Begin(m.t.Context(), checkpoint.Config{
		Logs: m.logs, Publisher: nowhere{}, Now: func() time.Time { return m.clock },
		Nonce: func() string { return fmt.Sprintf("%016x%016x", m.rand.Uint64(), m.rand.Uint64()) },
	}, checkpoint.RunOpen{RunID: id, Tool: "v1.2.3", Source: "zendesk://acme", Scope: map[string]string{}, Shaping: map[string]string{}})
	if err != nil {
		m.t.Fatal(err)
	}
	m.run = run
	m.runs = append(m.runs, Run{ID: id, Begun: m.clock, Ended: m.clock})
}

// shards adds a Shard for each Stream, numbered from 1.
func (m *made) shards(streams ...chatferry.Stream) {
	var added []chatferry.Shard
	for i, s := range streams {
		added = append(added, chatferry.Shard{ID: chatferry.ShardID(i + 1), Stream: s, Bytes: 1 << 20})
		m.know[s] = &Stream{Name: s, Done: true, Closes: true}
	}
	if err := m.run.AddShards(m.t.Context(), added); err != nil {
		m.t.Fatal(err)
	}
}

// carry commits Parts of a Shard, with a share of bad records in them.
func (m *made) carry(id chatferry.ShardID, stream chatferry.Stream, parts int, bad bool) chatferry.ShardLog {
	log, err := m.run.OpenShard(m.t.Context(), &chatferry.Shard{ID: id, Stream: stream, Bytes: 1 << 20})
	if err != nil {
		m.t.Fatal(err)
	}
	for range parts {
		wall := time.Duration(1+m.rand.IntN(90)) * time.Second
		m.clock = m.clock.Add(wall + 100*time.Millisecond)
		p := m.part(id, stream, log, wall, bad)
		if err := log.Commit(m.t.Context(), p); err != nil {
			m.t.Fatal(err)
		}
		m.runs[len(m.runs)-1].Ended = m.clock
	}
	return log
}

// part makes a Part and notes what is in it.
func (m *made) part(id chatferry.ShardID, stream chatferry.Stream, log chatferry.ShardLog, wall time.Duration, bad bool) *chatferry.Part {
	seq := log.NextSeq()
	p := &chatferry.Part{
		Stream: stream, Seq: seq, From: log.Position(), To: chatferry.Position(fmt.Sprintf("%d", seq*1000)),
		StoredBytes: int64(m.rand.IntN(1 << 20)), Requests: int64(1 + m.rand.IntN(9)), WallMS: wall.Milliseconds(),
		ThrottledMS: m.rand.Int64N(wall.Milliseconds() + 1),
	}
	know, run := m.know[stream], &m.runs[len(m.runs)-1]
	rows := int64(1 + m.rand.IntN(2000))
	m.records(&p.Books, &p.Books.Loaded, rows)
	know.Loaded += rows
	p.Files = append(p.Files, m.file(chatferry.FileRows, stream.Parent(), fmt.Sprintf("tables/%s/part-%s-%012d.parquet", stream, id, seq), rows))
	if bad {
		n := int64(1 + m.rand.IntN(5))
		m.records(&p.Books, &p.Books.Quarantined, n)
		know.Quarantined += n
		run.Quarantined += n
		p.Files = append(p.Files, m.file(chatferry.FileQuarantine, "", fmt.Sprintf("_chatferry/quarantine/%s-%012d.ndjson.zst", id, seq), n))
		p.Books.Excluded = map[string]chatferry.Tally{}
		var out chatferry.Tally
		m.records(&p.Books, &out, n+1)
		p.Books.Excluded["message:line"] = out
		know.Excluded += n + 1
		m.why["message:line"] += n + 1
		p.Doubts = []chatferry.Doubt{{File: "chats/a.ndjson.gz", At: 77, Reason: "the stream is cut off"}}
		p.Absent = []string{"an-id-that-nobody-may-see"}
		know.Absent++
	}
	know.Read += p.Books.Read.N
	know.Bytes += p.StoredBytes
	run.Records += p.Books.Read.N
	run.Bytes += p.StoredBytes
	run.Requests += p.Requests
	run.Parts++
	m.wait += p.ThrottledMS
	return p
}

// records counts n records as read and into a column of the books.
func (m *made) records(b *chatferry.Books, column *chatferry.Tally, n int64) {
	for range n {
		m.count++
		var at [8]byte
		binary.BigEndian.PutUint64(at[:], m.count)
		e := sha256.Sum256(at[:])
		b.Read.Count(100, &e)
		column.Count(100, &e)
	}
}

func (m *made) file(kind chatferry.FileKind, table chatferry.Table, name string, rows int64) chatferry.PartFile {
	f := chatferry.PartFile{Kind: kind, Table: table, Name: name, Staging: name + ".tmp", Rows: rows, Size: 10 * rows, SHA256: sha256.Sum256([]byte(name))}
	if kind == chatferry.FileRows {
		if m.table[table] == nil {
			m.table[table] = &Table{Name: table}
		}
		m.table[table].Files++
		m.table[table].Rows += rows
		m.table[table].Bytes += f.Size
	}
	return f
}

// end says that a Shard is read to its end.
func (m *made) end(log chatferry.ShardLog) {
	if err := log.Done(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
}

// done ends the run in good order.
func (m *made) done(code int) {
	m.clock = m.clock.Add(7 * time.Second)
	if _, err := m.run.Done(m.t.Context(), checkpoint.End{ExitCode: code, Watermark: "2026-03-01T09:00:00Z"}); err != nil {
		m.t.Fatal(err)
	}
	m.runs[len(m.runs)-1].Ended, m.runs[len(m.runs)-1].ExitCode = m.clock, &code
}

// dataset reads the logs.
func (m *made) dataset() *checkpoint.Dataset {
	d, err := checkpoint.Load(m.t.Context(), m.logs)
	if err != nil {
		m.t.Fatal(err)
	}
	return d
}

// facts are what the program would say of the dataset.
func (m *made) facts(state State) *Facts {
	return &Facts{
		Root: "/data/acme", Sources: []string{"zendesk://acme"}, Version: "v1.2.4", Now: m.clock.Add(time.Hour), State: state,
		Outcome: func(code int) string { return fmt.Sprintf("ended with %d", code) },
		Reason:  func(string) string { return "a rule" },
		Escape:  func(text string) string { return text },
		Allowed: func(chatferry.Stream) bool { return false },
	}
}

// The datasets of the tests.
var datasets = []struct {
	name  string
	make  func(m *made) *Facts
	level Level
}{
	{"clean", func(m *made) *Facts {
		m.begin(0)
		m.shards(chatferry.Agents, chatferry.Chats)
		m.end(m.carry(1, chatferry.Agents, 1, false))
		m.end(m.carry(2, chatferry.Chats, 12, false))
		m.done(0)
		return m.facts(Done)
	}, Complete},
	{"quarantine", func(m *made) *Facts {
		m.begin(0)
		m.shards(chatferry.Chats, chatferry.Visitors)
		m.end(m.carry(1, chatferry.Chats, 5, true))
		m.end(m.carry(2, chatferry.Visitors, 3, false))
		m.done(4)
		f := m.facts(Done)
		f.Rejects = "chatferry quarantine list /data/acme"
		f.Quarantine = []Quarantined{{chatferry.Chats, chatferry.CodeSyntax, m.know[chatferry.Chats].Quarantined, 4711, "is not valid JSON"}}
		return f
	}, Exceptions},
	{"resumed", func(m *made) *Facts {
		m.begin(0)
		m.shards(chatferry.Agents, chatferry.Chats, chatferry.Visitors)
		m.end(m.carry(1, chatferry.Agents, 1, false))
		m.carry(2, chatferry.Chats, 4, false) // and is killed
		m.begin(3 * time.Hour)
		m.end(m.carry(2, chatferry.Chats, 6, false))
		m.begin(5 * time.Second)
		m.carry(3, chatferry.Visitors, 2, false) // and is killed
		m.know[chatferry.Visitors].Done = false
		f := m.facts(Died)
		f.Resume = "chatferry resume /data/acme"
		return f
	}, Incomplete},
	{"nightly", func(m *made) *Facts {
		m.begin(0)
		m.shards(chatferry.Agents, chatferry.Chats)
		m.end(m.carry(1, chatferry.Agents, 1, false))
		m.carry(2, chatferry.Chats, 6, false)
		m.done(0)
		for night := range 34 {
			m.begin(24 * time.Hour)
			if night%3 == 0 {
				m.carry(2, chatferry.Chats, 1, false)
			}
			m.done(0)
		}
		m.begin(24 * time.Hour)
		m.end(m.carry(2, chatferry.Chats, 1, false))
		m.done(0)
		return m.facts(Done)
	}, Complete},
}

// reported makes one of the datasets, and the report of it.
func reported(t *testing.T, i int) (*made, *Report) {
	t.Helper()
	m := newMade(t, uint64(i+1))
	f := datasets[i].make(m)
	r, err := New(m.dataset(), f)
	if err != nil {
		t.Fatal(err)
	}
	return m, r
}

var errHostile = errors.New(`the file <script src="https://evil.example/x.js"> & "co" is gone`)
