package api

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// What became of a file: the column status. They are documented, and never renamed.
const (
	FileListed    = "listed"    // not asked for
	FileFetched   = "fetched"   // its bytes stand in the row
	FileMissing   = "missing"   // it is not there any more, or its entry names no address
	FileForbidden = "forbidden" // it may not be read without a login
	FileTooLarge  = "too_large" // it has more bytes than are fetched
	FileRefused   = "refused"   // its address must not be asked
	FileFailed    = "failed"    // anything else, after several attempts where another one might have helped
)

// fetched is what is known of a file after it was asked for.
type fetched struct {
	status   string
	reason   string // why it is not FileFetched; one of few
	http     int    // the status of the last answer, 0 if there was none
	kind     string // Content-Type
	encoding string // Content-Encoding: the bytes are those of an encoded form
	length   int64  // Content-Length; -1 if it was not told
	size     int64
	sum      [sha256.Size]byte
	record   []byte // a record's beginning: beginRecord and the bytes in base64

	unreached bool          // no answer came at all
	again     bool          // another attempt might help,
	after     time.Duration // not before so long; 0 if nobody said
}

// beginRecord stands before the bytes of a file in its record. They come first, so that the record grows behind them and
// a large file stands in memory once.
const beginRecord = `{"content_base64":"`

// restOfRecord is about how much follows.
const restOfRecord = 4 << 10

const (
	fileAttempts = 3
	fileBackoff  = time.Second     // after the first attempt, three times as much after each other
	fileLongest  = 2 * time.Minute // that a server may ask to wait
)

// fetch asks for a file. The only error is the end of ctx.
func (f *Fetcher) fetch(ctx context.Context, address string) (*fetched, error) {
	u, err := url.Parse(address)
	if err != nil {
		return &fetched{status: FileRefused, reason: errNoURL.Error(), length: -1}, nil
	}
	if err := f.check(u); err != nil {
		return &fetched{status: FileRefused, reason: err.Error(), length: -1}, nil
	}
	u.Fragment, u.RawFragment = "", ""
	for attempt, wait := 1, fileBackoff; ; attempt, wait = attempt+1, wait*3 {
		got := f.attempt(ctx, u)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if !got.again || attempt == fileAttempts || got.after > fileLongest {
			return got, nil
		}
		if err := f.pause(ctx, max(got.after, wait/2+rand.N(wait))); err != nil {
			return nil, err
		}
	}
}

var (
	errSilent = errors.New("its bytes stopped coming")
	errSlow   = errors.New("it took too long")
)

// attempt asks for a file once.
func (f *Fetcher) attempt(ctx context.Context, u *url.URL) *fetched {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	got := &fetched{length: -1}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return got.end(FileRefused, errNoURL.Error())
	}
	r.Header = http.Header{"User-Agent": {"chatferry"}, "Accept": {"*/*"}, "Accept-Encoding": {"identity"}}
	answer, err := f.client.Do(r)
	if err != nil {
		if answer != nil {
			got.http = answer.StatusCode // of a redirect that was not followed; its body is closed
		}
		return got.noAnswer(err)
	}
	defer answer.Body.Close()
	got.http = answer.StatusCode
	if answer.StatusCode != http.StatusOK {
		return got.refusal(answer, f.now())
	}
	got.kind, got.encoding = headerText(answer, "Content-Type"), headerText(answer, "Content-Encoding")
	got.length = answer.ContentLength
	if got.length > f.most {
		return got.end(FileTooLarge, "more bytes than the limit")
	}
	silence, whole := time.AfterFunc(f.silence, func() { cancel(errSilent) }), time.AfterFunc(f.whole, func() { cancel(errSlow) })
	defer silence.Stop()
	defer whole.Stop()
	return got.read(ctx, answer.Body, f.most, func() { silence.Reset(f.silence) })
}

func (g *fetched) end(status, reason string) *fetched {
	g.status, g.reason = status, reason
	return g
}

// retry ends an attempt after which another one might help.
func (g *fetched) retry(reason string) *fetched {
	g.again = true
	return g.end(FileFailed, reason)
}

