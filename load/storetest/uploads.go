package storetest

import (
	"io"
	"slices"
	"testing"

	"chatferry"
	"chatferry/load"
)

// begunUpload reports whether an upload is listed as one: when it was begun is known, its epoch is not.
func begunUpload(s chatferry.Staged) bool { return s.Epoch == 0 && !s.Begun.IsZero() }

func testListUploads(t *testing.T, s load.Store) {
	wantStaged(t, s, 7, 0)
	want := []string{
		stage(t, s, target(7, 1, 1, "aa"), nil).Staging,
		stage(t, s, target(7, 3, 1, "bb"), []byte("x")).Staging,
		stage(t, s, ledgerTarget(7), []byte("z")).Staging,
	}
	stage(t, s, target(70, 1, 1, "aa"), []byte("y"))
	w, err := s.Create(t.Context(), target(7, 4, 2, "cc"))
	must(t, err)
	_, err = io.WriteString(w, "not staged")
	must(t, err)
	defer w.Discard()
	var got []string
	for _, f := range wantStaged(t, s, 7, 3) {
		if f.Shard != 7 || !begunUpload(f) {
			t.Errorf("listed %+v", f)
		}
		got = append(got, f.Ref)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("listed %q, staged %q", got, want)
	}
	wantStaged(t, s, 70, 1)
	wantStaged(t, s, 71, 0)
}

func ledgerTarget(shard chatferry.ShardID) load.Target {
	return load.Target{Shard: shard, Epoch: 1, Seq: 1, Label: load.LabelLedger, Nonce: "aa", Name: load.LedgerName(shard, 1)}
}

func testListAddedUploads(t *testing.T, s load.Store) { stageAdded(t, s, begunUpload) }

// Two attempts at one file, even with one nonce, are two uploads.
func testUploadTwice(t *testing.T, s load.Store) {
	f := stage(t, s, target(7, 1, 1, "aa"), []byte("rows"))
	w, err := s.Create(t.Context(), target(7, 1, 1, "aa"))
	must(t, err)
	_, err = io.WriteString(w, "others")
	must(t, err)
	ref, _, err := w.Stage(t.Context())
	must(t, err)
	if ref == f.Staging {
		t.Errorf("both attempts are %s", ref)
	}
	wantStaged(t, s, 7, 2)
	must(t, w.Discard())
	wantStaged(t, s, 7, 1)
	must(t, s.Publish(t.Context(), f))
	wantPublished(t, s, f.Name, "rows")
}
