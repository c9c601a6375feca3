package sims3

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"chatferry/checkpoint/objectstore"
)

// request is any request, with the fields that its call has.
type request struct {
	op   string
	key  string // or the prefix of a listing
	body []byte
	sum  *[32]byte // of the body, as the client says

	ifAbsent bool
	ifMatch  string

	after    string // of a listing
	upload   string
	part     int
	complete []objectstore.Part
}

// changes names the calls that change the bucket.
var changes = map[string]bool{
	"PutObject": true, "DeleteObject": true, "CreateMultipartUpload": true, "UploadPart": true,
	"CompleteMultipartUpload": true, "AbortMultipartUpload": true,
}

// answer is any answer: one with a code is no success.
type answer struct {
	status int
	code   string

	key     string
	object  *object
	etag    string
	upload  string
	objects []objectstore.Info
	uploads []objectstore.Upload
	parts   []objectstore.Part
	more    bool // the listing goes on
}

func refuse(status int, code string) answer { return answer{status: status, code: code} }

var (
	noSuchKey    = refuse(http.StatusNotFound, "NoSuchKey")
	noSuchUpload = refuse(http.StatusNotFound, "NoSuchUpload")
	preFailed    = refuse(http.StatusPreconditionFailed, "PreconditionFailed")
	badDigest    = refuse(http.StatusBadRequest, "BadDigest")
	invalidPart  = refuse(http.StatusBadRequest, "InvalidPart")
)

// serve carries a request out as a fault has it; delivered is false when no answer arrives.
func (s *Store) serve(r *request, f Fault) (a answer, delivered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dueLate()
	if f.Corrupt && len(r.body) > 0 {
		r.body = flipped(r.body)
		f.Corrupt = false
	}
	switch {
	case f.Late > 0:
		s.late = append(s.late, delayed{f.Late, func() { s.apply(r) }})
	case f.answered() || f.Applied:
		a = s.apply(r)
	}
	if f.Status != 0 {
		a = refuse(f.Status, f.Code)
	}
	if f.Corrupt && a.object != nil && len(a.object.data) > 0 {
		spoiled := *a.object
		spoiled.data = flipped(spoiled.data)
		a.object = &spoiled
	}
	return a, f.answered() || f.Status != 0
}

// dueLate carries out what was delayed until now.
func (s *Store) dueLate() {
	var rest []delayed
	for _, d := range s.late {
		if d.left--; d.left > 0 {
			rest = append(rest, d)
		} else {
			d.do()
		}
	}
	s.late = rest
}

func flipped(data []byte) []byte {
	data = slices.Clone(data)
	data[len(data)/2] ^= 1
	return data
}

func (s *Store) apply(r *request) answer {
	if r.sum != nil && *r.sum != sha256.Sum256(r.body) {
		return badDigest
	}
	switch r.op {
	case "PutObject":
		return s.put(r)
	case "GetObject", "HeadObject":
		o := s.objects[r.key]
		switch {
		case o == nil:
			return noSuchKey
		case r.ifMatch != "" && r.ifMatch != o.etag:
			return preFailed
		}
		return answer{key: r.key, object: o}
	case "DeleteObject":
		delete(s.objects, r.key)
		return answer{status: http.StatusNoContent}
	case "ListObjectsV2":
		return s.listObjects(r)
	case "CreateMultipartUpload":
		u := &upload{id: s.newID(), key: r.key, begun: s.now, parts: map[int]*object{}}
		s.uploads[u.id] = u
		return answer{key: r.key, upload: u.id}
	case "ListMultipartUploads":
		return s.listUploads(r)
	}
	u := s.uploads[r.upload]
	if u == nil || u.key != r.key {
		return noSuchUpload
	}
	switch r.op {
	case "UploadPart":
		u.parts[r.part] = s.newObject(r.body)
		return answer{etag: u.parts[r.part].etag}
	case "ListParts":
		return s.listParts(r, u)
	case "CompleteMultipartUpload":
		return s.completeUpload(r, u)
	case "AbortMultipartUpload":
		delete(s.uploads, u.id)
		return answer{status: http.StatusNoContent}
	}
	return refuse(http.StatusNotImplemented, "NotImplemented")
}

func (s *Store) put(r *request) answer {
	there := s.objects[r.key]
	switch {
	case r.ifAbsent && there != nil:
		return preFailed
	case r.ifMatch != "" && there == nil:
		return noSuchKey
	case r.ifMatch != "" && there.etag != r.ifMatch:
		return preFailed
	}
	o := s.newObject(r.body)
	s.objects[r.key] = o
	return answer{etag: o.etag}
}

func (s *Store) listObjects(r *request) answer {
	var a answer
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if !strings.HasPrefix(key, r.key) || key <= r.after {
			continue
		}
		if len(a.objects) == s.pageSize() {
			a.more = true
			break
		}
		o := s.objects[key]
		a.objects = append(a.objects, objectstore.Info{Name: key, Size: int64(len(o.data)), ETag: o.etag, Modified: o.modified})
	}
	return a
}

func (s *Store) listUploads(r *request) answer {
	list := s.sortedUploads(r.key)
	after := objectstore.Upload{Name: r.after, ID: r.upload}
	list = slices.DeleteFunc(list, func(u objectstore.Upload) bool { return r.after != "" && compareUploads(u, after) <= 0 })
	n := min(len(list), s.pageSize())
	return answer{uploads: list[:n], more: n < len(list)}
}

func (s *Store) listParts(r *request, u *upload) answer {
	var a answer
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		if n <= r.part {
			continue
		}
		if len(a.parts) == s.pageSize() {
			a.more = true
			break
		}
		p := u.parts[n]
		a.parts = append(a.parts, objectstore.Part{Number: n, Size: int64(len(p.data)), ETag: p.etag, SHA256: sha256.Sum256(p.data)})
	}
	return a
}

func (s *Store) completeUpload(r *request, u *upload) answer {
	if s.objects[r.key] != nil && r.ifAbsent {
		return preFailed
	}
	var data []byte
	var sums [][32]byte
	etags := md5.New()
	for i, p := range r.complete {
		part := u.parts[p.Number]
		switch {
		case part == nil || part.etag != p.ETag || i > 0 && p.Number <= r.complete[i-1].Number:
			return invalidPart
		case p.SHA256 != [32]byte{} && p.SHA256 != sha256.Sum256(part.data):
			return invalidPart
		case i < len(r.complete)-1 && int64(len(part.data)) < s.minPart():
			return refuse(http.StatusBadRequest, "EntityTooSmall")
		}
		data = append(data, part.data...)
		sums = append(sums, sha256.Sum256(part.data))
		sum := md5.Sum(part.data)
		etags.Write(sum[:])
	}
	if len(sums) == 0 {
		return refuse(http.StatusBadRequest, "MalformedXML")
	}
	// As S3 has it, the object is as old as its upload.
	s.objects[r.key] = &object{
		data: data, etag: fmt.Sprintf(`"%s-%d"`, hex.EncodeToString(etags.Sum(nil)), len(sums)),
		checksum: objectstore.CompositeSHA256(sums...), modified: u.begun,
	}
	delete(s.uploads, u.id)
	return answer{key: r.key, etag: s.objects[r.key].etag}
}
