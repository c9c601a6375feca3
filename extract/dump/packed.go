package dump

import "context"

// markBytes is how many uncompressed bytes there are from one mark to the next. It fixes StoredBytes of Pages.
const markBytes = 256 << 10

// packedFlow is a compressed file. It is decompressed by whoever reads it, straight into the memory of a Page: a goroutine of
// its own would have to hand the bytes over by copying them, and a Lane has others to keep the processors busy.
type packedFlow struct {
	file *storedFile
	from *inflater

	marks []mark
	base  int64 // stored bytes at the last mark that was forgotten
	end   error
}

// mark says that the uncompressed bytes before at were made of so many stored bytes.
type mark struct{ at, stored int64 }

// read gives no bytes from both sides of a mark.
func (f *packedFlow) read(ctx context.Context, p []byte) (int, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if f.end != nil {
		return 0, f.end
	}
	n, err := f.from.Read(p[:min(int64(len(p)), markBytes-f.from.out%markBytes)])
	f.end = err
	if at := f.from.out; at%markBytes == 0 && n > 0 || at%markBytes != 0 && err != nil {
		f.marks = append(f.marks, mark{at, f.from.consumed()})
	}
	return n, err
}

func (f *packedFlow) news() []doubtAt {
	told := f.from.told
	f.from.told = nil
	return told
}

func (f *packedFlow) stored(at int64) int64 {
	n := f.base
	for _, m := range f.marks {
		if m.at > at {
			break
		}
		n = m.stored
	}
	return n
}

func (f *packedFlow) forget(at int64) {
	for len(f.marks) > 0 && f.marks[0].at <= at {
		f.base = f.marks[0].stored
		f.marks = f.marks[1:]
	}
}

func (f *packedFlow) unchanged() error { return f.file.obj.Unchanged() }
func (f *packedFlow) close() error     { return f.file.obj.Close() }
