package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/checkpoint/objectstore/sims3"
	"chatferry/load"
)

// stage stages a file and returns it as a record has it.
func stage(t *testing.T, s load.Store, data string) chatferry.PartFile {
	t.Helper()
	f := chatferry.PartFile{Name: load.LedgerName(7, 1), Size: int64(len(data)), SHA256: sha256.Sum256([]byte(data))}
	w, err := s.Create(t.Context(), load.Target{Shard: 7, Epoch: 1, Seq: 1, Label: load.LabelLedger, Nonce: "aa", Name: f.Name})
	if err == nil {
		_, err = io.WriteString(w, data)
	}
	if err == nil {
		f.Staging, f.StoreChecksum, err = w.Stage(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func wantObject(t *testing.T, sim *sims3.Store, name, want string) {
	t.Helper()
	if got, ok := sim.Files(".")[name]; !ok || string(got) != want {
		t.Errorf("%s holds %q (there: %v), want %q", name, got, ok, want)
	}
}

// Every request of a publication finds that another process has published the file just before, that it has published
// and removed it, or that the upload is gone.
func TestPublishBehindAnother(t *testing.T) {
	for what, other := range map[string]struct {
		do   func(*sims3.Store, load.Store, chatferry.PartFile) error
		want error
	}{
		"published": {func(_ *sims3.Store, s load.Store, f chatferry.PartFile) error { return s.Publish(t.Context(), f) }, nil},
		"removed": {func(_ *sims3.Store, s load.Store, f chatferry.PartFile) error {
			return errors.Join(s.Publish(t.Context(), f), s.Unpublish(t.Context(), f))
		}, chatferry.ErrStagingGone},
		"expired": {func(sim *sims3.Store, _ load.Store, _ chatferry.PartFile) error {
			for _, u := range sim.Uploads() {
				sim.Erase(u.ID)
			}
			return nil
		}, chatferry.ErrStagingGone},
	} {
		for at := 1; ; at++ {
			sim := sims3.New()
			calm := newStore(t, sim.Client(nil), t.TempDir())
			f := stage(t, calm, "rows")
			n, hit := 0, ""
			hasty := newStore(t, sim.Client(func(op sims3.Op) sims3.Fault {
				if n++; n == at {
					hit = op.Do
					if err := other.do(sim, calm, f); err != nil {
						t.Error(err)
					}
				}
				return sims3.Fault{}
			}), t.TempDir())
			err := hasty.Publish(t.Context(), f)
			if hit == "" {
				break
			}
			// The last request asks for the object, which is there if only the upload has gone since.
			late := what == "expired" && n == at
			if !errors.Is(err, other.want) && !late || err != nil && (other.want == nil || late) {
				t.Errorf("%s before request %d, %s: %v", what, at, hit, err)
			}
			if what == "published" || late {
				wantObject(t, sim, f.Name, "rows")
			} else if len(sim.Files(".")) > 0 {
				t.Errorf("%s before request %d, %s: the file is there", what, at, hit)
			}
		}
	}
}

// One answer that leaves open what happened is resolved without an error, whether the completion was carried out or not.
func TestPublishResolvesAnswers(t *testing.T) {
	for name, f := range map[string]sims3.Fault{
		"refused before":       refused.simulate(),
		"lost":                 lost.simulate(),
		"500":                  broken.simulate(),
		"500, applied":         brokenOn.simulate(),
		"409":                  conflict.simulate(),
		"412 of a lost answer": {Status: 412, Code: "PreconditionFailed", Applied: true},
		"412 for nothing":      failed.simulate(),
		"404 of a lost answer": {Status: 404, Code: "NoSuchUpload", Applied: true},
		"404 for nothing":      {Status: 404, Code: "NoSuchUpload"},
		"a part has changed":   {Status: 400, Code: "InvalidPart"},
	} {
		sim, faults := sims3.New(), 0
		store := newStore(t, sim.Client(func(op sims3.Op) sims3.Fault {
			if op.Do == string(complete) && faults == 0 {
				faults++
				return f
			}
			return sims3.Fault{}
		}), t.TempDir())
		part := stage(t, store, "rows")
		if err := store.Publish(t.Context(), part); err != nil || faults == 0 {
			t.Errorf("%s: %v", name, err)
		}
		wantObject(t, sim, part.Name, "rows")
		if left := sim.Uploads(); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

// A store that has carried out nothing yet may do so later: nobody is told that the file is gone.
func TestPublishIsNotGoneWhileACompletionIsOnItsWay(t *testing.T) {
	sim := sims3.New()
	lostOne := false
	store := newStore(t, sim.Client(func(op sims3.Op) sims3.Fault {
		switch {
		case op.Do == string(complete):
			lostOne = true
			return sims3.Fault{Lost: true, Late: 1000}
		case op.Do == string(listParts) && lostOne:
			return sims3.Fault{Status: 404, Code: "NoSuchUpload"} // it is being completed
		}
		return sims3.Fault{}
	}), t.TempDir())
	f := stage(t, store, "rows")
	err := store.Publish(t.Context(), f)
	if errors.Is(err, chatferry.ErrStagingGone) || chatferry.KindOf(err) != chatferry.KindTemporary {
		t.Errorf("kind %d: %v", chatferry.KindOf(err), err)
	}
	sim.Settle()
	if err := store.Publish(t.Context(), f); err != nil {
		t.Error(err)
	}
	wantObject(t, sim, f.Name, "rows")
}

// changed is a Bucket of which one kind of answer is another.
type changed struct {
	objectstore.Bucket
	info func(*objectstore.Info)
	part func(*objectstore.Part)
}

func (c changed) Head(ctx context.Context, name string) (objectstore.Info, error) {
	info, err := c.Bucket.Head(ctx, name)
	if c.info != nil && err == nil {
		c.info(&info)
	}
	return info, err
}

func (c changed) UploadPart(ctx context.Context, u objectstore.Upload, n int, body io.ReadSeeker, size int64, sum [32]byte) (objectstore.Part, error) {
	part, err := c.Bucket.UploadPart(ctx, u, n, body, size, sum)
	if c.part != nil {
		c.part(&part)
	}
	return part, err
}

func (c changed) ListParts(ctx context.Context, u objectstore.Upload) ([]objectstore.Part, error) {
	parts, err := c.Bucket.ListParts(ctx, u)
	for i := range parts {
		if c.part != nil {
			c.part(&parts[i])
		}
	}
	return parts, err
}

// Where the checksum is no proof, the bytes are: of a store that keeps none, and of a file in other parts.
func TestPublishReadsWhatHasNoChecksum(t *testing.T) {
	for what, sum := range map[string]string{"none": "", "of other parts": objectstore.CompositeSHA256([32]byte{1}, [32]byte{2})} {
		sim, reads := sims3.New(), 0
		root := changed{
			Bucket: sim.Client(func(op sims3.Op) sims3.Fault {
				if op.Do == string(get) {
					reads++
				}
				return sims3.Fault{}
			}),
			info: func(i *objectstore.Info) { i.Checksum = sum },
			part: func(p *objectstore.Part) { p.SHA256 = [32]byte{} },
		}
		store := newStore(t, root, t.TempDir())
		f := stage(t, store, "rows")
		if err := store.Publish(t.Context(), f); err != nil || reads == 0 {
			t.Errorf("checksum %s: %d reads: %v", what, reads, err)
		}
		sim.Spoil(f.Name, 2)
		if err := store.Publish(t.Context(), f); chatferry.KindOf(err) != chatferry.KindIncompatible {
			t.Errorf("checksum %s, and other bytes: %v", what, err)
		}
	}
}

// What the store says of a part is held against what was sent, before a record may name the upload.
func TestStageComparesTheAnswers(t *testing.T) {
	for what, spoil := range map[string]func(*objectstore.Part){
		"sum":    func(p *objectstore.Part) { p.SHA256[0] ^= 1 },
		"size":   func(p *objectstore.Part) { p.Size++ },
		"number": func(p *objectstore.Part) { p.Number++ },
		"etag":   func(p *objectstore.Part) { p.ETag = "" },
	} {
		sim := sims3.New()
		store := newStore(t, changed{Bucket: sim.Client(nil), part: spoil}, t.TempDir())
		w, err := store.Create(t.Context(), load.Target{Name: load.LedgerName(7, 1)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, "rows"); err != nil {
			t.Fatal(err)
		}
		if ref, _, err := w.Stage(t.Context()); err == nil {
			t.Errorf("another %s: staged as %s", what, ref)
		}
		if err := w.Discard(); err != nil || len(sim.Uploads()) > 0 {
			t.Errorf("left %v: %v", sim.Uploads(), err)
		}
	}
}

// A part whose bytes were damaged on their way is sent again; if they are damaged each time, nothing is staged.
func TestStageSendsDamagedPartsAgain(t *testing.T) {
	for damaged, want := range map[int]bool{1: true, 2: true, 1000: false} {
		sim, sent := sims3.New(), 0
		store := newStore(t, sim.Client(func(op sims3.Op) sims3.Fault {
			if op.Do != string(uploadPart) {
				return sims3.Fault{}
			}
			sent++
			return sims3.Fault{Corrupt: sent <= damaged}
		}), t.TempDir())
		w, err := store.Create(t.Context(), load.Target{Name: load.LedgerName(7, 1)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, "rows"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.Stage(t.Context()); (err == nil) != want {
			t.Errorf("damaged %d times, sent %d times: %v", damaged, sent, err)
		}
		if err := w.Discard(); err != nil || len(sim.Uploads()) > 0 {
			t.Errorf("left %v: %v", sim.Uploads(), err)
		}
	}
}

// An upload whose parts are not those of the record is refused, whichever way they differ.
func TestPublishRefusesOtherParts(t *testing.T) {
	for what, change := range map[string]func(context.Context, objectstore.Bucket, objectstore.Upload) error{
		"a part more": func(ctx context.Context, b objectstore.Bucket, u objectstore.Upload) error {
			return upload(ctx, b, u, 2, "more")
		},
		"a part missing": func(ctx context.Context, b objectstore.Bucket, u objectstore.Upload) error {
			return upload(ctx, b, u, 3, "")
		},
		"another part of the same size": func(ctx context.Context, b objectstore.Bucket, u objectstore.Upload) error {
			return upload(ctx, b, u, 1, "ROWS")
		},
	} {
		sim := sims3.New()
		store := newStore(t, sim.Client(nil), t.TempDir())
		f := stage(t, store, "rows")
		if err := change(t.Context(), sim.Client(nil), sim.Uploads()[0]); err != nil {
			t.Fatal(err)
		}
		if err := store.Publish(t.Context(), f); chatferry.KindOf(err) != chatferry.KindIncompatible {
			t.Errorf("%s: %v", what, err)
		}
		if len(sim.Files(".")) > 0 || len(sim.Uploads()) != 1 {
			t.Errorf("%s: %d objects, %d uploads", what, len(sim.Files(".")), len(sim.Uploads()))
		}
	}
}

func upload(ctx context.Context, b objectstore.Bucket, u objectstore.Upload, number int, data string) error {
	_, err := b.UploadPart(ctx, u, number, bytes.NewReader([]byte(data)), int64(len(data)), sha256.Sum256([]byte(data)))
	return err
}

// A damaged record must not make the store touch what is not a Part's.
func TestNamesOutsideOfTheDatasetAreRefused(t *testing.T) {
	const name = "_chatferry/ledger/000000000007-000000000001.parquet"
	requests := 0
	store := newStore(t, sims3.New().Client(func(sims3.Op) sims3.Fault { requests++; return sims3.Fault{} }), t.TempDir())
	check := func(what string, err error) {
		t.Helper()
		if chatferry.KindOf(err) != chatferry.KindIncompatible {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, bad := range []string{"", "tables/", "_chatferry/FORMAT", "_chatferry/log/dataset/000000000001.json", "/" + name, "x/../" + name} {
		check("publish "+bad, store.Publish(t.Context(), chatferry.PartFile{Name: bad, Staging: bad + "?uploadId=x"}))
		check("unpublish "+bad, store.Unpublish(t.Context(), chatferry.PartFile{Name: bad, Staging: name + "?uploadId=x"}))
		_, err := store.Create(t.Context(), load.Target{Name: bad})
		check("create "+bad, err)
	}
	for _, ref := range []string{
		"", name, name + "?uploadId=", name + "?uploadId=%zz", name + "?uploadid=x", "_chatferry/FORMAT?uploadId=x",
		load.LedgerName(7, 2) + "?uploadId=x",
	} {
		check("publish "+ref, store.Publish(t.Context(), chatferry.PartFile{Name: name, Staging: ref}))
		if ref != load.LedgerName(7, 2)+"?uploadId=x" {
			check("unstage "+ref, store.Unstage(t.Context(), chatferry.Staged{Ref: ref}))
		}
	}
	if requests > 0 {
		t.Errorf("%d requests were made", requests)
	}
}

// A run that is told to stop is no fault of the store.
func TestStoppedCallsAreNoFaults(t *testing.T) {
	store := newStore(t, sims3.New().Client(nil), t.TempDir())
	f := stage(t, store, "rows")
	w, err := store.Create(t.Context(), load.Target{Name: f.Name})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for what, do := range map[string]func() error{
		"stage":     func() error { _, _, err := w.Stage(ctx); return err },
		"publish":   func() error { return store.Publish(ctx, f) },
		"unpublish": func() error { return store.Unpublish(ctx, f) },
		"list":      func() error { _, err := store.ListStaged(ctx, 7); return err },
		"unstage":   func() error { return store.Unstage(ctx, chatferry.Staged{Ref: f.Staging}) },
		"open":      func() error { _, err := store.Open(ctx, f.Name); return err },
	} {
		if err := do(); !errors.Is(err, context.Canceled) || chatferry.KindOf(err) != chatferry.KindUnexpected {
			t.Errorf("%s: kind %d: %v", what, chatferry.KindOf(err), err)
		}
	}
	if err := w.Discard(); err != nil {
		t.Error(err)
	}
	if err := store.Publish(t.Context(), f); err != nil {
		t.Error(fmt.Errorf("after the stop: %w", err))
	}
}
