package dump

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"chatferry"
)

// open opens the file r.here, at r.start if that is inside it.
func (r *reader) open(ctx context.Context) error {
	f := r.shard.Files[r.here.file]
	at := int64(0)
	if r.here.file == r.start.file {
		at = r.start.at
	}
	var c cutter
	var err error
	r.header = nil
	if r.shard.From > 0 || r.shard.To > 0 {
		c, err = r.openRange(ctx, f, at)
	} else {
		c, err = r.openWhole(ctx, f, at)
	}
	r.listen()
	if err != nil {
		r.closeFile()
		return err
	}
	r.cutter = c
	return nil
}

// openRange opens a range of plain NDJSON.
func (r *reader) openRange(ctx context.Context, f chatferry.File, at int64) (cutter, error) {
	l := &lines{limit: r.source.cuts.RecordBytes, to: r.shard.To, lineAt: at}
	before := int64(0) // to see whether a line begins at the range's first byte
	if at == r.shard.From && at > 0 {
		before = 1
	}
	if err := r.openPlain(ctx, f, at-before); err != nil {
		return nil, err
	}
	if before > 0 {
		return l, l.toLineStart(ctx, &r.in)
	}
	if at == 0 {
		return l, r.skipMark(ctx)
	}
	return l, nil
}

// openWhole opens a whole file, of which what stands before at was read earlier.
func (r *reader) openWhole(ctx context.Context, f chatferry.File, at int64) (cutter, error) {
	kind, err := r.openStored(ctx, f)
	if err != nil {
		return nil, err
	}
	for len(r.in.bytes()) < sniffBytes {
		if err := r.in.more(ctx); ended(err) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	head := r.in.bytes()
	head = head[:min(len(head), sniffBytes)]
	if _, ext := compressed(f.Path); ext != "" && kind == plain {
		if reason := misnamed(ext, head); reason != "" {
			r.in.doubt(reason)
			return &opaque{reason: reason, done: len(head) == 0}, nil
		}
	}
	limit := r.source.cuts.RecordBytes
	how := sniff(r.shard.Stream, head)
	if how == formatLines && kind == plain && at > 0 {
		if err := r.closeFile(); err != nil {
			return nil, err
		}
		return &lines{limit: limit, lineAt: at}, r.openPlain(ctx, f, at)
	}
	if err := r.skipMark(ctx); err != nil {
		return nil, err
	}
	switch how {
	case formatCSV:
		c := &rows{limit: limit}
		whole, err := c.begin(ctx, &r.in)
		r.header, r.whole = c.header, whole
		if err != nil || whole != nil || c.done || at <= r.in.off {
			return c, err
		}
		return c, r.skipTo(ctx, at)
	case formatDocuments:
		return &documents{stream: r.shard.Stream, limit: limit}, nil
	}
	if at > 0 {
		err = r.skipTo(ctx, at)
	}
	return &lines{limit: limit, lineAt: at}, err
}

// skipTo passes over what was read earlier.
func (r *reader) skipTo(ctx context.Context, at int64) error {
	err := r.in.skipTo(ctx, at)
	if ended(err) {
		return &chatferry.Error{
			Kind: chatferry.KindIncompatible, Op: "resume", Place: r.in.path,
			Err:  fmt.Errorf("the file ends at byte %d, uncompressed, but was read up to byte %d earlier", r.in.off, at),
			Hint: "bring the file back as it was, or begin a new dataset",
		}
	}
	return err
}

// skipMark passes over a byte order mark at the file's beginning.
func (r *reader) skipMark(ctx context.Context) error {
	for len(r.in.bytes()) < len(byteOrderMark) {
		if err := r.in.more(ctx); ended(err) {
			return nil
		} else if err != nil {
			return err
		}
	}
	if bytes.HasPrefix(r.in.bytes(), byteOrderMark) {
		r.in.skip(len(byteOrderMark))
	}
	return nil
}

// openStored opens a file at its beginning and tells its compression.
func (r *reader) openStored(ctx context.Context, f chatferry.File) (compression, error) {
	obj, err := r.store.Open(ctx, f, 0)
	if err != nil {
		return plain, err
	}
	fl, kind, err := startFlow(obj, f, r.inflate)
	if err != nil {
		obj.Close()
		return plain, err
	}
	r.in.begin(fl, f.Path, 0)
	return kind, nil
}

func (r *reader) openPlain(ctx context.Context, f chatferry.File, at int64) error {
	obj, err := r.store.Open(ctx, f, at)
	if err != nil {
		return err
	}
	r.in.begin(&plainFlow{file: newStoredFile(obj, f, at)}, f.Path, at)
	return nil
}

// startFlow begins to read a file with the compression that its first bytes tell.
func startFlow(obj Object, f chatferry.File, from *inflater) (flow, compression, error) {
	file := newStoredFile(obj, f, 0)
	head := make([]byte, 4)
	n, err := io.ReadFull(file, head)
	head = head[:n]
	if err != nil && file.err != nil {
		return nil, plain, file.err
	}
	kind := compressionOf(head)
	if kind == plain {
		return &plainFlow{file: file, head: head}, kind, nil
	}
	if err := from.start(file, head, kind); err != nil {
		return nil, kind, err
	}
	return &packedFlow{file: file, from: from}, kind, nil
}

// finish closes a file that was read to its end.
func (r *reader) finish() error {
	if err := r.in.flow.unchanged(); err != nil {
		return err
	}
	r.measure()
	if err := r.closeFile(); err != nil {
		return environment("close", r.in.path, err, "check the disk, then resume")
	}
	r.here = place{r.here.file + 1, 0}
	return nil
}

func (r *reader) closeFile() error {
	r.cutter = nil
	if r.in.flow == nil {
		return nil
	}
	err := r.in.flow.close()
	r.in.flow = nil
	return err
}

// listen takes what the open file has told so far, leaving out what was told before the Shard was opened.
func (r *reader) listen() {
	for _, t := range r.in.told {
		if p := (place{r.here.file, t.at}); !p.less(r.start) {
			r.doubts = append(r.doubts, placedDoubt{p, t.doubt})
		}
	}
	r.in.told = r.in.told[:0]
}

// measure finds out how many stored bytes stand before r.from, when the Shard was opened behind its beginning.
func (r *reader) measure() {
	if !r.measured {
		r.measured = true
		r.passed = r.storedBefore(r.start)
	}
}

// storedBefore returns the stored bytes of the Shard before a place, which is in the open file or at a file's beginning.
func (r *reader) storedBefore(p place) int64 {
	if r.shard.From > 0 || r.shard.To > 0 {
		if p.file > 0 {
			return r.shard.To - r.shard.From
		}
		return min(max(p.at, r.shard.From), r.shard.To) - r.shard.From
	}
	var n int64
	for _, f := range r.shard.Files[:p.file] {
		n += f.Size
	}
	if p.at > 0 && r.in.flow != nil {
		n += r.in.flow.stored(p.at)
	}
	return n
}
