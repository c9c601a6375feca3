package endtoend

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"chatferry/checkpoint/objectstore/realserver"
)

// upload puts a folder's files below a prefix of the server's bucket.
func upload(t *testing.T, s *realserver.Server, folder, prefix string) {
	t.Helper()
	bucket := s.Open(t, prefix)
	err := filepath.WalkDir(folder, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, p)
		if err != nil {
			return err
		}
		_, err = bucket.PutIfAbsent(t.Context(), filepath.ToSlash(name), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// useServer makes the programs that this test starts speak to the server.
func useServer(t *testing.T, s *realserver.Server) {
	t.Helper()
	for _, assignment := range s.Env() {
		name, value, _ := strings.Cut(assignment, "=")
		t.Setenv(name, value)
	}
}

// The same dump gives the same dataset from a disk and from a bucket, byte for byte, however often the program is killed
// meanwhile. The dataset remembers where the dump is.
func TestDumpOnS3(t *testing.T) {
	r := newCrashRig(t, 60, "--lanes", "2", "--page-size", "16KiB", "--part-size", "64KiB", "--shard-size", "64KiB")
	server := realserver.Start(t)
	upload(t, server, r.dump, "dumps/acme")
	useServer(t, server)
	r.dump = "s3://" + server.Bucket + "/dumps/acme"

	root := filepath.Join(t.TempDir(), "whole")
	if e := r.run(t, root, "", "--check-source"); e.code != r.wantExit {
		t.Fatalf("ended with %d, want %d: %s", e.code, r.wantExit, e.stderr)
	}
	r.sane(t, root, "undisturbed", true)
	verifiesDeep(t, 0, root, "--deep")
	if len(r.want) < 40 {
		t.Errorf("the dataset has %d files only", len(r.want))
	}
	if e := r.run(t, root, ""); e.code != r.wantExit {
		t.Errorf("a run over the complete dataset ended with %d: %s", e.code, e.stderr)
	}

	rng := rand.New(rand.NewPCG(*killsSeed, 3))
	base := t.TempDir()
	for n := 1 + rng.IntN(10); n < r.ops; n += 1 + rng.IntN(r.ops/4) {
		when := fmt.Sprintf("seed %d, killed before operation %d", *killsSeed, n)
		root := filepath.Join(base, strconv.Itoa(n))
		if e := r.run(t, root, fmt.Sprintf("kill:%d", n)); e.signal != syscall.SIGKILL {
			t.Fatalf("%s: ended with %d, %v: %s", when, e.code, e.signal, e.stderr)
		}
		r.sane(t, root, when, false)
		r.finishes(t, root, when)
	}
}

// An object that was written anew, or is gone, while its dataset is unfinished is refused by name.
func TestDumpOnS3Changes(t *testing.T) {
	r := newCrashRig(t, 60, "--streams", "chats", "--lanes", "1", "--page-size", "16KiB", "--part-size", "64KiB", "--shard-size", "64KiB")
	server := realserver.Start(t)
	upload(t, server, r.dump, "d")
	useServer(t, server)
	r.dump = "s3://" + server.Bucket + "/d"
	bucket := server.Open(t, "d")
	var name string
	for info, err := range bucket.List(t.Context(), "chats/", "") {
		if err != nil {
			t.Fatal(err)
		}
		name = info.Name
	}
	content, info, err := bucket.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "out")
	if e := r.run(t, root, fmt.Sprintf("kill:%d", r.ops/2)); e.signal != syscall.SIGKILL {
		t.Fatalf("ended with %d: %s", e.code, e.stderr)
	}
	for _, tt := range []struct {
		says   string
		change func() error
	}{
		{`its ETag was `, func() error {
			_, err := bucket.PutIfMatch(t.Context(), name, bytes.ToUpper(content), info.ETag)
			return err
		}},
		{"it was planned for chats and is gone", func() error { return bucket.Delete(t.Context(), name) }},
	} {
		if err := tt.change(); err != nil {
			t.Fatal(err)
		}
		o, _ := callJSON(t, "resume", root)
		if o.ExitCode != 8 || o.Error == nil || !strings.Contains(o.Error.Message, name+": "+tt.says) {
			t.Errorf("ended with %d, %+v; want 8 and %q", o.ExitCode, o.Error, tt.says)
		}
	}
	if _, err := bucket.PutIfAbsent(t.Context(), name, content); err != nil {
		t.Fatal(err)
	}
	r.finishes(t, root, "as it was")
}

// A stream may come from a bucket and another from a disk, and one object may be a place.
func TestDumpOnS3AndDisk(t *testing.T) {
	r := newCrashRig(t, 30)
	server := realserver.Start(t)
	upload(t, server, filepath.Join(r.dump, "chats"), "elsewhere/of chats")
	writeFile(t, r.dump, "agents.one", []byte(`{"id":1}`+"\n"))
	upload(t, server, r.dump, "all")
	useServer(t, server)
	place := "s3://" + server.Bucket
	root := filepath.Join(t.TempDir(), "out")
	o, e := callJSON(t, "run", "--from", r.dump, "--from", "chats="+place+"/elsewhere/of chats/", "--from", "agents="+place+"/all/agents.one", "--to", root,
		"--s3-endpoint", server.Endpoint+"/", "--s3-path-style", "--s3-region", realserver.Region)
	if o.ExitCode != r.wantExit || o.Streams["agents"].Read != 1 || o.Streams["chats"].Read < 30 {
		t.Errorf("ended with %d, %+v: %s", o.ExitCode, o.Streams, e.stderr)
	}
	// Nothing of S3 but the keys need be told again. The endpoint that the environment names now gives no answer.
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
	t.Setenv("AWS_REGION", "nowhere")
	if o, e := callJSON(t, "resume", root); o.ExitCode != r.wantExit {
		t.Errorf("resume ended with %d: %s", o.ExitCode, e.stderr)
	}
}
