package deep

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"chatferry"
)

// window remembers what was read through it, from some byte on.
type window struct {
	r    *bufio.Reader
	buf  []byte
	base int64 // the byte that buf begins with
}

// Read implements io.Reader.
func (w *window) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.buf = append(w.buf, p[:n]...)
	return n, err
}

// byteAt looks at a byte, which may not have been read yet.
func (w *window) byteAt(at int64) (byte, error) {
	if at -= w.base; at < int64(len(w.buf)) {
		return w.buf[at], nil
	}
	ahead := int(at) - len(w.buf) + 1
	b, err := w.r.Peek(ahead)
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return 0, errTorn // nothing but white space in between
	case err != nil:
		return 0, err
	}
	return b[ahead-1], nil
}

func (w *window) slice(from, to int64) []byte { return w.buf[from-w.base : to-w.base] }

// forget lets go of what stands before a byte, when that is worth it.
func (w *window) forget(before int64) {
	if n := before - w.base; n > 1<<20 || n > int64(len(w.buf))/2 {
		w.buf = append(w.buf[:0], w.buf[n:]...)
		w.base = before
	}
}

// reportRows calls visit for every row below the header of a report.
func reportRows(in *bufio.Reader, visit func([]byte)) error {
	w := &window{r: in}
	r := csv.NewReader(w)
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	for header := true; ; header = false {
		from := r.InputOffset()
		if _, err := r.Read(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		to := r.InputOffset()
		if !header {
			raw := w.slice(from, to)
			for bytes.HasPrefix(raw, []byte("\n")) || bytes.HasPrefix(raw, []byte("\r\n")) { // empty lines
				raw = raw[bytes.IndexByte(raw, '\n')+1:]
			}
			visit(bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte("\n")), []byte("\r")))
		}
		w.forget(to)
	}
}

// isLines reports whether a file is NDJSON: its first line is a whole value, or it is none that a document could begin with.
func isLines(stream chatferry.Stream, in *bufio.Reader) bool {
	head, _ := in.Peek(64 << 10)
	head = bytes.TrimLeft(head, white)
	if len(head) == 0 || head[0] != '{' {
		return len(head) == 0 || head[0] != '['
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	if !json.Valid(line) {
		return false
	}
	page := newDocuments(stream, bufio.NewReader(bytes.NewReader(line)), func([]byte) {})
	return page.all() == nil && !page.pages
}

// documents cuts a sequence of JSON values: records, arrays of them, and pages of the API.
type documents struct {
	stream chatferry.Stream
	w      *window
	d      *json.Decoder
	visit  func([]byte)
	pages  bool // there was a page
}

func newDocuments(stream chatferry.Stream, in *bufio.Reader, visit func([]byte)) *documents {
	w := &window{r: in}
	return &documents{stream: stream, w: w, d: json.NewDecoder(w), visit: visit}
}

func (d *documents) all() error {
	for {
		from, c, err := d.next()
		if err == io.EOF {
			return nil
		}
		if err == nil && c == '[' {
			_, err = d.d.Token()
			for err == nil && d.d.More() {
				if from, c, err = d.next(); err == nil {
					err = d.element(from, c)
				}
			}
			if err == nil {
				_, err = d.d.Token()
			}
		} else if err == nil {
			err = d.element(from, c)
		}
		if err != nil {
			return err
		}
	}
}

// next returns where the next value begins, and its first byte.
func (d *documents) next() (from int64, c byte, err error) {
	for at := d.d.InputOffset(); ; at++ {
		c, err := d.w.byteAt(at)
		if err != nil || bytes.IndexByte([]byte(white+",:"), c) < 0 {
			return at, c, err
		}
	}
}

// element cuts a value that is a record, or a page.
func (d *documents) element(from int64, c byte) error {
	if c != '{' {
		return d.record()
	}
	if _, err := d.d.Token(); err != nil {
		return err
	}
	page, record := false, false
	for d.d.More() {
		name, err := d.d.Token()
		if err != nil {
			return err
		}
		_, c, err := d.next()
		if err != nil {
			return err
		}
		key, _ := name.(string)
		switch holds := recordsIn(d.stream, key, c); {
		case record || holds == nothing && !page:
			record = record || !slices.Contains(ofPages, key)
			err = d.skip()
		case holds == nothing && !slices.Contains(ofPages, key):
			return fmt.Errorf("a page has a member %q", key)
		case holds == nothing:
			err = d.skip()
		case holds == one:
			page, err = true, d.record()
		default:
			page, err = true, d.list(holds == named)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.d.Token(); err != nil {
		return err
	}
	d.pages = d.pages || page
	if !page {
		d.visit(d.w.slice(from, d.d.InputOffset()))
	}
	d.w.forget(d.d.InputOffset())
	return nil
}

// list cuts the elements of an array, or the members of an object, each a record.
func (d *documents) list(names bool) error {
	if _, err := d.d.Token(); err != nil {
		return err
	}
	for d.d.More() {
		if names {
			if _, err := d.d.Token(); err != nil {
				return err
			}
			if _, c, err := d.next(); err != nil || c == 'n' {
				return errors.Join(err, errors.New("a record that is no longer there"))
			}
		}
		if err := d.record(); err != nil {
			return err
		}
	}
	_, err := d.d.Token()
	return err
}

// record cuts the next value.
func (d *documents) record() error {
	var raw json.RawMessage
	if err := d.d.Decode(&raw); err != nil {
		return err
	}
	d.visit(raw)
	d.w.forget(d.d.InputOffset())
	return nil
}

func (d *documents) skip() error {
	var raw json.RawMessage
	return d.d.Decode(&raw)
}

// contents says what a member of a page holds.
type contents int

const (
	nothing contents = iota
	listed           // an array of records
	named            // an object of records by their ids
	one              // a record
)

// ofPages are the members of a page that hold no records.
var ofPages = []string{"count", "limit", "start_time", "start_id", "end_time", "end_id", "next_page", "next_url", "previous_page", "previous_url"}

// recordsIn says what a member holds whose value begins with c.
func recordsIn(stream chatferry.Stream, key string, c byte) contents {
	switch array := c == '['; {
	case array && (key == string(stream) || stream == chatferry.Bans && (key == "visitor" || key == "ip_address") || stream == chatferry.RoutingSettings && key == "data"):
		return listed
	case c == '{' && stream == chatferry.Chats && key == "docs":
		return named
	case c == '{' && stream == chatferry.RoutingSettings && key == "data":
		return one
	}
	return nothing
}
