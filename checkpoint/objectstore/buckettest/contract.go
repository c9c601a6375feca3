// Package buckettest is the contract that every objectstore.Bucket passes.
package buckettest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"chatferry/checkpoint/objectstore"
)

// Run runs the contract. Every call of open gives an empty Bucket.
func Run(t *testing.T, open func(t *testing.T) objectstore.Bucket) {
	for _, tt := range []struct {
		name string
		run  func(*testing.T, objectstore.Bucket)
	}{
		{"an object is put once", testPutIfAbsent},
		{"an object is replaced by its ETag", testPutIfMatch},
		{"of many writers one wins", testRace},
		{"a part of an object is read", testRange},
		{"what is not there is told", testAbsent},
		{"objects are listed in order", testList},
		{"odd names come back", testNames},
		{"an upload becomes an object", testUpload},
		{"an empty part is a whole object", testEmptyUpload},
		{"an upload completes only onto a free name", testCompleteTaken},
		{"an upload is completed once", testCompleteAgain},
		{"of many completions one object comes", testCompleteRace},
		{"an upload is aborted", testAbort},
		{"uploads are listed", testListUploads},
		{"a part may be sent again", testPartAgain},
		{"bytes that are not those of their sum are refused", testWrongSum},
		{"the store's clock is told", testClock},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, open(t)) })
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func want(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func wantObject(t *testing.T, b objectstore.Bucket, name, text string) {
	t.Helper()
	data, info, err := b.Get(t.Context(), name)
	if err != nil || string(data) != text {
		t.Errorf("%s holds %q, %v; want %q", name, data, err, text)
	}
	if info.Size != int64(len(text)) || info.Name != name || info.ETag == "" {
		t.Errorf("%s is told as %+v", name, info)
	}
}

func testPutIfAbsent(t *testing.T, b objectstore.Bucket) {
	etag := must[string](t)(b.PutIfAbsent(t.Context(), "a/b", []byte("first")))
	for _, again := range []string{"first", "second", ""} {
		_, err := b.PutIfAbsent(t.Context(), "a/b", []byte(again))
		want(t, "again", err, objectstore.ErrExist)
		want(t, "again", err, fs.ErrExist)
	}
	wantObject(t, b, "a/b", "first")
	info := must[objectstore.Info](t)(b.Head(t.Context(), "a/b"))
	if info.ETag != etag || info.Size != 5 || info.Checksum != objectstore.PlainSHA256(sha256.Sum256([]byte("first"))) {
		t.Errorf("told as %+v, want the ETag %s", info, etag)
	}
	if !strings.HasPrefix(b.URI("a/b"), "s3://") || !strings.HasSuffix(b.URI("a/b"), "/a/b") {
		t.Errorf("spelt %s", b.URI("a/b"))
	}
}

func testPutIfMatch(t *testing.T, b objectstore.Bucket) {
	first := must[string](t)(b.PutIfAbsent(t.Context(), "lock", []byte("1")))
	second := must[string](t)(b.PutIfMatch(t.Context(), "lock", []byte("2"), first))
	_, err := b.PutIfMatch(t.Context(), "lock", []byte("3"), first)
	want(t, "with an old ETag", err, objectstore.ErrChanged)
	_, err = b.PutIfMatch(t.Context(), "other", []byte("3"), first)
	want(t, "where nothing is", err, objectstore.ErrNotExist)
	wantObject(t, b, "lock", "2")
	must[string](t)(b.PutIfMatch(t.Context(), "lock", nil, second))
	wantObject(t, b, "lock", "")
}

func testRace(t *testing.T, b objectstore.Bucket) {
	won := together(func(i int) error {
		_, err := b.PutIfAbsent(t.Context(), "n", []byte{byte('a' + i)})
		return err
	})
	if len(won) != 1 {
		t.Fatalf("writers %v made one object", won)
	}
	data, info, err := b.Get(t.Context(), "n")
	if err != nil || string(data) != string(rune('a'+won[0])) {
		t.Errorf("writer %d won, the object holds %q, %v", won[0], data, err)
	}
	if won := together(func(i int) error {
		_, err := b.PutIfMatch(t.Context(), "n", []byte{byte('A' + i)}, info.ETag)
		return err
	}); len(won) != 1 {
		t.Errorf("writers %v replaced one version", won)
	}
}

// together calls f for several writers at once and returns those that succeeded.
func together(f func(i int) error) []int {
	var mu sync.Mutex
	var group sync.WaitGroup
	var won []int
	for i := range 8 {
		group.Go(func() {
			if f(i) == nil {
				mu.Lock()
				defer mu.Unlock()
				won = append(won, i)
			}
		})
	}
	group.Wait()
	return won
}

func testRange(t *testing.T, b objectstore.Bucket) {
	etag := must[string](t)(b.PutIfAbsent(t.Context(), "f", []byte("0123456789")))
	for _, tt := range []struct {
		from, n int64
		want    string
	}{
		{0, -1, "0123456789"}, {0, 10, "0123456789"}, {3, 4, "3456"}, {9, 1, "9"}, {7, -1, "789"}, {8, 5, "89"},
	} {
		body, info, err := b.GetRange(t.Context(), "f", tt.from, tt.n, etag)
		if err != nil {
			t.Fatalf("%d from %d: %v", tt.n, tt.from, err)
		}
		data, err := io.ReadAll(body)
		if err != nil || string(data) != tt.want || info.Size != 10 || info.ETag != etag {
			t.Errorf("%d from %d: %q, %v, told as %+v", tt.n, tt.from, data, err, info)
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
	}
	_, _, err := b.GetRange(t.Context(), "f", 0, 1, `"0"`)
	want(t, "of another version", err, objectstore.ErrChanged)
	if _, _, err = b.GetRange(t.Context(), "f", 10, 1, ""); err == nil {
		t.Error("something was read behind the end")
	}
}

func testAbsent(t *testing.T, b objectstore.Bucket) {
	_, _, err := b.Get(t.Context(), "no")
	want(t, "get", err, objectstore.ErrNotExist)
	want(t, "get", err, fs.ErrNotExist)
	_, _, err = b.GetRange(t.Context(), "no", 0, 1, "")
	want(t, "get a range", err, objectstore.ErrNotExist)
	_, err = b.Head(t.Context(), "no")
	want(t, "head", err, objectstore.ErrNotExist)
	want(t, "delete", b.Delete(t.Context(), "no"), nil)
	must[string](t)(b.PutIfAbsent(t.Context(), "yes", nil))
	for range 2 {
		want(t, "delete", b.Delete(t.Context(), "yes"), nil)
	}
	_, err = b.Head(t.Context(), "yes")
	want(t, "head of what was deleted", err, objectstore.ErrNotExist)
}

func names(t *testing.T, b objectstore.Bucket, prefix, after string) []string {
	t.Helper()
	var names []string
	for o, err := range b.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, o.Name)
	}
	return names
}

