package s3_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/objectstore/realserver"
	"chatferry/load"
	"chatferry/load/local"
)

// BenchmarkPublish measures files of 32 MiB from their first Write until they are published, two at a time: MB/s of the
// files' bytes. A server on loopback takes its share of this machine.
func BenchmarkPublish(b *testing.B) {
	const files, size, seed = 8, 32 << 20, 7
	data := make([]byte, size)
	r := rand.NewChaCha8([32]byte{seed})
	r.Read(data) // never fails
	sum := chatferry.SHA256(sha256.Sum256(data))
	for _, kind := range []string{"disk", "versitygw"} {
		b.Run("store="+kind, func(b *testing.B) {
			var store load.Store
			if kind == "disk" {
				fsys, err := atomicfile.OS(b.TempDir())
				if err != nil {
					b.Fatal(err)
				}
				store = local.New(fsys)
			} else {
				store = newStore(b, realserver.Start(b).Open(b, "dataset"), b.TempDir())
			}
			b.SetBytes(files * size)
			b.ReportAllocs()
			seq := uint64(0)
			for b.Loop() {
				var parts []chatferry.PartFile
				var lanes sync.WaitGroup
				for range files {
					seq++
					parts = append(parts, chatferry.PartFile{Name: load.RowsName("visitors", 7, seq), Size: size, SHA256: sum})
				}
				for lane := range 2 {
					lanes.Go(func() {
						for i := lane; i < files; i += 2 {
							if err := carry(b, store, parts[i], data); err != nil {
								b.Error(err)
							}
						}
					})
				}
				lanes.Wait()
				b.StopTimer()
				for _, f := range parts {
					if err := store.Unpublish(b.Context(), f); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
			}
		})
	}
}

// carry builds, stages and publishes a file.
func carry(b *testing.B, store load.Store, f chatferry.PartFile, data []byte) error {
	w, err := store.Create(b.Context(), load.Target{Shard: 7, Seq: 1, Label: "visitors", Nonce: fmt.Sprintf("%x", f.Name), Name: f.Name})
	if err != nil {
		return err
	}
	for rest := data; len(rest) > 0; rest = rest[min(len(rest), 64<<10):] {
		if _, err := w.Write(rest[:min(len(rest), 64<<10)]); err != nil {
			return err
		}
	}
	if f.Staging, f.StoreChecksum, err = w.Stage(b.Context()); err != nil {
		return err
	}
	if err := store.SyncStaging(b.Context()); err != nil {
		return err
	}
	return store.Publish(b.Context(), f)
}
