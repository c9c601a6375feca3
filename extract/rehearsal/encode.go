package rehearsal

import (
	"bufio"
	"io"
	"os"
	"slices"

	"chatferry"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// dumpFile writes the records of one file.
type dumpFile struct {
	stream  chatferry.Stream
	name    string
	form    Form
	file    *os.File
	stored  *counter
	out     *bufio.Writer
	squeeze squeezer // nil: plain
	records int64
	open    int // records of the open page, array or list
	err     error

	last Record // of the open page; its slices are copies
	held []byte // a broken record that would stand first, where it would decide what the file is taken for
	ips  [][]byte
}

// squeezer is a compressor that can begin a new member.
type squeezer interface {
	io.WriteCloser
	Reset(io.Writer)
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

func newDumpFile(s chatferry.Stream, name string, form Form, file *os.File, header []byte) *dumpFile {
	f := &dumpFile{stream: s, name: name, form: form, file: file, stored: &counter{w: file}}
	if f.form.Page == 0 {
		f.form.Page = 1000
		if form.Format == Docs && s == chatferry.Chats {
			f.form.Page = 50
		}
	}
	var w io.Writer = f.stored
	switch form.Compression {
	case Gzip:
		f.squeeze = gzip.NewWriter(f.stored)
		w = f.squeeze
	case Zstd:
		f.squeeze, f.err = zstd.NewWriter(f.stored, zstd.WithEncoderConcurrency(1))
		w = f.squeeze
	}
	f.out = bufio.NewWriterSize(w, 256<<10)
	if s.CSV() {
		f.put(header)
		f.text("\r\n")
	}
	return f
}

// put and text write; the first error is kept until the next record.
func (f *dumpFile) put(b []byte) {
	if f.err == nil {
		_, f.err = f.out.Write(b)
	}
}

func (f *dumpFile) text(s string) {
	if f.err == nil {
		_, f.err = f.out.WriteString(s)
	}
}

// write writes a record, or leaves it out where the format cannot hold it.
func (f *dumpFile) write(r *Record) (written bool, err error) {
	lines := f.stream.CSV() || f.form.Format == NDJSON
	if !lines && r.Outcome.Code != "" {
		return false, f.err
	}
	if f.form.Members > 0 && f.squeeze != nil && f.records > 0 && f.records%int64(f.form.Members) == 0 && lines {
		f.member()
	}
	f.records++
	switch {
	case f.stream.CSV():
		f.put(r.Raw)
		f.text("\r\n")
	case f.form.Format == NDJSON:
		if f.records == 1 && r.Outcome.Code != "" {
			f.held = slices.Clone(r.Raw)
			break
		}
		f.put(r.Raw)
		f.text("\n")
		f.release()
	case f.form.Format == Array || f.bareList():
		f.text(f.between("[\n  ", ",\n  "))
		f.put(r.Raw)
	default:
		f.writeSaved(r)
	}
	return true, f.err
}

// bareList reports whether the API answers with an array and nothing around it.
func (f *dumpFile) bareList() bool {
	switch f.stream {
	case chatferry.Agents, chatferry.Roles, chatferry.Departments, chatferry.Skills, chatferry.Shortcuts, chatferry.Triggers,
		chatferry.Goals, chatferry.OAuthClients, chatferry.Visitors:
		return true
	}
	return false
}

// between returns what stands before a record: first at the begin of its list, else next.
func (f *dumpFile) between(first, next string) string {
	f.open++
	if f.open == 1 {
		return first
	}
	return next
}

// release writes the record that was held back.
func (f *dumpFile) release() {
	if f.held != nil {
		f.put(f.held)
		f.text("\n")
		f.held = nil
	}
}

// writeSaved writes a record the way the API answers.
func (f *dumpFile) writeSaved(r *Record) {
	switch {
	case f.stream == chatferry.Account:
		f.put(r.Raw)
	case f.stream == chatferry.RoutingSettings:
		f.text(`{"data":`)
		f.put(r.Raw)
		f.text(`}`)
	case f.stream == chatferry.Bans && r.IPBan:
		f.ips = append(f.ips, slices.Clone(r.Raw))
	case f.stream == chatferry.Bans:
		f.text(f.between(`{"visitor":[`, `,`))
		f.put(r.Raw)
	case f.form.Format == Docs && f.stream == chatferry.Chats:
		if r.Again { // no page names a chat twice
			f.endPage()
		}
		f.text(f.between(`{"docs":{`, `,`))
		f.text(`"`)
		f.put(r.ID)
		f.text(`":`)
		f.put(r.Raw)
		f.turnPage()
	default:
		f.text(f.between(`{"`+string(f.stream)+`":[`, `,`))
		f.put(r.Raw)
		f.last.Time, f.last.Updated, f.last.ID = r.Time, r.Updated, append(f.last.ID[:0], r.ID...)
		f.turnPage()
	}
}

// turnPage ends the page if it is full.
func (f *dumpFile) turnPage() {
	if f.open == f.form.Page {
		f.endPage()
	}
}

func (f *dumpFile) endPage() {
	if f.open == 0 {
		return
	}
	if f.form.Format == Docs && f.stream == chatferry.Chats {
		f.text("}}\n")
		f.open = 0
		return
	}
	at := f.last.Updated
	if at == 0 {
		at = f.last.Time
	}
	unit := second
	if f.stream == chatferry.AgentTimeline {
		at, unit = at*1000, 1 // this export counts in microseconds
	}
	b := appendInt([]byte(`],"count":`), int64(f.open))
	b = appendInt(append(b, `,"end_time":`...), at/unit)
	if f.stream == chatferry.Chats {
		b = append(append(append(b, `,"end_id":"`...), f.last.ID...), '"')
	}
	b = append(b, `,"next_page":"https://www.zopim.com/api/v2/incremental/`+string(f.stream)+`?fields=`+string(f.stream)+`%28%2A%29&limit=`...)
	b = appendInt(b, int64(f.form.Page))
	b = appendInt(append(b, `&start_time=`...), at/unit)
	if f.stream == chatferry.Chats {
		b = append(append(b, `&start_id=`...), f.last.ID...)
	}
	f.put(append(b, "\"}\n"...))
	f.open = 0
}

// member begins a new gzip member or zstd frame.
func (f *dumpFile) member() {
	if f.err == nil {
		f.err = f.out.Flush()
	}
	if f.err == nil {
		f.err = f.squeeze.Close()
	}
	f.squeeze.Reset(f.stored)
}

// finish writes what is left. The file stays open.
func (f *dumpFile) finish() error {
	f.release()
	switch {
	case f.stream.CSV() || f.form.Format == NDJSON:
	case f.form.Format == Array || f.bareList():
		f.text("\n]\n")
	case f.stream == chatferry.Bans:
		if f.open == 0 {
			f.text(`{"visitor":[`)
		}
		f.text(`],"ip_address":[`)
		for i, raw := range f.ips {
			if i > 0 {
				f.text(`,`)
			}
			f.put(raw)
		}
		f.text("]}\n")
	default:
		f.endPage()
	}
	if f.err == nil {
		f.err = f.out.Flush()
	}
	if f.err == nil && f.squeeze != nil {
		f.err = f.squeeze.Close()
	}
	return f.err
}

// close closes the file.
func (f *dumpFile) close() error { return f.file.Close() }
