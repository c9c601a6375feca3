package dump

import (
	"context"
	"crypto/sha256"
	"fmt"

	"chatferry"
)

const (
	readBytes    = 128 << 10 // most that is read at once, and so carried over from one Page's memory to the next
	keptBytes    = 1 << 20   // of a record that is too long
	maxFileBytes = 1 << 40   // uncompressed, so that a byte's place fits an Offset
)

// input is the window over an uncompressed file in which a cutter looks for records. What it reads goes straight into
// the memory of the Page being built, behind the records that the Page has already.
type input struct {
	flow flow
	path string
	mem  *memory

	r, w int   // mem.buf[r:w] is read and not yet cut
	keep int   // mem.buf[:keep] belongs to the Page
	off  int64 // of mem.buf[r] in the file
	end  error // io.EOF or errCut when the flow has ended
	told []doubtAt
}

// piece is a record in the memory of its Page.
type piece struct {
	from, to int   // in memory.buf
	size     int64 // of the whole record
	file     int
	offset   int64 // of its first byte in the file
	fault    *chatferry.Fault
}

// begin begins a file, at a byte of it, behind what the memory holds already.
func (in *input) begin(f flow, path string, off int64) {
	*in = input{flow: f, path: path, mem: in.mem, r: in.keep, w: in.keep, keep: in.keep, off: off}
}

// move leaves the memory to its Page and takes what is not yet cut to another.
func (in *input) move(to *memory) {
	left := in.bytes()
	if len(left) > len(to.buf) {
		to.buf = make([]byte, len(left)+readBytes)
	}
	in.r, in.w, in.keep = 0, copy(to.buf, left), 0
	in.mem = to
}

func (in *input) bytes() []byte { return in.mem.buf[in.r:in.w] }

// more reads more of the file behind bytes. It returns in.end once there is no more.
func (in *input) more(ctx context.Context) error {
	if in.end != nil {
		return in.end
	}
	in.room()
	n, err := in.flow.read(ctx, in.mem.buf[in.w:min(len(in.mem.buf), in.w+readBytes)])
	in.w += n
	in.told = append(in.told, in.flow.news()...)
	if in.off+int64(in.w-in.r) > maxFileBytes {
		return &chatferry.Error{
			Kind: chatferry.KindUsage, Op: "read dump file", Place: in.path,
			Err: fmt.Errorf("it holds more than %d GiB uncompressed", maxFileBytes>>30), Hint: "split it",
		}
	}
	if n == 0 && ended(err) {
		in.end = err
	}
	return err
}

// room makes room behind what is read: by moving it down over bytes that no record holds, otherwise by growing.
func (in *input) room() {
	if len(in.mem.buf)-in.w >= readBytes/2 {
		return
	}
	if in.r > in.keep {
		copy(in.mem.buf[in.keep:], in.bytes())
		in.w -= in.r - in.keep
		in.r = in.keep
	}
	if len(in.mem.buf)-in.w < readBytes/2 {
		larger := make([]byte, max(in.w+readBytes, min(2*in.w, in.mem.most)))
		copy(larger, in.mem.buf[:in.w])
		in.mem.buf = larger
	}
}

// skip passes over n bytes that belong to no record.
func (in *input) skip(n int) {
	in.r += n
	in.off += int64(n)
}

// take cuts the next n bytes as a record.
func (in *input) take(n int) piece {
	p := piece{from: in.r, to: in.r + n, size: int64(n), offset: in.off}
	in.skip(n)
	in.keep = in.r
	return p
}

// drop gives the memory of the piece taken last back.
func (in *input) drop(p piece) { in.keep = p.from }

// skipTo passes over everything before a byte of the file.
func (in *input) skipTo(ctx context.Context, off int64) error {
	for {
		in.skip(int(min(int64(len(in.bytes())), off-in.off)))
		if in.off >= off {
			return nil
		}
		if err := in.more(ctx); err != nil {
			return err
		}
	}
}

// skipWhite passes over white space. It returns io.EOF or errCut if nothing else is left.
func (in *input) skipWhite(ctx context.Context) error {
	for {
		b := in.bytes()
		n := 0
		for n < len(b) && isWhite(b[n]) {
			n++
		}
		in.skip(n)
		if n < len(b) {
			return nil
		}
		if err := in.more(ctx); err != nil {
			return err
		}
	}
}

// swallow cuts a piece of any length, of which it keeps the first MiB and the SHA-256. belongs says of each run of bytes,
// in order, how many belong to the piece and whether it ends there; the piece also ends with the file.
func (in *input) swallow(ctx context.Context, code chatferry.Code, reason string, belongs func([]byte) (int, bool)) (piece, error) {
	hash := sha256.New()
	n, done := 0, false
	var err error
	for !done && n < keptBytes && err == nil {
		var m int
		m, done = belongs(in.bytes()[n:])
		hash.Write(in.bytes()[n : n+m])
		if n += m; !done && n < keptBytes {
			err = in.more(ctx)
		}
	}
	if err != nil && !ended(err) {
		return piece{}, err
	}
	p := in.take(min(n, keptBytes))
	in.skip(n - min(n, keptBytes))
	p.size = int64(n)
	for !done && err == nil {
		if err = in.more(ctx); err != nil {
			break
		}
		n, done = belongs(in.bytes())
		hash.Write(in.bytes()[:n])
		in.skip(n)
		p.size += int64(n)
	}
	if err != nil && !ended(err) {
		return piece{}, err
	}
	p.fault = &chatferry.Fault{Code: code, Reason: reason}
	if p.size > int64(p.to-p.from) {
		p.fault.RawLen, p.fault.RawSHA256 = p.size, (*[32]byte)(hash.Sum(nil))
	}
	return p, nil
}

// everything is for swallow: the rest of the file.
func everything(b []byte) (int, bool) { return len(b), false }

func (in *input) doubt(reason string) {
	in.told = append(in.told, doubtAt{in.off, chatferry.Doubt{File: in.path, At: in.flow.stored(in.off), Reason: reason}})
}
