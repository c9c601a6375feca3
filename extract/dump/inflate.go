package dump

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"chatferry"
)

type compression int

const (
	plain compression = iota
	gzipped
	zstded
)

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// compressionOf tells the compression by a file's first bytes.
func compressionOf(head []byte) compression {
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		return gzipped
	case bytes.HasPrefix(head, zstdMagic),
		len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18}): // a skippable frame
		return zstded
	}
	return plain
}

// maxWindow is the largest zstd window that is accepted, that of zstd --long=27. A frame can ask for more than any memory.
const maxWindow = 128 << 20

// maxIdle is how many members and blocks without content may follow one another.
const maxIdle = 1 << 20

// inflater reads a file of gzip members or zstd frames, one after another. After a member whose checksum is wrong it
// goes on with the next one, since all its bytes were there; after any other damage the file is lost from there on.
type inflater struct {
	in   *bufio.Reader
	file *storedFile
	kind compression
	gz   gzip.Reader
	zs   *zstd.Decoder
	zf   zstdFrame

	out    int64 // uncompressed bytes so far
	inside bool  // a member has been begun
	end    error
	told   []doubtAt
}

// start begins a file. The inflater's buffers are used again from file to file.
func (f *inflater) start(file *storedFile, head []byte, kind compression) error {
	if f.in == nil {
		f.in = bufio.NewReaderSize(nil, 64<<10)
	}
	f.in.Reset(io.MultiReader(bytes.NewReader(head), file))
	f.file, f.kind, f.out, f.inside, f.end, f.told = file, kind, 0, false, nil, nil
	if kind == zstded && f.zs == nil {
		zs, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return fmt.Errorf("make a zstd decoder: %w", err)
		}
		f.zs = zs
	}
	return nil
}

// release lets the file go, and the decoder whose window may be large.
func (f *inflater) release() {
	f.file = nil
	if f.in != nil {
		f.in.Reset(nil)
	}
	if f.zs != nil {
		f.zs.Close()
		f.zs = nil
	}
}

// consumed is the number of stored bytes that the output so far was made of.
func (f *inflater) consumed() int64 { return f.file.n - int64(f.in.Buffered()) }

// Read implements io.Reader. It ends with io.EOF, errCut or an error of the disk.
func (f *inflater) Read(p []byte) (int, error) {
	for idle := 0; f.end == nil; idle++ {
		if !f.inside {
			f.end = f.begin()
			continue
		}
		var n int
		var err error
		if f.kind == gzipped {
			n, err = f.gz.Read(p)
		} else {
			n, err = f.zs.Read(p)
		}
		f.out += int64(n)
		if err != nil {
			n += f.memberEnded(p[n:], err)
		}
		if n > 0 {
			return n, nil
		}
		if err == nil && idle >= maxIdle {
			f.cut(io.ErrNoProgress)
		}
	}
	return 0, f.end
}

// memberEnded takes note of a member's end. It may still fill p.
func (f *inflater) memberEnded(p []byte, err error) (n int) {
	f.inside = false
	switch {
	case f.file.err != nil:
		f.end = f.file.err
	case err == io.EOF && f.kind == zstded && !f.zf.ended():
		f.cut(io.ErrUnexpectedEOF) // the decoder takes a header that is not whole for the end
	case err == io.EOF:
	case errors.Is(err, gzip.ErrChecksum):
		f.doubt("the checksum at the end of a gzip member is wrong")
	case errors.Is(err, zstd.ErrCRCMismatch):
		// The decoder has the frame's last block ready, and gives it when it is asked once more.
		f.doubt("the checksum at the end of a zstd frame is wrong")
		if n, _ = f.zs.Read(p); n == len(p) && n > 0 {
			f.inside = true // there may be more of it; the error comes again
			f.told = f.told[:len(f.told)-1]
		}
		f.out += int64(n)
	default:
		f.cut(err)
	}
	return n
}

// begin begins the next member, or returns how the file ends.
func (f *inflater) begin() error {
	head, err := f.in.Peek(4)
	if f.file.err != nil {
		return f.file.err
	}
	if len(head) == 0 {
		if err != io.EOF {
			return err
		}
		return io.EOF
	}
	if compressionOf(head) != f.kind {
		at := f.consumed()
		n, zeros, err := drain(f.in)
		if err != nil {
			return err
		}
		what := "trailing bytes that are not " + f.kind.member()
		if zeros {
			what = "trailing zero bytes"
		}
		f.doubtFrom(at, fmt.Sprintf("after the last %s stand %d %s; the file may be damaged there", f.kind.member(), n, what))
		return io.EOF
	}
	if f.kind == gzipped {
		if err = f.gz.Reset(f.in); err == nil {
			f.gz.Multistream(false)
		}
	} else {
		f.zf.start(f.in)
		err = f.zs.Reset(&f.zf)
	}
	if err != nil {
		if f.file.err != nil {
			return f.file.err
		}
		f.cut(err)
		return f.end
	}
	f.inside = true
	return nil
}

func (k compression) member() string {
	if k == gzipped {
		return "gzip member"
	}
	return "zstd frame"
}

func (f *inflater) doubt(reason string) { f.doubtFrom(f.consumed(), reason) }

func (f *inflater) doubtFrom(at int64, reason string) {
	f.told = append(f.told, doubtAt{f.out, chatferry.Doubt{File: f.file.path, At: at, Reason: reason}})
}

// cut ends the file where it cannot be decompressed any further.
func (f *inflater) cut(err error) {
	reason := "is damaged: " + err.Error()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		reason = "is cut off"
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		reason = fmt.Sprintf("asks for a window of more than %d MiB", maxWindow>>20)
	}
	f.doubt("a " + f.kind.member() + " " + reason + "; what the file holds behind this byte was not read")
	f.end = errCut
}

// drain reads r to its end and says whether there were only zero bytes.
func drain(r *bufio.Reader) (n int64, zeros bool, err error) {
	zeros = true
	for {
		b, err := r.Peek(1)
		if len(b) == 0 {
			if err == io.EOF {
				return n, zeros, nil
			}
			return n, zeros, err
		}
		b, _ = r.Peek(r.Buffered())
		zeros = zeros && len(bytes.Trim(b, "\x00")) == 0
		n += int64(len(b))
		if _, err := r.Discard(len(b)); err != nil {
			return n, zeros, err
		}
	}
}
