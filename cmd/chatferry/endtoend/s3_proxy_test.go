package endtoend

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"chatferry/checkpoint/objectstore/realserver"
)

// s3Call is one request of S3's protocol.
type s3Call struct {
	op   string // as S3 spells it: "PutObject"
	key  string // empty for what is asked of the bucket
	n    int    // the number of the request, from 1
	r    *http.Request
	body []byte
}

// s3Answer is the answer to it.
type s3Answer struct {
	status int
	header http.Header
	body   []byte
}

// s3Rule is given every request, and carry, which has the server carry it out. It returns what the client is told; nil
// breaks the connection.
type s3Rule func(c *s3Call, carry func() *s3Answer) *s3Answer

// s3Proxy stands before a server. What it has taken it carries to the end, even if the client is gone meanwhile, as a
// network does.
type s3Proxy struct {
	url    string
	t      *testing.T
	server *realserver.Server
	client *http.Client

	mu   sync.Mutex
	n    int
	rule s3Rule
	busy sync.WaitGroup
}

// newS3Proxy stands before a server until the test ends.
func newS3Proxy(t *testing.T, s *realserver.Server) *s3Proxy {
	p := &s3Proxy{t: t, server: s, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	server := httptest.NewServer(p)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		p.client.CloseIdleConnections()
	})
	p.url = server.URL
	return p
}

// keep sets the rule and begins to count anew.
func (p *s3Proxy) keep(rule s3Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule, p.n = rule, 0
}

// requests waits for those that are on their way, and tells how many came since keep.
func (p *s3Proxy) requests() int {
	p.busy.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// ServeHTTP implements http.Handler.
func (p *s3Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.n++
	p.busy.Add(1)
	rule, n := p.rule, p.n
	p.mu.Unlock()
	defer p.busy.Done()

	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client died while it sent the request, which nobody carries out
	}
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c := &s3Call{op: s3Op(r, key), key: key, n: n, r: r, body: body}
	carry := func() *s3Answer { return p.carry(c) }
	var a *s3Answer
	if rule == nil {
		a = carry()
	} else {
		a = rule(c, carry)
	}
	if a == nil {
		panic(http.ErrAbortHandler)
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if r.Method != http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may be gone
}

// carry sends a request on.
func (p *s3Proxy) carry(c *s3Call) *s3Answer {
	req, err := http.NewRequest(c.r.Method, p.server.Endpoint+c.r.URL.RequestURI(), bytes.NewReader(c.body))
	if err != nil {
		p.t.Error(err)
		return nil
	}
	req.Header, req.Host = c.r.Header.Clone(), c.r.Host
	req.Header.Del("Expect")
	resp, err := p.client.Do(req)
	if err != nil {
		return nil // the server hangs up on parts of an upload that is gone; the client asks again
	}
	defer resp.Body.Close()
	a := &s3Answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		return nil
	}
	return a
}

// without removes a header from a request, and signs it anew as the client would have.
func (p *s3Proxy) without(c *s3Call, header string) {
	if c.r.Header.Get(header) == "" {
		return
	}
	req := c.r.Clone(context.Background())
	for _, name := range []string{header, "Authorization", "Expect"} {
		req.Header.Del(name)
	}
	req.URL.Host = c.r.Host
	keys := aws.Credentials{AccessKeyID: p.server.AccessKey, SecretAccessKey: p.server.SecretKey}
	sum := req.Header.Get("X-Amz-Content-Sha256")
	if err := v4.NewSigner().SignHTTP(context.Background(), keys, req, sum, "s3", realserver.Region, time.Now()); err != nil {
		p.t.Error(err)
	}
	c.r = req
}

// s3Op names the call that a request is.
func s3Op(r *http.Request, key string) string {
	q := r.URL.Query()
	switch {
	case key == "" && q.Has("uploads"):
		return "ListMultipartUploads"
	case key == "":
		return "ListObjectsV2"
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPost:
		return "CompleteMultipartUpload"
	case r.Method == http.MethodPut && q.Has("uploadId"):
		return "UploadPart"
	case r.Method == http.MethodPut:
		return "PutObject"
	case r.Method == http.MethodHead:
		return "HeadObject"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "AbortMultipartUpload"
	case r.Method == http.MethodDelete:
		return "DeleteObject"
	case q.Has("uploadId"):
		return "ListParts"
	}
	return "GetObject"
}

// s3Refusal is an answer that is no success, as S3 words it: not at all to HEAD.
func s3Refusal(c *s3Call, status int, code, message string) *s3Answer {
	a := &s3Answer{status: status, header: http.Header{"Content-Type": {"application/xml"}}}
	if c.op != "HeadObject" {
		a.body = fmt.Appendf(nil, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
	}
	return a
}
