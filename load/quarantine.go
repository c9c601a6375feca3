package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/klauspost/compress/zstd"

	"chatferry"
)

// quarantineFile is the Rejects of one Part being written: one JSON object a line, compressed with zstd.
type quarantineFile struct {
	to      chatferry.PartFile
	staging Staging
	sink    *hashingSink
	zw      *zstd.Encoder
	lines   *json.Encoder
	n       int64
	e       chatferry.Digest
}

func newQuarantineFile(to chatferry.PartFile, create func() (Staging, error)) (*quarantineFile, error) {
	staging, err := create()
	if err != nil {
		return nil, err
	}
	f := &quarantineFile{to: to, staging: staging, sink: newHashingSink(staging)}
	if f.zw, err = newZstdEncoder(f.sink, zstdLevel); err != nil {
		return nil, errors.Join(err, staging.Discard())
	}
	f.lines = json.NewEncoder(f.zw)
	f.lines.SetEscapeHTML(false)
	return f, nil
}

func (f *quarantineFile) write(r *chatferry.Reject) error {
	if err := f.lines.Encode(r); err != nil {
		return err
	}
	e := chatferry.Entry(r.Stream, (*[32]byte)(&r.RawSHA256))
	f.e.Add(&e)
	f.n++
	return nil
}

func (f *quarantineFile) finish() error {
	err := f.zw.Close()
	if f.sink.err != nil {
		err = f.sink.err
	}
	if err != nil {
		return fmt.Errorf("finish %s: %w", f.to.Name, err)
	}
	return nil
}

func (f *quarantineFile) file() Staging { return f.staging }

func (f *quarantineFile) through() *hashingSink { return f.sink }

func (f *quarantineFile) made() chatferry.PartFile {
	out := f.to
	out.Size, out.SHA256, out.Rows, out.E = f.sink.n, f.sink.sha256(), f.n, f.e
	return out
}

// compare parses the finished file and compares it with what was written.
func (f *quarantineFile) compare(ctx context.Context, s *sweep) error {
	var n int64
	var d chatferry.Digest
	for reject, err := range ReadQuarantine(s) {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		e := chatferry.Entry(reject.Stream, (*[32]byte)(&reject.RawSHA256))
		d.Add(&e)
		n++
	}
	if n != f.n || d != f.e {
		return fmt.Errorf("%d Rejects with digest %s instead of %d with digest %s", n, d, f.n, f.e)
	}
	return nil
}

// maxRejectLine bounds a line of a quarantine file: one MiB of raw bytes in base64, and room for the rest.
const maxRejectLine = 16 << 20

// ReadQuarantine reads the Rejects of a quarantine file in order. Damage ends the iteration with an error that says
// behind which Reject it lies; the Rejects before it are whole. A Reject's raw bytes are compared with their SHA-256
// where they are kept in full.
func ReadQuarantine(r io.Reader) iter.Seq2[chatferry.Reject, error] {
	return func(yield func(chatferry.Reject, error) bool) {
		n := 0
		fail := func(err error) {
			yield(chatferry.Reject{}, fmt.Errorf("the quarantine file is damaged behind its Reject %d: %w", n, err))
		}
		zr, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20),
			zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			fail(err)
			return
		}
		defer zr.Close()
		lines := bufio.NewReaderSize(zr, 64<<10)
		for {
			line, err := readLine(lines)
			if err == io.EOF && n > 0 {
				return
			}
			if err == io.EOF {
				err = errors.New("it is empty")
			}
			if err != nil {
				fail(err)
				return
			}
			reject, err := parseReject(line)
			if err != nil {
				fail(err)
				return
			}
			n++
			if !yield(reject, nil) {
				return
			}
		}
	}
}

// readLine returns the next line without its end, and io.EOF only at the beginning of a line.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case len(line) > maxRejectLine:
			return nil, fmt.Errorf("a line of more than %d bytes", maxRejectLine)
		case err == bufio.ErrBufferFull:
		case err == io.EOF && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

func parseReject(line []byte) (chatferry.Reject, error) {
	var r chatferry.Reject
	if !bytes.HasPrefix(line, []byte("{")) {
		return r, errors.New("a line that is not a JSON object")
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	if r.RawLen > 0 && int64(len(r.Raw)) == r.RawLen && sha256.Sum256(r.Raw) != r.RawSHA256 {
		return r, fmt.Errorf("the raw bytes of %s do not have their SHA-256", r.Place)
	}
	return r, nil
}
