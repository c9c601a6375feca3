package chatapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"chatferry/extract/rehearsal/gzipped"
)

// call is one request and what becomes of it.
type call struct {
	s     *Server
	r     *http.Request
	now   time.Time
	query url.Values

	zone     zone
	root     string // of the two
	endpoint string // pattern
	args     []string

	status  int // 0: 200
	header  http.Header
	media   string // of the body; empty: JSON
	body    []byte
	agentID int64 // who asks, if it is an agent; else the owner asks
}

// failure is an answer that is no data.
type failure struct {
	status            int
	code, description string
	header            http.Header
}

func badRequest(description string) *failure {
	return &failure{status: http.StatusBadRequest, code: "invalid_request", description: description}
}

func notFound(description string) *failure {
	return &failure{status: http.StatusNotFound, code: "not_found", description: description}
}

func forbidden(description string) *failure {
	return &failure{status: http.StatusForbidden, code: "forbidden", description: description}
}

func (c *call) fail(f *failure) {
	c.status, c.media, c.header = f.status, "", f.header
	c.body = append(c.body[:0], `{"error":`...)
	c.body = appendQuoted(c.body, f.code)
	c.body = append(c.body, `,"description":`...)
	c.body = appendQuoted(c.body, f.description)
	c.body = append(c.body, '}')
}

func (c *call) text(s string) { c.body = append(c.body, s...) }

func (c *call) number(v int64) { c.body = strconv.AppendInt(c.body, v, 10) }

func (c *call) quoted(s string) { c.body = appendQuoted(c.body, s) }

// send sends the answer, compressed if the client likes that.
func (c *call) send(w http.ResponseWriter) {
	h := w.Header()
	for k, v := range c.header {
		h[k] = v
	}
	if c.media == "" {
		c.media = "application/json; charset=utf-8"
		h.Set("Vary", "Accept-Encoding")
		if gzipped.Accepted(c.r) {
			c.body = gzipped.Bytes(c.body)
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Type", c.media)
	h.Set("Content-Length", strconv.Itoa(len(c.body)))
	if c.status == 0 {
		c.status = http.StatusOK
	}
	w.WriteHeader(c.status)
	// What cannot be sent is for the client to notice: there is nobody here to tell.
	_, _ = w.Write(c.body)
}

// appendQuoted appends s as JSON, with the ampersands of URLs as they are.
func appendQuoted(b []byte, s string) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // strings can be encoded
	}
	return append(b, bytes.TrimRight(out.Bytes(), "\n")...)
}

// link returns the URL of an endpoint of this server, as the client sees it.
func (c *call) link(path string, query url.Values) string {
	u := c.root + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	switch c.s.o.Quirks.NextPage {
	case NextPageRelative:
		return u
	case NextPageOtherHost:
		return c.s.o.Quirks.OtherHost + u
	}
	return c.origin() + u
}

func (c *call) origin() string {
	if c.r.TLS != nil {
		return "https://" + c.r.Host
	}
	return "http://" + c.r.Host
}

// nextURL ends a page of a list: with the link to the next, or with what says that there is none.
func (c *call) nextURL(path string, next url.Values) {
	switch {
	case next != nil:
		c.text(`,"next_url":`)
		c.quoted(c.link(path, next))
	case c.s.o.Quirks.EndNextURL == EndNextURLNull:
		c.text(`,"next_url":null`)
	case c.s.o.Quirks.EndNextURL == EndNextURLEmpty:
		c.text(`,"next_url":""`)
	}
	c.text(`}`)
}

// integer reads a parameter, which must be a number of at least least; 0 or more digits only.
func (c *call) integer(name string, otherwise, least int64) (int64, *failure) {
	text := c.query.Get(name)
	if text == "" {
		return otherwise, nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < least {
		return 0, badRequest(name + " must be a number of at least " + strconv.FormatInt(least, 10))
	}
	return v, nil
}
