package endtoend

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatferry/checkpoint/objectstore/awss3"
	"chatferry/checkpoint/objectstore/realserver"
	"chatferry/extract/rehearsal"
)

// bucketRig runs the real program against one dump, with datasets in a bucket of a real server, and holds them against the
// one that it writes to a disk.
type bucketRig struct {
	*crashRig // want: what an undisturbed run leaves on a disk, settling included
	compacted map[string]string
	rows      rowsSeen // of either
	server    *realserver.Server
	proxy     *s3Proxy // through which the program reaches the server
	temp      string   // of files on their way
}

// newBucketRig makes a dump in which some chats stand in two versions, and carries it to a disk.
func newBucketRig(t *testing.T, flags ...string) *bucketRig {
	t.Helper()
	dir := t.TempDir()
	r := &bucketRig{
		crashRig: &crashRig{
			dump:  filepath.Join(dir, "dump"),
			flags: append([]string{"--lanes", "2", "--page-size", "16KiB", "--part-size", "64KiB", "--shard-size", "64KiB"}, flags...),
		},
		server: realserver.Start(t), temp: filepath.Join(dir, "tmp"),
	}
	if err := os.Mkdir(r.temp, 0o700); err != nil {
		t.Fatal(err)
	}
	account := rehearsal.New(rehearsal.Options{Seed: 7, Chats: 60, From: from, To: from.AddDate(0, 2, 0), Duplicates: 0.1})
	if _, err := account.WriteDump(t.Context(), r.dump, account.Demo()); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "undisturbed")
	if r.wantExit = r.run(t, root, "").code; r.wantExit != 0 && r.wantExit != 4 {
		t.Fatalf("the undisturbed run ended with %d", r.wantExit)
	}
	r.want = treeOf(t, root)
	r.rows, _ = globbed(t, root)
	if e := call(t, "", r.args("compact", root)...); e.code != r.wantExit {
		t.Fatalf("compact ended with %d: %s", e.code, e.stderr)
	}
	r.compacted = treeOf(t, root)
	if replaced(r.want) < 4 || replaced(r.compacted) < 4 || len(r.compacted) >= len(r.want) {
		t.Fatalf("of %d files %d came from settling; compact left %d", len(r.want), replaced(r.want), len(r.compacted))
	}
	useServer(t, r.server)
	r.proxy = newS3Proxy(t, r.server)
	t.Setenv("AWS_ENDPOINT_URL_S3", r.proxy.url)
	t.Setenv("CHATFERRY_TMP_DIR", r.temp)
	return r
}

// replaced counts the files that replaced others.
func replaced(tree map[string]string) int {
	n := 0
	for name := range tree {
		if strings.HasPrefix(filepath.Base(name), "part-r") {
			n++
		}
	}
	return n
}

// root is the URI of a dataset.
func (r *bucketRig) root(name string) string { return "s3://" + r.server.Bucket + "/" + name }

// bucket opens the root of a dataset for the test itself, past the proxy.
func (r *bucketRig) bucket(t *testing.T, name string) *awss3.Bucket {
	t.Helper()
	return r.server.Open(t, name)
}

// objects hashes every object that must not depend on kills, with its size.
func objects(t *testing.T, bucket *awss3.Bucket) map[string]string {
	t.Helper()
	tree := map[string]string{}
	for _, prefix := range []string{"tables/", "_chatferry/ledger/", "_chatferry/quarantine/", "_chatferry/replayed/"} {
		for info, err := range bucket.List(t.Context(), prefix, "") {
			if err != nil {
				t.Fatal(err)
			}
			data, _, err := bucket.Get(t.Context(), info.Name)
			if err != nil {
				t.Fatal(err)
			}
			if int64(len(data)) != info.Size {
				t.Errorf("%s is listed with %d bytes and has %d", info.Name, info.Size, len(data))
			}
			sum := sha256.Sum256(data)
			tree[info.Name] = hex.EncodeToString(sum[:])
		}
	}
	return tree
}

// holds compares a dataset with what must be there, and looks for what a run must not leave.
func (r *bucketRig) holds(t *testing.T, when, name string, want map[string]string) {
	t.Helper()
	bucket := r.bucket(t, name)
	got := objects(t, bucket)
	for object, sum := range got {
		if want[object] != sum {
			t.Errorf("%s: %s has the SHA-256 %s, on a disk it is %q", when, object, sum, want[object])
		}
	}
	for object := range want {
		if got[object] == "" {
			t.Errorf("%s: %s is missing", when, object)
		}
	}
	if open := uploadsOf(t, bucket); len(open) > 0 {
		t.Errorf("%s: uploads are open: %v", when, open)
	}
	left, err := os.ReadDir(r.temp)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%s: %d files are left in --tmp-dir, the first is %s", when, len(left), left[0].Name())
	}
}

// uploadsOf names what uploads are open below a root.
func uploadsOf(t *testing.T, bucket *awss3.Bucket) []string {
	t.Helper()
	var open []string
	for u, err := range bucket.ListUploads(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, u.Name)
	}
	return open
}

// goOn is how a person goes on with a dataset of which nobody works any more, in whatever state it is.
func (r *bucketRig) goOn(t *testing.T, name string) []string {
	t.Helper()
	_, err := r.bucket(t, name).Head(t.Context(), "_chatferry/log/dataset/000000000002.json")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.args("run", "--from", r.dump, "--to", r.root(name), "--take-over")
	case err != nil:
		t.Fatal(err)
	}
	return r.args("resume", r.root(name), "--take-over")
}
