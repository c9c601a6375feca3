package bench

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"chatferry"
	"chatferry/extract/rehearsal"
	"chatferry/transform"
)

// The floors: what no way of carrying a dump over can leave out, on the same bytes, with the same libraries, on one
// processor. They are loops of this package and call nothing of the stages, so that a stage that becomes slower becomes
// slower against them.

// unpack decompresses the dump's files and looks at nothing.
func (b *bench) unpack(_ context.Context, f *Figure) error {
	buf := make([]byte, 1<<20)
	for _, name := range b.stored.files {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		n, err := b.drain(file, buf)
		f.Bytes += n
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// drain reads a file to its end, and returns how many bytes came out.
func (b *bench) drain(file *os.File, buf []byte) (n int64, err error) {
	var r io.Reader = file
	switch b.Compression {
	case rehearsal.Gzip:
		z, err := gzip.NewReader(file)
		if err != nil {
			return 0, err
		}
		defer z.Close()
		r = z
	case rehearsal.Zstd:
		z, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return 0, err
		}
		defer z.Close()
		r = z
	}
	for {
		got, err := r.Read(buf)
		n += int64(got)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// structure finds the brackets, colons, commas and strings of every record.
func (b *bench) structure(ctx context.Context, f *Figure) error {
	return b.eachRecord(ctx, f, func(raw []byte) { b.found += marks(raw) })
}

// digest takes the SHA-256 of every record.
func (b *bench) digest(ctx context.Context, f *Figure) error {
	return b.eachRecord(ctx, f, func(raw []byte) { b.sum = sha256.Sum256(raw) })
}

func (b *bench) eachRecord(ctx context.Context, f *Figure, do func(raw []byte)) error {
	return b.held(ctx, func(pages []*chatferry.Page) error {
		for _, p := range pages {
			f.Bytes += p.RawBytes
			f.Records += int64(len(p.Records))
			for i := range p.Records {
				do(p.Records[i].Raw)
			}
		}
		return nil
	})
}

// marks counts the marks that give a JSON text its structure, strings as one.
func marks(b []byte) int {
	n := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n++
			i = stringEnd(b, i+1)
		case '{', '}', '[', ']', ':', ',':
			n++
		}
	}
	return n
}

// stringEnd returns the index of the quote that ends the string which begins at i.
func stringEnd(b []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for {
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			quote, slash := w^ones*'"', w^ones*'\\'
			if m := ((quote-ones)&^quote | (slash-ones)&^slash) & tops; m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		for i < len(b) && b[i] != '"' && b[i] != '\\' {
			i++
		}
		if i >= len(b) || b[i] == '"' {
			return i
		}
		i += 2
	}
}

// compressedPiece is how much of a column is compressed at once: a page of a Parquet file.
const compressedPiece = 1 << 20

// compress compresses the bytes of all columns. Reading, decoding and putting the bytes of a column side by side are not
// counted.
func (b *bench) compress(ctx context.Context, f *Figure) error {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20))
	if err != nil {
		return err
	}
	var columns [][]byte
	var out []byte
	flush := func(least int) {
		for i, c := range columns {
			if len(c) >= max(1, least) {
				out = z.EncodeAll(c, out[:0])
				columns[i] = c[:0]
			}
		}
	}
	t := transform.New(chatferry.Chats, transform.Options{})
	err = b.decoded(ctx, t, true, func(batch *chatferry.Batch) error {
		f.count(batch)
		_ = b.aside(func() error {
			at := 0
			for _, rows := range batch.Rows {
				for _, c := range rows.Record.Columns() {
					columns = gather(columns, &at, c.Data())
				}
			}
			return nil
		})
		flush(compressedPiece)
		return nil
	})
	flush(0)
	return errors.Join(err, z.Close())
}

// gather appends the buffers of a column to the columns from number at on.
func gather(columns [][]byte, at *int, data arrow.ArrayData) [][]byte {
	for _, buffer := range data.Buffers() {
		if *at == len(columns) {
			columns = append(columns, nil)
		}
		if buffer != nil {
			columns[*at] = append(columns[*at], buffer.Bytes()...)
		}
		*at++
	}
	for _, child := range data.Children() {
		columns = gather(columns, at, child)
	}
	return columns
}
