package main

import (
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/klauspost/compress/zstd"

	"chatferry/load"
)

// bubble runs a test of the whole program in virtual time: the clock moves on when nothing else can.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	// The process has one goroutine that waits for signals. It is started out here, since it never ends.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	signal.Stop(signals)

	// What holds a channel must not be shared between bubbles, and load keeps its coders.
	_, _ = load.OpenRows(nothing{}, 0) // registers them
	codec, err := compress.GetCodec(compress.Codecs.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	defer compress.RegisterCodec(compress.Codecs.Zstd, codec)
	compress.RegisterCodec(compress.Codecs.Zstd, &bubbleCodec{Codec: codec})
	// Little is live, so that the collector would run all the time.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	synctest.Test(t, f)
}

// nothing is a file without a byte.
type nothing struct{}

func (nothing) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }

// bubbleCodec keeps the coders of one bubble.
type bubbleCodec struct {
	compress.Codec
	mu       sync.Mutex
	encoders []*zstd.Encoder
	decoders []*zstd.Decoder
}

func (c *bubbleCodec) Encode(dst, src []byte) []byte {
	return c.EncodeLevel(dst, src, compress.DefaultCompressionLevel)
}

func (c *bubbleCodec) EncodeLevel(dst, src []byte, _ int) []byte {
	return c.AppendEncoded(dst[:0], src)
}

func (c *bubbleCodec) AppendEncoded(dst, src []byte) []byte {
	c.mu.Lock()
	var e *zstd.Encoder
	if n := len(c.encoders); n > 0 {
		e, c.encoders = c.encoders[n-1], c.encoders[:n-1]
	}
	c.mu.Unlock()
	if e == nil {
		var err error
		if e, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithZeroFrames(true)); err != nil {
			panic(err)
		}
	}
	dst = e.EncodeAll(src, dst)
	c.mu.Lock()
	c.encoders = append(c.encoders, e)
	c.mu.Unlock()
	return dst
}

func (c *bubbleCodec) Decode(dst, src []byte) []byte {
	dst, err := c.AppendDecoded(dst[:0], src)
	if err != nil {
		panic(err)
	}
	return dst
}

func (c *bubbleCodec) AppendDecoded(dst, src []byte) ([]byte, error) {
	c.mu.Lock()
	var d *zstd.Decoder
	if n := len(c.decoders); n > 0 {
		d, c.decoders = c.decoders[n-1], c.decoders[:n-1]
	}
	c.mu.Unlock()
	var err error
	if d == nil {
		if d, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1)); err != nil {
			panic(err)
		}
	}
	dst, err = d.DecodeAll(src, dst)
	c.mu.Lock()
	c.decoders = append(c.decoders, d)
	c.mu.Unlock()
	return dst, err
}
