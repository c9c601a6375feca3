package sims3

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"chatferry/checkpoint/objectstore"
)

// BucketName is the bucket that a Handler serves. It stands in the path; any other is not there.
const BucketName = "simulated"

// Handler serves the bucket as S3 does. It believes every signature.
type Handler struct {
	store *Store
	hook  Hook

	mu      sync.Mutex
	ops     int
	changes int
}

// Handler returns a server over the bucket. The hook may be nil.
func (s *Store) Handler(hook Hook) *Handler { return &Handler{store: s, hook: hook} }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r, q, err := parse(req)
	if err != nil {
		panic(http.ErrAbortHandler) // the client broke off
	}
	if !strings.HasPrefix(req.URL.Path, "/"+BucketName+"/") && req.URL.Path != "/"+BucketName {
		writeError(w, refuse(http.StatusNotFound, "NoSuchBucket"))
		return
	}
	f := h.fault(r)
	a, delivered := h.store.serve(r, f)
	if f.Silent {
		<-req.Context().Done()
	}
	if !delivered {
		panic(http.ErrAbortHandler)
	}
	if a.code != "" || a.status >= 400 {
		writeError(w, a)
		return
	}
	switch r.op {
	case "GetObject", "HeadObject":
		writeObject(w, req, a, f)
	default:
		writeAnswer(w, r, a, q, f)
	}
}

func (h *Handler) fault(r *request) Fault {
	h.mu.Lock()
	h.ops++
	op := Op{N: h.ops, Do: r.op, Name: r.key}
	if changes[r.op] {
		h.changes++
		op.Change = h.changes
	}
	h.mu.Unlock()
	if h.hook == nil {
		return Fault{}
	}
	return h.hook(op)
}

// parse reads a request; one that is none of those of S3 that a Bucket makes is "".
func parse(req *http.Request) (*request, url.Values, error) {
	q := req.URL.Query()
	r := &request{
		key: strings.TrimPrefix(strings.TrimPrefix(req.URL.Path, "/"+BucketName), "/"), upload: q.Get("uploadId"),
		ifAbsent: req.Header.Get("If-None-Match") == "*", ifMatch: req.Header.Get("If-Match"),
	}
	var err error
	if r.body, err = io.ReadAll(req.Body); err != nil {
		return nil, nil, err
	}
	switch req.Method {
	case http.MethodHead:
		r.op = "HeadObject"
	case http.MethodPut:
		r.op = "PutObject"
		if q.Has("uploadId") {
			r.op = "UploadPart"
			r.part, err = strconv.Atoi(q.Get("partNumber"))
		}
		r.sum = sumOf(req.Header)
	case http.MethodDelete:
		r.op = "DeleteObject"
		if q.Has("uploadId") {
			r.op = "AbortMultipartUpload"
		}
	case http.MethodPost:
		r.op = "CreateMultipartUpload"
		if q.Has("uploadId") {
			r.op = "CompleteMultipartUpload"
			r.complete, err = parseParts(r.body)
			r.body = nil
		}
	case http.MethodGet:
		parseGet(r, q)
	}
	return r, q, err
}

func parseGet(r *request, q url.Values) {
	switch {
	case q.Has("uploads"):
		r.op, r.key, r.after, r.upload = "ListMultipartUploads", q.Get("prefix"), q.Get("key-marker"), q.Get("upload-id-marker")
	case r.key == "":
		r.op, r.key, r.after = "ListObjectsV2", q.Get("prefix"), max(q.Get("start-after"), q.Get("continuation-token"))
	case q.Has("uploadId"):
		r.op = "ListParts"
		r.part, _ = strconv.Atoi(q.Get("part-number-marker")) // absent: 0
	default:
		r.op = "GetObject"
	}
}

// sumOf is the SHA-256 of the body as the client says it.
func sumOf(h http.Header) *[32]byte {
	for _, header := range []struct {
		name   string
		decode func(string) ([]byte, error)
	}{{"X-Amz-Checksum-Sha256", base64.StdEncoding.DecodeString}, {"X-Amz-Content-Sha256", hex.DecodeString}} {
		if sum, err := header.decode(h.Get(header.name)); err == nil && len(sum) == sha256.Size {
			return (*[32]byte)(sum)
		}
	}
	return nil
}

func parseParts(body []byte) ([]objectstore.Part, error) {
	var in struct {
		Part []struct {
			PartNumber     int
			ETag           string
			ChecksumSHA256 string
		}
	}
	if err := xml.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	var parts []objectstore.Part
	for _, p := range in.Part {
		part := objectstore.Part{Number: p.PartNumber, ETag: p.ETag}
		if sum, err := base64.StdEncoding.DecodeString(p.ChecksumSHA256); err == nil && len(sum) == sha256.Size {
			part.SHA256 = [32]byte(sum)
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func writeError(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(a.status)
	fmt.Fprintf(w, "%s<Error><Code>%s</Code><Message>The store is simulated.</Message></Error>", xml.Header, a.code)
}

func writeObject(w http.ResponseWriter, req *http.Request, a answer, f Fault) {
	data, status := a.object.data, http.StatusOK
	h := w.Header()
	h.Set("ETag", a.object.etag)
	h.Set("Last-Modified", a.object.modified.UTC().Format(http.TimeFormat))
	if req.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" && req.Header.Get("Range") == "" {
		h.Set("X-Amz-Checksum-Sha256", strings.TrimPrefix(a.object.checksum, "sha256:"))
	}
	if asked := req.Header.Get("Range"); asked != "" {
		from, to, ok := parseRange(asked, len(data))
		if !ok {
			writeError(w, refuse(http.StatusRequestedRangeNotSatisfiable, "InvalidRange"))
			return
		}
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(data)))
		data, status = data[from:to], http.StatusPartialContent
	}
	if req.Method == http.MethodHead {
		h.Set("Content-Length", strconv.Itoa(len(data)))
		return
	}
	if status != http.StatusOK {
		h.Set("Content-Length", strconv.Itoa(len(data)))
		w.WriteHeader(status)
	}
	writeBody(w, data, f)
}

func parseRange(asked string, size int) (from, to int, ok bool) {
	a, b, _ := strings.Cut(strings.TrimPrefix(asked, "bytes="), "-")
	from, err := strconv.Atoi(a)
	to = size
	if b != "" {
		last, berr := strconv.Atoi(b)
		if berr != nil || last < from {
			return 0, 0, false
		}
		to = min(size, last+1)
	}
	return from, to, err == nil && from < size
}