func testList(t *testing.T, b objectstore.Bucket) {
	if got := names(t, b, "", ""); len(got) != 0 {
		t.Errorf("an empty bucket lists %q", got)
	}
	var all []string
	for i := range 30 {
		all = append(all, fmt.Sprintf("logs/a/%012d.json", i+1))
	}
	all = append(all, "logs/b/1.json", "logs.txt")
	for _, name := range all {
		must[string](t)(b.PutIfAbsent(t.Context(), name, []byte(name)))
	}
	slices.Sort(all)
	for _, tt := range []struct {
		prefix, after string
		want          []string
	}{
		{"", "", all}, {"logs/a/", "", all[1:31]}, {"logs/a/", "logs/a/000000000028.json", all[29:31]}, {"logs/b/", "", all[31:]}, {"x", "", nil},
	} {
		if got := names(t, b, tt.prefix, tt.after); !slices.Equal(got, tt.want) {
			t.Errorf("%q after %q: %q, want %q", tt.prefix, tt.after, got, tt.want)
		}
	}
	for o, err := range b.List(t.Context(), "logs.txt", "") {
		if err != nil || o.Size != 8 || o.ETag == "" || o.Modified.IsZero() {
			t.Errorf("listed as %+v, %v", o, err)
		}
	}
	for range b.List(t.Context(), "", "") {
		break // whoever stops early is not asked again
	}
}

