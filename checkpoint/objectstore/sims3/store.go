// Package sims3 is a bucket of an S3-compatible store in memory, strongly consistent, with conditional writes and uploads
// in parts, whose clock a test moves and whose answers a test may lose, delay, spoil or exchange. It is used in two ways
// over the same objects: Client is an objectstore.Bucket that calls it directly, one request after another, so that a
// test can stop a process before each; Handler speaks the protocol, so that the real client's behaviour is what is
// tested. The contract in package buckettest holds for both, and for a real server.
package sims3

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"chatferry/checkpoint/objectstore"
)

// Store is the bucket. Its fields may be changed before the first request.
type Store struct {
	PageSize int   // names in a page of a listing; 0: 1000
	MinPart  int64 // bytes of every part but the last; 0: objectstore.MinPart

	mu      sync.Mutex
	now     time.Time
	objects map[string]*object
	uploads map[string]*upload
	ids     int
	late    []delayed
}

type object struct {
	data     []byte
	etag     string
	checksum string
	modified time.Time
}

type upload struct {
	id    string
	key   string
	begun time.Time
	parts map[int]*object
}

// delayed is a request whose answer is lost and that is carried out after some later ones.
type delayed struct {
	left int
	do   func()
}

// New makes an empty bucket.
func New() *Store {
	return &Store{
		now: time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC), objects: map[string]*object{}, uploads: map[string]*upload{},
	}
}

// Clone returns a bucket with the same objects, uploads and clock, and nothing that is still to be carried out.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := New()
	c.PageSize, c.MinPart, c.now, c.ids = s.PageSize, s.MinPart, s.now, s.ids
	maps.Copy(c.objects, s.objects) // objects and parts are never changed
	for id, u := range s.uploads {
		copied := *u
		copied.parts = maps.Clone(u.parts)
		c.uploads[id] = &copied
	}
	return c
}

// Advance moves the bucket's clock.
func (s *Store) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// Settle carries out every request that is delayed.
func (s *Store) Settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := s.late
	s.late = nil
	for _, d := range late {
		d.do()
	}
}

// Files returns the objects whose keys lie in a folder; "." is the whole bucket. The bytes must not be changed.
func (s *Store) Files(folder string) map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	files := map[string][]byte{}
	for key, o := range s.objects {
		if folder == "." || strings.HasPrefix(key, folder+"/") {
			files[key] = o.data
		}
	}
	return files
}

// Uploads returns the uploads that are open, by key and id.
func (s *Store) Uploads() []objectstore.Upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sortedUploads("")
}

// Uploaded returns the bytes of all parts of an open upload.
func (s *Store) Uploaded(id string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[id]
	if u == nil {
		return nil, false
	}
	var data []byte
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		data = append(data, u.parts[n].data...)
	}
	return data, true
}

// Erase takes an object or an open upload away behind everybody's back.
func (s *Store) Erase(keyOrUpload string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, keyOrUpload)
	delete(s.uploads, keyOrUpload)
}

// Spoil flips a bit of an object at rest.
func (s *Store) Spoil(key string, at int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := *s.objects[key]
	o.data = slices.Clone(o.data)
	o.data[at] ^= 1
	s.objects[key] = &o
}

func (s *Store) newObject(data []byte) *object {
	sum := md5.Sum(data)
	return &object{
		data: data, etag: `"` + hex.EncodeToString(sum[:]) + `"`, checksum: objectstore.PlainSHA256(sha256.Sum256(data)), modified: s.now,
	}
}

func (s *Store) sortedUploads(prefix string) []objectstore.Upload {
	var list []objectstore.Upload
	for _, u := range s.uploads {
		if strings.HasPrefix(u.key, prefix) {
			list = append(list, objectstore.Upload{Name: u.key, ID: u.id, Begun: u.begun})
		}
	}
	slices.SortFunc(list, compareUploads)
	return list
}

func compareUploads(a, b objectstore.Upload) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

func (s *Store) pageSize() int {
	if s.PageSize == 0 {
		return 1000
	}
	return s.PageSize
}

func (s *Store) minPart() int64 {
	if s.MinPart == 0 {
		return objectstore.MinPart
	}
	return s.MinPart
}

// newID makes the id of an upload; it needs escaping, as real ones do.
func (s *Store) newID() string {
	s.ids++
	return fmt.Sprintf("upload/%04d+%s==", s.ids, "x")
}
