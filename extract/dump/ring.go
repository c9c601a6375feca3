package dump

import (
	"context"
	"io"
)

const (
	chunkBytes = 256 << 10 // of uncompressed bytes; the size fixes StoredBytes of Pages
	ringChunks = 4
)

// ring is a compressed file as a flow. A goroutine of its own decompresses ahead, by a few chunks and no more.
type ring struct {
	file    *storedFile
	full    chan chunk
	free    chan []byte
	stop    chan struct{}
	stopped chan struct{}

	now   chunk // being given out
	given int   // bytes of it
	out   int64 // uncompressed bytes given out
	marks []mark
	base  int64 // stored bytes at the last mark that was forgotten
	told  []doubtAt
}

// chunk is chunkBytes of uncompressed bytes, fewer only at the end.
type chunk struct {
	data   []byte
	stored int64 // bytes consumed at its end
	told   []doubtAt
	end    error
}

// mark says that the bytes before at were made of so many stored bytes.
type mark struct{ at, stored int64 }

// ringBuffers are the chunks of one Reader, used again from file to file.
type ringBuffers [ringChunks][]byte

func startRing(file *storedFile, from *inflater, buffers *ringBuffers) *ring {
	r := &ring{
		file: file, full: make(chan chunk, ringChunks), free: make(chan []byte, ringChunks),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	for i := range buffers {
		if buffers[i] == nil {
			buffers[i] = make([]byte, chunkBytes)
		}
		r.free <- buffers[i]
	}
	go r.fill(from)
	return r
}

// fill decompresses until the file ends or the ring is closed. A send on full never blocks: there are no more chunks
// than it has room for.
func (r *ring) fill(from *inflater) {
	defer close(r.stopped)
	for {
		var buf []byte
		select {
		case buf = <-r.free:
		case <-r.stop:
			return
		}
		var c chunk
		n := 0
		for n < len(buf) && c.end == nil {
			var m int
			m, c.end = from.Read(buf[n:])
			n += m
		}
		c.data, c.stored, c.told = buf[:n], from.consumed(), from.told
		from.told = nil
		r.full <- c
		if c.end != nil {
			return
		}
	}
}

func (r *ring) read(ctx context.Context, p []byte) (int, error) {
	for r.given == len(r.now.data) {
		if r.now.end != nil {
			return 0, r.now.end
		}
		if r.now.data != nil {
			r.free <- r.now.data[:chunkBytes]
			r.now.data = nil
			r.given = 0
		}
		select {
		case r.now = <-r.full:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
		r.told = append(r.told, r.now.told...)
	}
	n := copy(p, r.now.data[r.given:])
	r.given += n
	r.out += int64(n)
	if r.given == len(r.now.data) {
		r.marks = append(r.marks, mark{r.out, r.now.stored})
	}
	return n, nil
}

func (r *ring) news() []doubtAt {
	told := r.told
	r.told = nil
	return told
}

func (r *ring) stored(at int64) int64 {
	n := r.base
	for _, m := range r.marks {
		if m.at > at {
			break
		}
		n = m.stored
	}
	return n
}

func (r *ring) forget(at int64) {
	for len(r.marks) > 0 && r.marks[0].at <= at {
		r.base = r.marks[0].stored
		r.marks = r.marks[1:]
	}
}

func (r *ring) unchanged() error { return r.file.obj.Unchanged() }

// close stops the goroutine, which may be waiting for bytes, and waits for it.
func (r *ring) close() error {
	close(r.stop)
	err := r.file.obj.Close()
	<-r.stopped
	return err
}

var _ io.Reader = (*inflater)(nil)
