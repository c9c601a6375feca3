package endtoend

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"chatferry/checkpoint/objectstore/realserver"
)

// found is what the test reads of the object of `verify --json`.
type found struct {
	OK       bool  `json:"ok"`
	Files    int64 `json:"files"`
	Read     int64 `json:"files_read"`
	Findings []struct {
		Kind, Place string
	} `json:"findings"`
}

func verifies(t *testing.T, code int, args ...string) found {
	t.Helper()
	e := call(t, "", append([]string{"verify", "--json"}, args...)...)
	var f found
	if err := json.Unmarshal([]byte(e.stdout), &f); err != nil {
		t.Fatalf("%v: %s", err, e.stderr)
	}
	if e.code != code {
		t.Errorf("ended with %d, want %d, found %v: %s", e.code, code, f.Findings, e.stderr)
	}
	return f
}

// A dataset in a bucket is verified as one in a folder is: stopped or complete it is sound, and what is damaged is
// named.
func TestVerifyOnS3(t *testing.T) {
	r := newCrashRig(t, 60, "--lanes", "2", "--page-size", "16KiB", "--part-size", "64KiB", "--shard-size", "64KiB")
	server := realserver.Start(t)
	useServer(t, server)
	root := "s3://" + server.Bucket + "/lake/acme"

	if e := r.run(t, root, "", "--deadline", "1ns"); e.code != 5 {
		t.Fatalf("ended with %d: %s", e.code, e.stderr)
	}
	verifies(t, 0, root)
	if e := r.run(t, root, "", "--deadline", "0s"); e.code != r.wantExit {
		t.Fatalf("ended with %d: %s", e.code, e.stderr)
	}
	if f := verifies(t, 0, root); !f.OK || f.Files < 10 || f.Read != f.Files {
		t.Errorf("%d of %d files were read", f.Read, f.Files)
	}
	verifies(t, 0, root, "--quick")

	bucket := server.Open(t, "lake/acme")
	var names []string
	for info, err := range bucket.List(t.Context(), "tables/chats/", "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	if err := bucket.Delete(t.Context(), names[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.PutIfAbsent(t.Context(), "tables/chats/other.parquet", []byte("PAR1")); err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"--quick", "--progress=none"} {
		f := verifies(t, 7, root, more)
		for _, want := range []string{"missing " + names[0], "extra tables/chats/other.parquet"} {
			kind, place, _ := strings.Cut(want, " ")
			if len(f.Findings) != 2 || !slices.ContainsFunc(f.Findings, func(g struct{ Kind, Place string }) bool { return g.Kind == kind && g.Place == place }) {
				t.Errorf("found %v, want %s", f.Findings, want)
			}
		}
	}
}