func testNames(t *testing.T, b objectstore.Bucket) {
	odd := []string{"a b", "a+b", "a%20b", "ü/é", "x=1&y=2", "q?z#w", "'(!)*;:@,$"}
	for _, name := range odd {
		must[string](t)(b.PutIfAbsent(t.Context(), name, []byte(name)))
	}
	slices.Sort(odd)
	if got := names(t, b, "", ""); !slices.Equal(got, odd) {
		t.Errorf("listed %q, want %q", got, odd)
	}
	for _, name := range odd {
		wantObject(t, b, name, name)
		want(t, "delete", b.Delete(t.Context(), name), nil)
	}
}

// upload sends parts, and returns what they add up to.
func upload(t *testing.T, b objectstore.Bucket, name string, parts ...[]byte) (u objectstore.Upload, sent []objectstore.Part, checksum string) {
	t.Helper()
	u = must[objectstore.Upload](t)(b.CreateUpload(t.Context(), name))
	var sums [][32]byte
	for i, data := range parts {
		sums = append(sums, sha256.Sum256(data))
		sent = append(sent, must[objectstore.Part](t)(b.UploadPart(t.Context(), u, i+1, bytes.NewReader(data), int64(len(data)), sums[i])))
	}
	return u, sent, objectstore.CompositeSHA256(sums...)
}

func testUpload(t *testing.T, b objectstore.Bucket) {
	first, second := bytes.Repeat([]byte("x"), objectstore.MinPart), []byte("the rest")
	u, sent, checksum := upload(t, b, "tables/a b.parquet", first, second)
	if got := names(t, b, "tables/", ""); len(got) != 0 {
		t.Errorf("visible before it is complete: %q", got)
	}
	_, err := b.Head(t.Context(), u.Name)
	want(t, "head before it is complete", err, objectstore.ErrNotExist)
	listed := must[[]objectstore.Part](t)(b.ListParts(t.Context(), u))
	if !slices.Equal(listed, sent) {
		t.Errorf("the parts are listed as %+v, and were sent as %+v", listed, sent)
	}
	etag := must[string](t)(b.Complete(t.Context(), u, sent))
	wantObject(t, b, u.Name, string(first)+string(second))
	info := must[objectstore.Info](t)(b.Head(t.Context(), u.Name))
	if info.ETag != etag || info.Checksum != checksum {
		t.Errorf("told as %+v, want the ETag %s and the checksum %s", info, etag, checksum)
	}
	for u, err := range b.ListUploads(t.Context(), "") {
		t.Errorf("left behind: %+v, %v", u, err)
	}
}

func testEmptyUpload(t *testing.T, b objectstore.Bucket) {
	u, sent, checksum := upload(t, b, "empty", nil)
	must[string](t)(b.Complete(t.Context(), u, sent))
	wantObject(t, b, "empty", "")
	if info := must[objectstore.Info](t)(b.Head(t.Context(), "empty")); info.Checksum != checksum {
		t.Errorf("told as %+v, want the checksum %s", info, checksum)
	}
}

func testCompleteTaken(t *testing.T, b objectstore.Bucket) {
	u, sent, _ := upload(t, b, "n", []byte("late"))
	must[string](t)(b.PutIfAbsent(t.Context(), "n", []byte("there")))
	for range 2 {
		_, err := b.Complete(t.Context(), u, sent)
		want(t, "onto a taken name", err, objectstore.ErrExist)
	}
	wantObject(t, b, "n", "there")
	if got := must[[]objectstore.Part](t)(b.ListParts(t.Context(), u)); len(got) != 1 {
		t.Errorf("the upload has %d parts left", len(got))
	}
	want(t, "delete", b.Delete(t.Context(), "n"), nil)
	must[string](t)(b.Complete(t.Context(), u, sent))
	wantObject(t, b, "n", "late")
}

func testCompleteAgain(t *testing.T, b objectstore.Bucket) {
	u, sent, _ := upload(t, b, "n", []byte("rows"))
	must[string](t)(b.Complete(t.Context(), u, sent))
	again := func() {
		t.Helper()
		// A store may remember what it has completed. It must not make it twice.
		_, err := b.Complete(t.Context(), u, sent)
		if err != nil && !errors.Is(err, objectstore.ErrNoUpload) && !errors.Is(err, objectstore.ErrExist) {
			t.Errorf("completed again: %v", err)
		}
	}
	again()
	wantObject(t, b, "n", "rows")
	want(t, "abort of what is complete", b.Abort(t.Context(), u), nil)
	wantObject(t, b, "n", "rows")
	want(t, "delete", b.Delete(t.Context(), "n"), nil)
	again()
	_, err := b.Head(t.Context(), "n")
	want(t, "head of what was completed, deleted, and completed again", err, objectstore.ErrNotExist)
}

