package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/load"
)

// carriage carries one Part from its build to its removal on two machines, of which the second goes on wherever the
// first gives up.
type carriage struct {
	t            *testing.T
	first, other load.Store
	truth        objectstore.Bucket // the same bucket, undisturbed
	heal         func() error       // ends all faults and carries out what is late
	data         map[string][]byte  // what is to be published
	repeated     int                // how many steps were
}

const carriedShard = 7

// files are the names of the Part's files, in order.
func files() []string {
	return []string{
		load.RowsName("visitors", carriedShard, 1), load.LedgerName(carriedShard, 1), load.QuarantineName(carriedShard, 1),
	}
}

// run returns an error if anything was lost, doubled or torn.
func (c *carriage) run() error {
	var record []byte
	err := c.repeat("stage", func(s load.Store) (err error) {
		record, err = c.stage(s)
		return err
	})
	if err != nil {
		return err
	}
	var part []chatferry.PartFile
	if err := json.Unmarshal(record, &part); err != nil {
		return err
	}
	for range 2 {
		if err := c.each("publish", part, load.Store.Publish); err != nil {
			return err
		}
		c.first, c.other = c.other, c.first
	}
	if err := c.each("read", part, c.read); err != nil {
		return err
	}
	if err := c.repeat("sweep", c.sweep); err != nil {
		return err
	}
	gone := part[len(part)-1]
	err = c.repeat("remove "+gone.Name, func(s load.Store) error { return s.Unpublish(c.t.Context(), gone) })
	if err != nil {
		return err
	}
	// What is late comes now. It can leave uploads that another sweep finds, and nothing else.
	if err := c.heal(); err != nil {
		return err
	}
	if err := c.other.Publish(c.t.Context(), gone); !errors.Is(err, chatferry.ErrStagingGone) {
		return fmt.Errorf("publishing what was removed: %w", err)
	}
	delete(c.data, gone.Name)
	for _, f := range part[:len(part)-1] {
		if err := c.other.Publish(c.t.Context(), f); err != nil {
			return fmt.Errorf("publish once more: %w", err)
		}
	}
	if err := c.sweep(c.other); err != nil {
		return err
	}
	return c.check()
}

// repeat does one step, again on the other machine if it fails, and once more there when all faults are over.
func (c *carriage) repeat(what string, step func(load.Store) error) error {
	err := step(c.first)
	for _, cure := range []func() error{func() error { return nil }, c.heal} {
		if err == nil {
			return nil
		}
		if errors.Is(err, chatferry.ErrStagingGone) {
			break
		}
		c.repeated++
		if err := cure(); err != nil {
			return err
		}
		err = step(c.other)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (c *carriage) each(what string, part []chatferry.PartFile, do func(load.Store, context.Context, chatferry.PartFile) error) error {
	for _, f := range part {
		if err := c.repeat(what+" "+f.Name, func(s load.Store) error { return do(s, c.t.Context(), f) }); err != nil {
			return err
		}
	}
	return nil
}

// stage builds the Part as load.Sink does, and returns its record.
func (c *carriage) stage(s load.Store) ([]byte, error) {
	var part []chatferry.PartFile
	var open []load.Staging
	discard := func(err error) ([]byte, error) {
		for _, w := range open {
			_ = w.Discard() // the sweep finds what it could not abort
		}
		return nil, err
	}
	for _, name := range files() {
		data := c.data[name]
		w, err := s.Create(c.t.Context(), load.Target{Shard: carriedShard, Epoch: 1, Seq: 1, Nonce: "aa", Name: name})
		if err != nil {
			return discard(err)
		}
		open = append(open, w)
		if _, err := w.Write(data); err != nil {
			return discard(err)
		}
		f := chatferry.PartFile{Name: name, Size: int64(len(data)), SHA256: sha256.Sum256(data)}
		if f.Staging, f.StoreChecksum, err = w.Stage(c.t.Context()); err != nil {
			return discard(err)
		}
		part = append(part, f)
	}
	if err := s.SyncStaging(c.t.Context()); err != nil {
		return discard(err)
	}
	return json.Marshal(part)
}

// read reads a published file as a reader of Parquet does, its end first.
func (c *carriage) read(s load.Store, ctx context.Context, f chatferry.PartFile) error {
	r, err := s.Open(ctx, f.Name)
	if err != nil {
		return err
	}
	defer r.Close()
	want := c.data[f.Name]
	tail := make([]byte, min(8, len(want)))
	if _, err := r.ReadAt(tail, r.Size()-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	got, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) || !bytes.HasSuffix(want, tail) {
		c.t.Errorf("%s: %d bytes came back, %d were published", f.Name, len(got), len(want))
	}
	return nil
}

// sweep aborts what was staged for the Shard; all that a record names is published.
func (c *carriage) sweep(s load.Store) error {
	staged, err := s.ListStaged(c.t.Context(), carriedShard)
	for _, u := range staged {
		err = errors.Join(err, s.Unstage(c.t.Context(), u))
	}
	return err
}

// check looks at the bucket behind the faults.
func (c *carriage) check() error {
	for u, err := range c.truth.ListUploads(c.t.Context(), "") {
		if err != nil {
			return err
		}
		c.t.Errorf("an upload to %s was left", u.Name)
	}
	objects := 0
	for info, err := range c.truth.List(c.t.Context(), "", "") {
		if err != nil {
			return err
		}
		objects++
		got, _, err := c.truth.Get(c.t.Context(), info.Name)
		if err != nil {
			return err
		}
		if want, ok := c.data[info.Name]; !ok || !bytes.Equal(got, want) {
			c.t.Errorf("%s has %d bytes; wanted: %v, of %d bytes", info.Name, len(got), ok, len(want))
		}
	}
	if objects != len(c.data) {
		c.t.Errorf("%d objects, %d were published", objects, len(c.data))
	}
	return nil
}
