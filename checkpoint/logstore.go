package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"time"

	"chatferry"
)

// Folder is where chatferry keeps its books, below the root of a dataset.
const Folder = "_chatferry"

const (
	formatName = Folder + "/FORMAT"
	logFolder  = Folder + "/log"
	// DatasetLog is the name of the log of facts about more than one Shard. Any other log is named for its Shard.
	DatasetLog = "dataset"
)

// LogStore keeps log records. Names are slash-separated, below the root of the dataset. Its methods may be called by
// several goroutines at once.
type LogStore interface {
	// Create makes the object name with the given data, unless that name is taken. Nil means clean success: the
	// object was made by this call, and it and the name are durable. An error that wraps fs.ErrExist means that the
	// name was taken. After any other error the object may have been made or not; only Read tells, and only a Sync
	// that succeeds makes it durable. A store that retries by itself cannot tell its own earlier success from
	// another's, and may answer fs.ErrExist for both. The tag is begun by epochTag, and is otherwise free of meaning.
	Create(ctx context.Context, name, tag string, data []byte) error
	// Read returns the whole object, or an error that wraps fs.ErrNotExist.
	Read(ctx context.Context, name string) ([]byte, error)
	// List returns the names of the objects in a folder, without the folder, in any order. A folder that does not
	// exist is empty.
	List(ctx context.Context, folder string) ([]string, error)
	// Written returns when an object was made, by the store's clock. It is asked where a Publisher tells of what is staged
	// when it was begun, by the same clock.
	Written(ctx context.Context, name string) (time.Time, error)
	// Sync makes durable every object of the folder that a Read or List before it has shown. After an error nothing
	// in that folder may be believed durable by this process any more.
	Sync(ctx context.Context, folder string) error
	// Sweep removes from a folder what Creates with tags of older epochs left behind.
	Sweep(ctx context.Context, folder string, epoch uint64) error
}

// epochTag begins the tag of everything that a run makes.
func epochTag(epoch uint64) string { return fmt.Sprintf("e%012d-", epoch) }

var epochTagForm = regexp.MustCompile(`^e(\d{12})-`)

// tagEpoch is the reverse of epochTag.
func tagEpoch(tag string) (epoch uint64, ok bool) {
	m := epochTagForm.FindStringSubmatch(tag)
	if m == nil {
		return 0, false
	}
	epoch, err := strconv.ParseUint(m[1], 10, 64)
	return epoch, err == nil
}

func recordName(log string, n uint64) string {
	return fmt.Sprintf("%s/%s/%012d.json", logFolder, log, n)
}

var recordForm = regexp.MustCompile(`^\d{12}\.json$`)

// lastNumber lists a log and returns the number of its last record, 0 if it has none. A number that is missing in
// between is damage, since records are never removed.
func lastNumber(ctx context.Context, logs LogStore, log string) (uint64, error) {
	folder := logFolder + "/" + log
	names, err := logs.List(ctx, folder)
	if err != nil {
		return 0, explain("list", folder, err)
	}
	seen := make(map[uint64]bool, len(names))
	last := uint64(0)
	for _, name := range names {
		if !recordForm.MatchString(name) {
			continue
		}
		n, err := strconv.ParseUint(name[:12], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("number of record %s: %w", name, err)
		}
		seen[n] = true
		last = max(last, n)
	}
	for n := uint64(1); n <= last; n++ {
		if !seen[n] {
			return 0, damaged(recordName(log, n), errors.New("this record is missing, but later ones are there"))
		}
	}
	return last, nil
}

// readRecord reads one record and checks all that can be checked without its neighbours. The sum is that of its bytes.
func readRecord(ctx context.Context, logs LogStore, dataset, log string, n uint64) (*Record, chatferry.SHA256, error) {
	name := recordName(log, n)
	data, err := logs.Read(ctx, name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, chatferry.SHA256{}, err
		}
		return nil, chatferry.SHA256{}, explain("read", name, err)
	}
	rec, err := DecodeRecord(data)
	if err == nil {
		err = rec.at(dataset, log, n)
	}
	if err != nil {
		return nil, chatferry.SHA256{}, damaged(name, err)
	}
	return rec, sumOf(data), nil
}
