package s3_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func kindOf(r *http.Request) kind {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		return createUpload
	case r.Method == http.MethodPost:
		return complete
	case r.Method == http.MethodPut:
		return uploadPart
	case r.Method == http.MethodHead:
		return head
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return abort
	case r.Method == http.MethodDelete:
		return remove
	case q.Has("uploads"):
		return listUploads
	case q.Has("uploadId"):
		return listParts
	}
	return get
}

// proxy stands before a server of S3 and breaks what a plan says.
type proxy struct {
	url    string
	target string
	client *http.Client

	counter
	due []lateRequest // under the counter's lock
}

// lateRequest is one whose client has given up, and that is carried out when so many more have come.
type lateRequest struct {
	after int
	send  func()
}

func newProxy(t testing.TB, target string) *proxy {
	p := &proxy{target: target, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
	server := httptest.NewServer(p)
	t.Cleanup(func() {
		server.Close()
		p.client.CloseIdleConnections()
	})
	p.url = server.URL
	return p
}

// heal breaks nothing from now on, and carries out what is late.
func (p *proxy) heal() {
	p.end()
	p.settle(true)
}

// settle carries out the late requests whose time has come, or all. Nobody waits for their answers. The server may refuse one
// before it has read its body, and close the connection: an upload that is gone by now gets no parts.
func (p *proxy) settle(all bool) {
	var ready []lateRequest
	p.mu.Lock()
	keep := p.due[:0]
	for _, l := range p.due {
		if l.after--; all || l.after < 0 {
			ready = append(ready, l)
		} else {
			keep = append(keep, l)
		}
	}
	p.due = keep
	p.mu.Unlock()
	for _, l := range ready {
		l.send()
	}
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	p.settle(false)
	k := kindOf(r)
	switch f := p.next(k); f {
	case refused:
		panic(http.ErrAbortHandler)
	case late:
		p.mu.Lock()
		p.due = append(p.due, lateRequest{after: lag, send: func() { _, _ = p.forward(r, body) }})
		p.mu.Unlock()
		panic(http.ErrAbortHandler)
	case broken:
		refuse(w, http.StatusInternalServerError, "InternalError")
	case slowDown:
		refuse(w, http.StatusServiceUnavailable, "SlowDown")
	case conflict:
		refuse(w, http.StatusConflict, "ConditionalRequestConflict")
	case failed:
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	case okError:
		refuse(w, http.StatusOK, "InternalError")
	case torn:
		body = bytes.Clone(body)
		if len(body) > 0 {
			body[len(body)/2] ^= 1
		}
		p.answer(w, r, body, f)
	default:
		p.answer(w, r, body, f)
	}
}

// answer forwards a request and gives what was answered, or what the fault makes of it.
func (p *proxy) answer(w http.ResponseWriter, r *http.Request, body []byte, f fault) {
	a, err := p.forward(r, body)
	if err != nil || f == lost {
		panic(http.ErrAbortHandler)
	}
	switch f {
	case brokenOn:
		refuse(w, http.StatusInternalServerError, "InternalError")
		return
	case slow:
		time.Sleep(5 * time.Millisecond)
	case wrongSum:
		a.spoil()
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if r.Method != http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if f == cutOff && len(a.body) > 0 {
		w.Write(a.body[:len(a.body)/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.Write(a.body)
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (p *proxy) forward(r *http.Request, body []byte) (*answer, error) {
	// The client may have gone, if the request is late.
	req, err := http.NewRequest(r.Method, p.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header, req.Host = r.Header.Clone(), r.Host // which was signed
	req.Header.Del("Expect")
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, header: resp.Header}
	a.body, err = io.ReadAll(resp.Body)
	return a, err
}

var sums = regexp.MustCompile(`<ChecksumSHA256>[^<]{4}`)

// spoil makes the sums of an answer wrong.
func (a *answer) spoil() {
	if sum := a.header.Get("X-Amz-Checksum-Sha256"); len(sum) > 4 {
		a.header.Set("X-Amz-Checksum-Sha256", "AAAA"+sum[4:])
	}
	if bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("<")) {
		a.body = sums.ReplaceAll(a.body, []byte("<ChecksumSHA256>AAAA"))
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s<Error><Code>%s</Code><Message>on purpose</Message></Error>", strings.TrimSpace(`
<?xml version="1.0" encoding="UTF-8"?>`), code)
}