// noAnswer says why a request got none. The error itself quotes the address, which may give access to the file, so it
// goes nowhere.
func (g *fetched) noAnswer(err error) *fetched {
	var private *privateError
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &private):
		return g.end(FileRefused, "not a public address")
	case errors.Is(err, errRedirectTo):
		return g.end(FileRefused, errRedirectTo.Error())
	case errors.Is(err, errFarAway):
		return g.end(FileFailed, errFarAway.Error())
	case errors.As(err, &name) && name.IsNotFound:
		g.unreached = true
		return g.end(FileFailed, "there is no such host")
	case errors.As(err, &certificate):
		return g.end(FileFailed, "the certificate is not valid")
	}
	g.unreached = g.http == 0
	if errors.As(err, &timeout) && timeout.Timeout() {
		return g.retry("no answer in time")
	}
	return g.retry("no answer")
}

// refusal says what an answer without the file means.
func (g *fetched) refusal(answer *http.Response, now time.Time) *fetched {
	reason := fmt.Sprintf("status %d", answer.StatusCode)
	switch s := answer.StatusCode; {
	case s == http.StatusNotFound || s == http.StatusGone:
		return g.end(FileMissing, reason)
	case s == http.StatusUnauthorized || s == http.StatusForbidden || s == http.StatusPaymentRequired || s == http.StatusUnavailableForLegalReasons:
		return g.end(FileForbidden, reason)
	case s == http.StatusRequestTimeout || s == http.StatusTooEarly || s == http.StatusTooManyRequests || s >= 500 && s != http.StatusNotImplemented:
		date, err := http.ParseTime(answer.Header.Get("Date"))
		if err != nil {
			date = now
		}
		g.after, _ = retryAfter(answer.Header, date)
		return g.retry(reason)
	}
	return g.end(FileFailed, reason)
}

// read takes the bytes of a file. progress is told whenever some came.
func (g *fetched) read(ctx context.Context, body io.Reader, most int64, progress func()) *fetched {
	hash := sha256.New()
	begin := int64(64 << 10)
	if g.length >= 0 {
		begin = g.length
	}
	text := textBuffer{make([]byte, 0, len(beginRecord)+base64.StdEncoding.EncodedLen(int(begin))+restOfRecord)}
	text.b = append(text.b, beginRecord...)
	encoder := base64.NewEncoder(base64.StdEncoding, &text)
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			progress()
		}
		if g.size += int64(n); g.size > most {
			return g.end(FileTooLarge, "more bytes than the limit")
		}
		hash.Write(buf[:n])
		if _, err := encoder.Write(buf[:n]); err != nil {
			return g.end(FileFailed, err.Error())
		}
		if err == nil {
			continue
		}
		// The end of a body that was given up here is none: told that nobody listens any more, a server may end it in good order.
		switch cause := context.Cause(ctx); {
		case cause != nil && (errors.Is(cause, errSilent) || errors.Is(cause, errSlow)):
			return g.retry(cause.Error())
		case cause != nil || err != io.EOF:
			return g.retry("its bytes broke off")
		}
		_ = encoder.Close() // textBuffer takes everything
		g.record = text.b
		hash.Sum(g.sum[:0])
		return g.end(FileFetched, "")
	}
}

// textBuffer is a bytes.Buffer that is made as large as is needed.
type textBuffer struct{ b []byte }

func (t *textBuffer) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	return len(p), nil
}

// isPage reports whether an answer is a page for people in place of the file: servers show one, with status 200, where a
// file is gone or asks for a login.
func (g *fetched) isPage(a *Attachment) bool {
	if g.status != FileFetched || a.Size != nil && *a.Size == g.size {
		return false
	}
	is := func(kind string) bool {
		kind, _, err := mime.ParseMediaType(kind)
		return err == nil && (kind == "text/html" || kind == "application/xhtml+xml")
	}
	name := strings.ToLower(a.Name)
	return is(g.kind) && !is(a.MimeType) && !strings.HasSuffix(name, ".html") && !strings.HasSuffix(name, ".htm")
}

// headerText is a header as it can stand in a column: one short line.
func headerText(answer *http.Response, name string) string {
	const most = 128
	text := strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || unicode.IsControl(r) {
			return -1
		}
		return r
	}, answer.Header.Get(name))
	return strings.TrimSpace(text[:min(len(text), most)])
}