func testCompleteRace(t *testing.T, b objectstore.Bucket) {
	type staged struct {
		upload objectstore.Upload
		parts  []objectstore.Part
	}
	var uploads []staged
	for i := range 8 {
		u, sent, _ := upload(t, b, "n", []byte{byte('a' + i)})
		uploads = append(uploads, staged{u, sent})
	}
	won := together(func(i int) error {
		_, err := b.Complete(t.Context(), uploads[i].upload, uploads[i].parts)
		return err
	})
	if len(won) != 1 {
		t.Fatalf("uploads %v were completed onto one name", won)
	}
	wantObject(t, b, "n", string(rune('a'+won[0])))
}

func testAbort(t *testing.T, b objectstore.Bucket) {
	u, sent, _ := upload(t, b, "n", []byte("rows"))
	for range 2 {
		want(t, "abort", b.Abort(t.Context(), u), nil)
	}
	_, err := b.Complete(t.Context(), u, sent)
	want(t, "complete", err, objectstore.ErrNoUpload)
	_, err = b.ListParts(t.Context(), u)
	want(t, "list the parts", err, objectstore.ErrNoUpload)
	_, err = b.UploadPart(t.Context(), u, 2, bytes.NewReader(nil), 0, sha256.Sum256(nil))
	want(t, "upload a part", err, objectstore.ErrNoUpload)
	_, err = b.Head(t.Context(), "n")
	want(t, "head", err, objectstore.ErrNotExist)
}

func testListUploads(t *testing.T, b objectstore.Bucket) {
	wanted := map[string]bool{}
	for i := range 12 {
		u, _, _ := upload(t, b, fmt.Sprintf("tables/t%d/f", i/3))
		wanted[u.Name+" "+u.ID] = true
	}
	upload(t, b, "other/f")
	for u, err := range b.ListUploads(t.Context(), "tables/") {
		if err != nil {
			t.Fatal(err)
		}
		if !wanted[u.Name+" "+u.ID] || u.Begun.IsZero() {
			t.Errorf("listed %+v", u)
		}
		delete(wanted, u.Name+" "+u.ID)
	}
	if len(wanted) != 0 {
		t.Errorf("not listed: %v", wanted)
	}
}

func testPartAgain(t *testing.T, b objectstore.Bucket) {
	u, _, _ := upload(t, b, "n", []byte("wrong"))
	sum := sha256.Sum256([]byte("right"))
	part := must[objectstore.Part](t)(b.UploadPart(t.Context(), u, 1, strings.NewReader("right"), 5, sum))
	must[string](t)(b.Complete(t.Context(), u, []objectstore.Part{part}))
	wantObject(t, b, "n", "right")
}

func testWrongSum(t *testing.T, b objectstore.Bucket) {
	u, _, _ := upload(t, b, "n")
	_, err := b.UploadPart(t.Context(), u, 1, strings.NewReader("bytes"), 5, sha256.Sum256([]byte("other")))
	want(t, "upload with the sum of other bytes", err, objectstore.ErrDamaged)
	if parts, err := b.ListParts(t.Context(), u); err != nil || len(parts) != 0 {
		t.Errorf("the parts are %+v, %v", parts, err)
	}
}

func testClock(t *testing.T, b objectstore.Bucket) {
	must[string](t)(b.PutIfAbsent(t.Context(), "a", nil))
	first := must[objectstore.Info](t)(b.Head(t.Context(), "a")).Modified
	u, _, _ := upload(t, b, "n", nil)
	for listed, err := range b.ListUploads(t.Context(), "n") {
		// One clock, told to the second.
		if err != nil || listed.ID != u.ID || listed.Begun.Unix() < first.Unix() {
			t.Errorf("%+v was begun after %v: %v", listed, first, err)
		}
	}
	if first.IsZero() {
		t.Error("an object was made at no time")
	}
}
