package endtoend

import (
	"strings"
	"testing"
)

// A dataset in a bucket is the one on a disk: the same names and the same bytes, settled and compacted. discard leaves
// nothing of it.
func TestDatasetOnS3(t *testing.T) {
	r := newBucketRig(t)
	root := r.root("data/acme")
	if e := r.run(t, root, ""); e.code != r.wantExit {
		t.Fatalf("ended with %d, want %d: %s", e.code, r.wantExit, e.stderr)
	}
	t.Logf("%d requests, %d objects", r.proxy.requests(), len(r.want))
	r.holds(t, "settled", "data/acme", r.want)

	e := call(t, "", "files", root)
	listed := map[string]bool{}
	for line := range strings.Lines(e.stdout) {
		listed[strings.TrimSpace(line)] = true
	}
	for name := range r.want {
		if strings.HasPrefix(name, "tables/") && !listed[root+"/"+name] {
			t.Errorf("files does not list %s/%s; it ended with %d", root, name, e.code)
		}
	}
	if e := call(t, "", "status", root); e.code != 0 || !strings.Contains(e.stdout, root) {
		t.Errorf("status ended with %d: %s%s", e.code, e.stdout, e.stderr)
	}
	if e := call(t, "", r.args("resume", root)...); e.code != r.wantExit {
		t.Errorf("a run over the complete dataset ended with %d: %s", e.code, e.stderr)
	}

	if e := call(t, "", r.args("compact", root)...); e.code != r.wantExit {
		t.Fatalf("compact ended with %d: %s", e.code, e.stderr)
	}
	r.holds(t, "compacted", "data/acme", r.compacted)

	// A dataset beside it, and a killed run's upload.
	beside := r.bucket(t, "data/acme2")
	if _, err := beside.PutIfAbsent(t.Context(), "kept", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.bucket(t, "data/acme").CreateUpload(t.Context(), "tables/chats/part-000000000099-000000000001.parquet"); err != nil {
		t.Fatal(err)
	}
	if e := call(t, "", "discard", root, "--yes"); e.code != 0 {
		t.Fatalf("discard ended with %d: %s", e.code, e.stderr)
	}
	for info, err := range r.bucket(t, "data").List(t.Context(), "", "") {
		if err != nil || info.Name != "acme2/kept" {
			t.Errorf("discard left %s: %v", info.Name, err)
		}
	}
	if open := uploadsOf(t, r.bucket(t, "data")); len(open) > 0 {
		t.Errorf("discard left the uploads %v", open)
	}
}
