package checkpoint

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A pack is one object that holds a copy of packRecords records of one log, so that a log far away can be read with few
// requests. It begins with record 1, 33, 65 … and is made by whoever creates the last of them. Records never change, so
// a pack never goes out of date. It is a convenience and nothing more: a pack that is missing or damaged costs requests,
// every record from a pack passes the same checks as one from the log, and verify does not look at packs at all.
//
// Form: zstd, with its checksum, of each record's length as a varint and its bytes.

// packRecords is a constant of the format.
const packRecords = 32

const packFolder = Folder + "/packs"

// packFirst is the first record of the pack in which a record is.
func packFirst(n uint64) uint64 { return (n-1)/packRecords*packRecords + 1 }

func packName(log string, first uint64) string { return fmt.Sprintf("%s-%012d.zst", log, first) }

// packs are those of a dataset, as they were listed once.
type packs struct {
	once  sync.Once
	mu    sync.Mutex
	names map[string]bool
}

var (
	packEncoder, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	packDecoder, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(256<<20))
)

// has reports whether there was a pack when they were listed. That they cannot be listed means that there are none.
func (p *packs) has(ctx context.Context, logs LogStore, name string) bool {
	p.once.Do(func() {
		p.names = map[string]bool{}
		names, _ := logs.List(ctx, packFolder)
		for _, name := range names {
			p.names[name] = true
		}
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.names[name]
}

// drop forgets a pack that is not what it should be.
func (p *packs) drop(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.names, name)
}

func appendPack(records [][]byte) []byte {
	var b []byte
	for _, r := range records {
		b = binary.AppendUvarint(b, uint64(len(r)))
		b = append(b, r...)
	}
	return packEncoder.EncodeAll(b, nil)
}

var errPack = errors.New("this is not a pack of log records")

func readPack(stored []byte) ([][]byte, error) {
	b, err := packDecoder.DecodeAll(stored, nil)
	if err != nil {
		return nil, err
	}
	var records [][]byte
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return nil, errPack
		}
		records = append(records, b[size:size+int(n):size+int(n)])
		b = b[size+int(n):]
	}
	if len(records) != packRecords {
		return nil, errPack
	}
	return records, nil
}

// recordAt takes the name of a record apart.
func recordAt(name string) (log string, n uint64, ok bool) {
	folder, base := path.Split(name)
	log, inLogs := strings.CutPrefix(path.Clean(folder), logFolder+"/")
	if !inLogs || strings.Contains(log, "/") || !recordForm.MatchString(base) {
		return "", 0, false
	}
	n, err := strconv.ParseUint(base[:12], 10, 64)
	return log, n, err == nil && n > 0
}

// pack makes the pack that ends with a record which was just created. What goes wrong only costs requests later.
func (r *readAhead) pack(ctx context.Context, name, tag string, last []byte) {
	log, n, ok := recordAt(name)
	if !ok || n%packRecords != 0 {
		return
	}
	records, errs := make([][]byte, packRecords), make([]error, packRecords)
	records[packRecords-1] = last
	var group sync.WaitGroup
	for i := range packRecords - 1 {
		group.Go(func() { records[i], errs[i] = r.LogStore.Read(ctx, recordName(log, packFirst(n)+uint64(i))) })
	}
	group.Wait()
	if errors.Join(errs...) == nil {
		_ = r.LogStore.Create(ctx, packFolder+"/"+packName(log, packFirst(n)), tag, appendPack(records))
	}
}
