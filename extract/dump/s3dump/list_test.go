package s3dump

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/extract/dump"
)

func paths(files []chatferry.File) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.Path)
	}
	slices.Sort(out)
	return out
}

func reasons(ignored []dump.Ignored) []string {
	var out []string
	for _, i := range ignored {
		out = append(out, i.Path+": "+i.Reason)
	}
	slices.Sort(out)
	return out
}

func TestListInPages(t *testing.T) {
	objects := map[string]string{}
	var want []string
	for i := range 1250 {
		name := fmt.Sprintf("chats/%04d.json", i)
		objects["d/"+name], want = lines(i%50), append(want, name)
	}
	objects["d2/chats.json"], objects["c"], objects["d-/x"] = "x", "x", "x"
	s := newShelf(objects)
	s.page = 100
	files, ignored, err := open(t, s, "d").List(t.Context(), everywhere)
	if err != nil || len(ignored) > 0 {
		t.Fatal(ignored, err)
	}
	if d := cmp.Diff(want, paths(files)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if s.pages != 14 { // one to see that it is a folder
		t.Errorf("%d pages", s.pages)
	}
	for _, f := range files {
		if f.Size != int64(len(objects["d/"+f.Path])) || f.ETag != `"v0"` || !f.ModTime.IsZero() {
			t.Fatalf("listed as %+v", f)
		}
	}
}

func TestListOddNames(t *testing.T) {
	s := newShelf(map[string]string{
		"d/":                          "", // the prefix's own marker
		"d/chats/":                    "",
		"d/chats/a.json":              "1",
		"d/chats/%2F?#&+ =\n.json":    "1",
		"d/chats/ünï/文.json":          "1",
		"d/chats/back\\slash.json":    "1",
		"d/chats/empty.json":          "",
		"d/chats/.hidden.json":        "1",
		"d/.git/config":               "1",
		"d/chats/.cache/x.json":       "1",
		"d/chats/../up.json":          "1",
		"d/chats/./here.json":         "1",
		"d/chats/..":                  "1",
		"d/chats//twice.json":         "1",
		"d/chats//three.json":         "1",
		"d//root.json":                "1",
		"d/chats/holds bytes/":        "1",
		"d/both.json":                 "1",
		"d/both.json/below.json":      "1",
		"d/both.json-.json":           "1",
		"d/foreign/a/b.json":          "1",
		"d/foreign.json":              "1",
		"d/chats/deep/er/../odd.json": "1",
	})
	var asked []string
	files, ignored, err := open(t, s, "d").List(t.Context(), func(folder string) bool {
		asked = append(asked, folder)
		return folder != "foreign"
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"both.json-.json", "both.json/below.json", "chats/%2F?#&+ =\n.json", "chats/a.json", "chats/back\\slash.json",
		"chats/empty.json", "chats/ünï/文.json", "foreign.json",
	}
	if d := cmp.Diff(want, paths(files)); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	wantPassed := []string{
		"/: the keys below it are not paths",
		"both.json: there is a folder of this name as well",
		"chats/../: the keys below it are not paths",
		"chats/..: its key is not a path",
		"chats/./: the keys below it are not paths",
		"chats//: the keys below it are not paths",
		"chats/deep/er/../: the keys below it are not paths",
		"chats/holds bytes/: its key ends with a slash, as that of a folder, but it holds bytes",
	}
	if d := cmp.Diff(wantPassed, reasons(ignored)); d != "" {
		t.Errorf("passed over (-want +got):\n%s", d)
	}
	wantAsked := []string{"both.json", "chats", "chats/deep", "chats/deep/er", "chats/holds bytes", "chats/ünï", "foreign"}
	slices.Sort(asked)
	if d := cmp.Diff(wantAsked, asked); d != "" {
		t.Errorf("asked for (-want +got):\n%s", d)
	}
}

// A folder that is not entered costs a page or two, however much it holds.
func TestListDoesNotWalkForeignFolders(t *testing.T) {
	objects := map[string]string{"d/a.json": "", "d/foreign/" + lastRune + "x": "", "d/foreign/" + lastRune: "", "d/foreign0": "", "d/z.json": ""}
	for i := range 20_000 {
		objects[fmt.Sprintf("d/foreign/%05d/%d", i%3, i)] = ""
		objects[fmt.Sprintf("d/chats/.hidden/%05d/%d", i%3, i)] = ""
	}
	s := newShelf(objects)
	s.page = 1000
	files, ignored, err := open(t, s, "d").List(t.Context(), func(folder string) bool { return folder != "foreign" })
	if err != nil || len(ignored) > 0 {
		t.Fatal(ignored, err)
	}
	if d := cmp.Diff([]string{"a.json", "foreign0", "z.json"}, paths(files)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if s.pages > 8 {
		t.Errorf("%d pages, from %q", s.pages, s.after)
	}
}

// A folder that is full of names behind the one by which it is passed over must not be jumped over for ever.
func TestListJumpsForwardOnly(t *testing.T) {
	objects := map[string]string{"z.json": ""}
	for i := range 3 * jumpAfter {
		objects[fmt.Sprintf("foreign/%s%04d", lastRune, i)] = ""
	}
	s := newShelf(objects)
	files, _, err := open(t, s, "").List(t.Context(), func(string) bool { return false })
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
}

// The listing is the same whatever is entered, as the plain filter over all keys.
func TestListRandomTrees(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		objects := map[string]string{}
		elements := []string{"a", "b", "a-", "a0", "chats", "é", "A"}
		for range rng.IntN(60) {
			name := "d"
			for range 1 + rng.IntN(4) {
				name += "/" + elements[rng.IntN(len(elements))]
			}
			objects[name+".json"] = ""
		}
		objects["d/x.json"] = ""
		enter := func(folder string) bool { return len(folder)%3 != 0 }
		var want []string
		for key := range objects {
			name := strings.TrimPrefix(key, "d/")
			in := true
			for i, c := range name {
				in = in && (c != '/' || enter(name[:i]))
			}
			if in {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		s := newShelf(objects)
		s.page = 1 + rng.IntN(10)
		files, _, err := open(t, s, "d/").List(t.Context(), enter)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, paths(files)); d != "" {
			t.Fatalf("seed %d (-want +got):\n%s", seed, d)
		}
	}
}

// A store without order could hide objects behind the place where the listing goes on, so it is refused.
func TestListRefusesDisorder(t *testing.T) {
	s := newShelf(map[string]string{"d/a.json": "", "d/b.json": ""})
	s.unsorted = true
	_, _, err := open(t, s, "d").List(t.Context(), everywhere)
	if chatferry.KindOf(err) != chatferry.KindEnvironment || !strings.Contains(err.Error(), `"d/a.json" after "d/b.json", out of order`) {
		t.Error(err)
	}
}

// A store that tells no ETags could mix two versions of a file unseen.
func TestListRefusesNoETag(t *testing.T) {
	s := newShelf(map[string]string{"d/chats.json": ""})
	s.answer = func(i *objectstore.Info) { i.ETag = "" }
	for _, place := range []string{"d", "d/chats.json"} {
		_, _, err := open(t, s, place).List(t.Context(), everywhere)
		if chatferry.KindOf(err) != chatferry.KindEnvironment || !strings.Contains(err.Error(), "s3://bucket/d/chats.json: the store tells no ETag") {
			t.Errorf("%s: %v", place, err)
		}
	}
}

// A place is a folder, a file, or an error that says what was looked for.
func TestOpenPlaces(t *testing.T) {
	s := newShelf(map[string]string{"d/chats.json": "1", "d/e": "22", "d/e/agents.json": "333", "d-/x.json": "1", "marker/": ""})
	for _, tt := range []struct {
		place, at string
		want      []string
		err       string
	}{
		{"d", "s3://bucket/d/", []string{"chats.json", "e/agents.json"}, ""},
		{"d/", "s3://bucket/d/", []string{"chats.json", "e/agents.json"}, ""},
		{"", "s3://bucket/", []string{"d-/x.json", "d/chats.json", "d/e/agents.json"}, ""},
		{"d/chats.json", "s3://bucket/d/chats.json", []string{"chats.json"}, ""},
		{"d/e", "s3://bucket/d/e/", []string{"agents.json"}, ""},
		{"marker", "s3://bucket/marker/", nil, ""},
		{"d/chats", "", nil, "open dump s3://bucket/d/chats: there is no such object, and none below this prefix"},
		{"x", "", nil, "open dump s3://bucket/x: there is no such object, and none below this prefix"},
	} {
		t.Run(tt.place, func(t *testing.T) {
			store, err := Open(t.Context(), s, tt.place)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err || chatferry.KindOf(err) != chatferry.KindEnvironment {
					t.Fatalf("%v, want %q of KindEnvironment", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			files, _, err := store.List(t.Context(), everywhere)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, paths(files)); d != "" || store.Place() != tt.at {
				t.Errorf("%s (-want +got):\n%s", store.Place(), d)
			}
			for _, f := range files {
				o, err := store.Open(t.Context(), f, 0)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := readAll(o, 10); err != nil || int64(len(got)) != f.Size {
					t.Errorf("%s: %q, %v", f.Path, got, err)
				}
			}
		})
	}
}

// Listing ends with its context.
func TestListEndsWithItsContext(t *testing.T) {
	cause := &chatferry.Error{Kind: chatferry.KindStopped, Op: "stopped"}
	ctx, cancel := context.WithCancelCause(t.Context())
	s := newShelf(map[string]string{"d/chats.json": "", "d/visitors.json": ""})
	store := open(t, s, "d")
	s.meet = func(*shelf, string) { cancel(cause) }
	if _, _, err := store.List(ctx, everywhere); err != cause {
		t.Error(err)
	}
}
