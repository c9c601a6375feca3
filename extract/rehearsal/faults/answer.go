package faults

import (
	"net/http"
	"strconv"
	"strings"

	"chatferry/extract/rehearsal/gzipped"
)

// answer is a whole answer before it is sent: what the handler behind writes into, and what Kinds change. Its body is not
// compressed.
type answer struct {
	status int
	header http.Header
	body   []byte
	packed []byte // nil until pack
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	return len(b), nil
}

// become makes it another answer, of which the server's clock stays.
func (a *answer) become(status int, media, body string) {
	date := a.header.Get("Date")
	a.status, a.body = status, []byte(body)
	a.header = http.Header{"Content-Type": {media}}
	if date != "" {
		a.header.Set("Date", date)
	}
}

// json reports whether the body is JSON, going by what the answer says.
func (a *answer) json() bool {
	return strings.HasPrefix(a.header.Get("Content-Type"), "application/json")
}

// pack readies the header and the bytes that go over the wire: compressed if the client likes that. The body is not to be
// changed any more.
func (a *answer) pack(r *http.Request) []byte {
	if a.packed == nil {
		a.packed = a.body
		if a.json() && gzipped.Accepted(r) {
			a.packed = gzipped.Bytes(a.body)
			a.header.Set("Content-Encoding", "gzip")
		}
	}
	return a.packed
}

// send sends the answer as it is.
func (a *answer) send(w http.ResponseWriter, r *http.Request) { a.sendBytes(w, a.pack(r)) }

// sendBytes sends these bytes as the body.
func (a *answer) sendBytes(w http.ResponseWriter, body []byte) {
	a.start(w, len(body))
	// What cannot be sent is for the client to notice: there is nobody here to tell.
	_, _ = w.Write(body)
}

// start sends the status and the header of an answer of a length.
func (a *answer) start(w http.ResponseWriter, length int) {
	header := w.Header()
	for k, v := range a.header {
		header[k] = v
	}
	header.Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(a.status)
}
