package endtoend

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"chatferry/checkpoint/objectstore/awss3"
)

// commits is what the log records of a dataset have committed so far, as the requests that make them pass by, and the
// reader who holds the dataset against it.
type commits struct {
	t    *testing.T
	mu   sync.Mutex
	sums map[string]string // name → SHA-256
	// Of replaces: how many there were, and of which something may still be there twice.
	replaces int
	open     map[uint64]bool

	bucket *awss3.Bucket
	read   map[string]objectRead // by name and ETag
}

// objectRead is an object that was read whole.
type objectRead struct {
	sum  string
	rows rowsSeen
}

func newCommits(t *testing.T, bucket *awss3.Bucket) *commits {
	return &commits{t: t, bucket: bucket, sums: map[string]string{}, open: map[uint64]bool{}, read: map[string]objectRead{}}
}

var committedFile = regexp.MustCompile(`"name":"([^"]+)","size":\d+,"sha256":"([0-9a-f]{64})"`)

// watch notes what is committed, and complains about a file that is published before.
func (k *commits) watch(c *s3Call, carry func() *s3Answer) *s3Answer {
	name := strings.TrimPrefix(c.key, strings.TrimPrefix(k.bucket.URI(""), "s3://dataset/")+"/")
	if c.op == "CompleteMultipartUpload" && !strings.HasPrefix(name, "_chatferry/probe-") && !strings.HasPrefix(name, "_chatferry/keys/") {
		if k.sum(name) == "" {
			k.t.Errorf("%s is published, and no record has committed it", name)
		}
	}
	a := carry()
	if c.op == "PutObject" && strings.HasPrefix(name, "_chatferry/log/") && a != nil && a.status == http.StatusOK {
		k.note(c.body)
	}
	return a
}

// note reads a log record.
func (k *commits) note(record []byte) {
	var r struct {
		Replace struct {
			Generation uint64 `json:"generation"`
		} `json:"replace"`
		Removed struct {
			Generations []uint64 `json:"generations"`
		} `json:"removed"`
	}
	if err := json.Unmarshal(record, &r); err != nil {
		k.t.Error(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, file := range committedFile.FindAllSubmatch(record, -1) {
		k.sums[string(file[1])] = string(file[2])
	}
	if r.Replace.Generation > 0 {
		k.replaces++
		k.open[r.Replace.Generation] = true
	}
	for _, g := range r.Removed.Generations {
		delete(k.open, g)
	}
}

// sum is the SHA-256 with which a name is committed, or "".
func (k *commits) sum(name string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sums[name]
}

// replacing tells how many replaces there were, and whether one is in progress.
func (k *commits) replacing() (int, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.replaces, len(k.open) > 0
}

// pass is one pass of a reader who lists the tables and reads them. Every object is whole and was committed; a row is
// there twice only while files are replaced.
func (k *commits) pass(when string) rowsSeen {
	k.t.Helper()
	for {
		before, busy := k.replacing()
		seen, err := k.list()
		if errors.Is(err, fs.ErrNotExist) {
			continue // one that was listed is gone: list again
		}
		if err != nil {
			k.t.Fatal(err)
		}
		after, stillBusy := k.replacing()
		most := 1
		if busy || stillBusy || before != after {
			most = 2
		}
		if row := seen.more(most); row != "" {
			k.t.Errorf("%s there is %s", when, row)
		}
		return seen
	}
}

func (k *commits) list() (rowsSeen, error) {
	seen := rowsSeen{}
	for info, err := range k.bucket.List(k.t.Context(), "tables/", "") {
		if err != nil {
			return nil, err
		}
		o, ok := k.read[info.Name+info.ETag]
		if !ok {
			data, got, err := k.bucket.Get(k.t.Context(), info.Name)
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(data)
			o = objectRead{hex.EncodeToString(sum[:]), rowsSeen{}}
			if want := k.sum(info.Name); o.sum != want {
				k.t.Errorf("a reader sees %s with the SHA-256 %s; %q was committed", info.Name, o.sum, want)
			}
			o.rows.add(k.t, info.Name, data)
			k.read[info.Name+got.ETag] = o
		}
		for row, n := range o.rows {
			seen[row] += n
		}
	}
	return seen, nil
}

// until makes passes until a process has ended.
func (k *commits) until(ended <-chan struct{}, when string) (passes int) {
	k.t.Helper()
	for {
		select {
		case <-ended:
			return passes
		case <-time.After(10 * time.Millisecond): // for the server, which has other work to do
		}
		k.pass(when)
		passes++
	}
}

// oneRowAKey complains about a key with several rows.
func (k *commits) oneRowAKey(when string) {
	k.t.Helper()
	rows := map[string]int{}
	for row, n := range k.pass(when) {
		if row.table == "chats" {
			rows[row.id] += n
		}
	}
	for id, n := range rows {
		if n != 1 {
			k.t.Errorf("%s chat %s has %d rows", when, id, n)
		}
	}
	if len(rows) < 10 {
		k.t.Errorf("%s there are %d chats", when, len(rows))
	}
}
