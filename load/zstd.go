package load

import (
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/klauspost/compress/zstd"
)

// registerZstd puts zstdCodec in the place of arrow's own codec, which makes a new encoder for every page. The registry
// is a map of the arrow library without a lock, so it is written once, before the first file is opened.
var registerZstd = sync.OnceFunc(func() {
	n := runtime.GOMAXPROCS(0)
	compress.RegisterCodec(compress.Codecs.Zstd, &zstdCodec{
		encoders: make(chan pooledEncoder, n),
		decoders: make(chan *zstd.Decoder, n),
	})
})

// appender is a codec that spares its caller a copy. zstdCodec is one, and so must be what a test registers in its place.
type appender interface {
	// AppendEncoded appends src, compressed with this package's settings.
	AppendEncoded(dst, src []byte) []byte
	// AppendDecoded appends what src holds, compressed.
	AppendDecoded(dst, src []byte) ([]byte, error)
}

// appendPage appends a page, compressed, to dst.
func appendPage(dst, src []byte) []byte { return registered().AppendEncoded(dst, src) }

// appendDecoded appends what a compressed page holds to dst.
func appendDecoded(dst, src []byte) ([]byte, error) { return registered().AppendDecoded(dst, src) }

// registered is asked for every page: nothing keeps the coders of a codec that is replaced.
func registered() appender {
	registerZstd()
	codec, err := compress.GetCodec(compress.Codecs.Zstd)
	if err != nil {
		panic(fmt.Sprintf("load: zstd was registered: %v", err))
	}
	return codec.(appender)
}

// zstdCodec compresses and decompresses pages with cached coders. Every encoder works with one goroutine, the caller's,
// so its output is a function of its input.
type zstdCodec struct {
	encoders chan pooledEncoder
	decoders chan *zstd.Decoder
}

type pooledEncoder struct {
	level int
	*zstd.Encoder
}

var _ compress.Codec = (*zstdCodec)(nil)

// maxPageBytes bounds what one page may decompress to. Pages hold about one MiB, or a single value.
const maxPageBytes = 1 << 30

func newZstdEncoder(w io.Writer, level int) (*zstd.Encoder, error) {
	return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)),
		zstd.WithZeroFrames(true), zstd.WithWindowSize(1<<20))
}

func newZstdDecoder(r io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPageBytes),
		zstd.WithDecoderMaxWindow(64<<20))
}

// EncodeLevel implements compress.Codec.
func (c *zstdCodec) EncodeLevel(dst, src []byte, level int) []byte {
	if level == compress.DefaultCompressionLevel {
		level = zstdLevel
	}
	return c.appendEncoded(dst[:0], src, level)
}

// AppendEncoded implements appender.
func (c *zstdCodec) AppendEncoded(dst, src []byte) []byte {
	return c.appendEncoded(dst, src, zstdLevel)
}

func (c *zstdCodec) appendEncoded(dst, src []byte, level int) []byte {
	var e pooledEncoder
	select {
	case e = <-c.encoders:
	default:
	}
	if e.Encoder == nil || e.level != level {
		enc, err := newZstdEncoder(nil, level)
		if err != nil {
			panic(fmt.Sprintf("load: zstd level %d: %v", level, err)) // the options are constants
		}
		e = pooledEncoder{level, enc}
	}
	dst = e.EncodeAll(src, dst)
	select {
	case c.encoders <- e:
	default:
	}
	return dst
}

// Encode implements compress.Codec.
func (c *zstdCodec) Encode(dst, src []byte) []byte {
	return c.EncodeLevel(dst, src, compress.DefaultCompressionLevel)
}

// Decode implements compress.Codec. The interface has no error: a damaged page panics, and the readers of this package
// turn that into an error.
func (c *zstdCodec) Decode(dst, src []byte) []byte {
	dst, err := c.AppendDecoded(dst[:0], src)
	if err != nil {
		panic(err)
	}
	return dst
}

// AppendDecoded implements appender.
func (c *zstdCodec) AppendDecoded(dst, src []byte) ([]byte, error) {
	var d *zstd.Decoder
	select {
	case d = <-c.decoders:
	default:
		var err error
		if d, err = newZstdDecoder(nil); err != nil {
			panic(fmt.Sprintf("load: zstd decoder: %v", err)) // the options are constants
		}
	}
	dst, err := d.DecodeAll(src, dst)
	select {
	case c.decoders <- d:
	default:
		d.Close()
	}
	if err != nil {
		return dst, fmt.Errorf("a page does not decompress: %w", err)
	}
	return dst, nil
}

// CompressBound implements compress.Codec: the most bytes that n bytes may need, as zstd.h gives it.
func (*zstdCodec) CompressBound(n int64) int64 {
	if n < 128<<10 {
		return n + n>>8 + (128<<10-n)>>11 + 64
	}
	return n + n>>8 + 64
}

// NewReader implements compress.Codec.
func (*zstdCodec) NewReader(r io.Reader) io.ReadCloser {
	d, err := newZstdDecoder(r)
	if err != nil {
		return io.NopCloser(failingReader{err})
	}
	return d.IOReadCloser()
}

// NewWriter implements compress.Codec.
func (c *zstdCodec) NewWriter(w io.Writer) io.WriteCloser {
	e, err := newZstdEncoder(w, zstdLevel)
	if err != nil {
		panic(fmt.Sprintf("load: zstd: %v", err)) // the options are constants
	}
	return e
}

// NewWriterLevel implements compress.Codec.
func (*zstdCodec) NewWriterLevel(w io.Writer, level int) (io.WriteCloser, error) {
	return newZstdEncoder(w, level)
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
