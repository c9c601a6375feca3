package bench

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/objectstore/realserver"
	"chatferry/load/local"
	"chatferry/load/s3"
)

var openingRecords = flag.Int("opening-records", 200, "commits in the logs that BenchmarkOpening opens")

// openingMost is what a resumed run may take before its first look at the source, with logs of 10,000 commits.
const openingMost = 2 * time.Second

// openingShards is how many Shards a large dump has, and an account that was read in windows.
const openingShards = 64

// longLogs writes, into a folder, the logs of a dataset of n commits, none of whose Shards is done. The Parts have no
// files; their records are otherwise whole.
func longLogs(t testing.TB, root string, n int) {
	t.Helper()
	fsys, err := atomicfile.OS(root)
	if err != nil {
		t.Fatal(err)
	}
	// On a disk nobody makes packs; here they are for the bucket.
	cfg := checkpoint.Config{Logs: checkpoint.ReadPacked(checkpoint.NewDiskLogs(fsys)), Publisher: local.New(fsys)}
	run, err := checkpoint.Begin(t.Context(), cfg, checkpoint.RunOpen{RunID: "first", Tool: "bench"})
	if err != nil {
		t.Fatal(err)
	}
	shards := make([]chatferry.Shard, openingShards)
	for i := range shards {
		shards[i] = chatferry.Shard{ID: chatferry.ShardID(i + 1), Stream: chatferry.Chats}
	}
	if err := run.AddShards(t.Context(), shards); err != nil {
		t.Fatal(err)
	}
	for i := range shards {
		l, err := run.OpenShard(t.Context(), &shards[i])
		if err != nil {
			t.Fatal(err)
		}
		for k := range n/openingShards + min(1, max(0, n%openingShards-i)) {
			p := &chatferry.Part{Stream: chatferry.Chats, Seq: l.NextSeq(), From: l.Position(), To: chatferry.Position(fmt.Sprint(k + 1))}
			e := chatferry.Entry(chatferry.Chats, &[32]byte{byte(k), byte(i)})
			p.Books.Read.Count(5000, &e)
			p.Books.Loaded.Count(5000, &e)
			if err := l.Commit(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// opening does what a resumed run does before it looks at its source: it reads and checks all logs, begins, and takes over a
// Shard. It returns how many Parts it found.
func opening(ctx context.Context, logs checkpoint.LogStore, pub chatferry.Publisher) (int64, error) {
	d, err := checkpoint.Load(ctx, logs)
	if err != nil {
		return 0, err
	}
	seen := d.Records()
	run, err := checkpoint.Begin(ctx, checkpoint.Config{Logs: logs, Publisher: pub, Seen: &seen, Known: d}, checkpoint.RunOpen{RunID: "again", Tool: "bench"})
	if err != nil {
		return 0, err
	}
	if _, err := run.OpenShard(ctx, &d.Shards[0].Shard); err != nil {
		return 0, err
	}
	var parts int64
	for _, s := range d.Shards {
		parts += s.Totals.Books.Read.N
	}
	return parts, nil
}

// upload copies the files below a folder into a bucket of a real server.
func upload(t testing.TB, root string, server *realserver.Server) {
	t.Helper()
	bucket := server.Open(t, "acme")
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(8)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		g.Go(func() error {
			data, err := os.ReadFile(path)
			if err == nil {
				_, err = bucket.PutIfAbsent(ctx, filepath.ToSlash(name), data)
			}
			return err
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkOpening fails if opening long logs takes longer than it may. `make bench-resume` has them hold 10,000 commits.
func BenchmarkOpening(b *testing.B) {
	root := b.TempDir()
	longLogs(b, root, *openingRecords)
	fsys, err := atomicfile.OS(root)
	if err != nil {
		b.Fatal(err)
	}
	measure := func(b *testing.B, logs checkpoint.LogStore, pub chatferry.Publisher) {
		cpu := cpuTime()
		for b.Loop() {
			parts, err := opening(b.Context(), logs, pub)
			if err != nil {
				b.Fatal(err)
			}
			if parts != int64(*openingRecords) {
				b.Fatalf("%d Parts were found", parts)
			}
		}
		b.ReportMetric(float64((cpuTime()-cpu).Milliseconds())/float64(b.N), "cpu-ms/op") // of this process, not of the server
		if each := b.Elapsed() / time.Duration(b.N); each > openingMost {
			b.Errorf("opening takes %v, more than %v", each, openingMost)
		}
	}
	// The bucket comes first: opening adds records.
	b.Run(fmt.Sprintf("store=s3/commits=%d", *openingRecords), func(b *testing.B) {
		server := realserver.Start(b)
		upload(b, root, server)
		bucket := server.Open(b, "acme")
		store, err := s3.New(bucket, b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		measure(b, checkpoint.ReadPacked(checkpoint.NewObjectLogs(bucket)), store)
	})
	b.Run(fmt.Sprintf("store=disk/commits=%d", *openingRecords), func(b *testing.B) {
		measure(b, checkpoint.NewDiskLogs(fsys), local.New(fsys))
	})
}

// The logs that are measured must be those of a dataset, with the Parts they are said to have.
func TestOpeningFindsEveryPart(t *testing.T) {
	root := t.TempDir()
	const n = openingShards + 7
	longLogs(t, root, n)
	fsys, err := atomicfile.OS(root)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		parts, err := opening(t.Context(), checkpoint.NewDiskLogs(fsys), local.New(fsys))
		if err != nil || parts != n {
			t.Fatalf("%d Parts of %d: %v", parts, n, err)
		}
	}
}
