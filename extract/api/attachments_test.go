package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"chatferry"
)

// fileList is a Files over a sorted list.
type fileList []Attachment

func (l fileList) Next(_ context.Context, after AttachmentKey, n int) ([]Attachment, error) {
	i := slices.IndexFunc(l, func(a Attachment) bool { return a.Compare(after) > 0 })
	if i < 0 {
		return nil, nil
	}
	return slices.Clone(l[i:min(len(l), i+n)]), nil
}

func attachmentShard() *chatferry.Shard {
	return &chatferry.Shard{ID: 11, Stream: chatferry.Attachments, API: &chatferry.Range{Endpoint: AttachmentsEndpoint}}
}

func openAttachments(t *testing.T, get Getter, files Files, f *Fetcher, from chatferry.Position) chatferry.Reader {
	t.Helper()
	r, err := NewAttachments(get, files, f, attachmentShard(), from)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// someFiles are n files at a URL, each with a path of its own.
func someFiles(at string, n int) (l fileList) {
	for i := range n {
		size := int64(i)
		l = append(l, Attachment{
			AttachmentKey: AttachmentKey{fmt.Sprintf("1704.1.%03d", i/3), int64(i % 3)},
			URL:           fmt.Sprintf("%s/%d", at, i), Name: "São \"Paulo\".png", MimeType: "image/png", Size: &size,
		})
	}
	return l
}

// unasked is a Getter that must not be asked.
type unasked struct{ Getter }

// TestAttachmentsListed: without a Fetcher nothing is asked, and every file is a record.
func TestAttachmentsListed(t *testing.T) {
	files := someFiles("https://files.example.com", 2345)
	files[7].URL, files[7].Name, files[7].MimeType, files[7].Size = "", "", "", nil
	whole, err := gather(t, openAttachments(t, unasked{}, files, nil, ""), "")
	if err != io.EOF || len(whole.records) != len(files) || len(whole.pages) != 3 {
		t.Fatalf("%d records in %d Pages, %v", len(whole.records), len(whole.pages), err)
	}
	if got, want := whole.records[0], `{"chat_id":"1704.1.000","index":0,"url":"https://files.example.com/0","name":"São \"Paulo\".png","size":0,"mime_type":"image/png","status":"listed"}`; got != want {
		t.Errorf("a record is %s", got)
	}
	if got, want := whole.records[7], `{"chat_id":"1704.1.002","index":1,"status":"listed"}`; got != want {
		t.Errorf("a record is %s", got)
	}
	done := 0
	for _, p := range whole.pages {
		done += len(p.Records)
		rest, err := gather(t, openAttachments(t, unasked{}, files, nil, p.After), p.After)
		if err != io.EOF || !slices.Equal(rest.records, whole.records[done:]) {
			t.Errorf("from %s: %d records, %v", p.After, len(rest.records), err)
		}
	}
}

// TestAttachmentsFetched: every file is a record whatever became of it, and wherever the run was killed, what follows is
// the same.
func TestAttachmentsFetched(t *testing.T) {
	var asked atomic.Int64
	e := newElsewhere(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		var i int
		fmt.Sscanf(r.URL.Path, "/%d", &i)
		w.Header().Set("Content-Type", "image/png")
		switch i % 10 {
		case 3:
			w.WriteHeader(404)
		case 5:
			w.WriteHeader(403)
		case 7:
			http.Redirect(w, r, "https://127.0.0.1:1/", http.StatusFound)
		case 8:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			io.WriteString(w, "<html>Log in</html>")
		default:
			w.Header().Set("Content-Length", strconv.Itoa(i*1000))
			io.WriteString(w, strings.Repeat("x", i*1000))
		}
	}, func(o *FetchOptions) { o.Most = 60_000 })
	files := someFiles(e.URL, 69)
	files[1].URL = "http://127.0.0.1/"
	files[2].URL = ""
	whole, err := gather(t, openAttachments(t, unasked{}, files, e.fetcher, ""), "")
	if err != io.EOF || len(whole.records) != len(files) || len(whole.absent)+len(whole.doubts) > 0 {
		t.Fatalf("%d records, %v", len(whole.records), err)
	}
	if asked.Load() != int64(len(files))-2 {
		t.Errorf("%d requests", asked.Load())
	}
	for i, raw := range whole.records {
		var r struct {
			attachmentRecord
			Content string `json:"content_base64"`
		}
		if err := json.Unmarshal([]byte(raw), &r); err != nil {
			t.Fatal(err)
		}
		want := FileFetched
		switch {
		case i == 1 || i%10 == 7:
			want = FileRefused
		case i == 2 || i%10 == 3:
			want = FileMissing
		case i%10 == 5:
			want = FileForbidden
		case i%10 == 8:
			want = FileFailed
		case i > 60:
			want = FileTooLarge
		}
		if r.Status != want || (r.Reason == "") != (want == FileFetched) || r.FetchedAt != "2022-06-01T12:00:00Z" ||
			r.ChatID != files[i].Chat || r.Index != files[i].Index {
			t.Errorf("file %d: %.300s", i, raw)
		}
		content, err := base64.StdEncoding.DecodeString(r.Content)
		sum := sha256.Sum256(content)
		switch fetched := want == FileFetched; {
		case err != nil || fetched != (r.SHA256 != "") || fetched != (r.FetchedSize != nil) || fetched != strings.Contains(raw, "content_base64"):
			t.Errorf("file %d: %v, %.300s", i, err, raw)
		case fetched && (r.SHA256 != hex.EncodeToString(sum[:]) || string(content) != strings.Repeat("x", i*1000) || *r.FetchedSize != int64(i*1000)):
			t.Errorf("file %d: %.300s", i, raw)
		case want == FileTooLarge && (r.ContentLength == nil || *r.ContentLength != int64(i*1000)):
			t.Errorf("file %d: %s", i, raw)
		}
	}
	done := 0
	for _, p := range whole.pages {
		done += len(p.Records)
		rest, err := gather(t, openAttachments(t, unasked{}, files, e.fetcher, p.After), p.After)
		if err != io.EOF || !slices.Equal(rest.records, whole.records[done:]) {
			t.Errorf("from %s: %d records, %v", p.After, len(rest.records), err)
		}
	}
}

// TestWebPageInPlaceOfAFile: a page is taken for the file only where the chat says that the file is one.
func TestWebPageInPlaceOfAFile(t *testing.T) {
	e := newElsewhere(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "Text/HTML; charset=utf-8")
		io.WriteString(w, "<html></html>")
	})
	same, other := int64(len("<html></html>")), int64(5)
	for _, tt := range []struct {
		file Attachment
		want string
	}{
		{Attachment{Name: "a.png", MimeType: "image/png", Size: &other}, FileFailed},
		{Attachment{Name: "a.png", MimeType: "image/png"}, FileFailed},
		{Attachment{}, FileFailed},
		{Attachment{Name: "a.png", MimeType: "image/png", Size: &same}, FileFetched},
		{Attachment{Name: "page", MimeType: "text/html", Size: &other}, FileFetched},
		{Attachment{Name: "PAGE.HTML"}, FileFetched},
	} {
		tt.file.AttachmentKey, tt.file.URL = AttachmentKey{"c", 0}, e.URL
		g, err := gather(t, openAttachments(t, unasked{}, fileList{tt.file}, e.fetcher, ""), "")
		if err != io.EOF || len(g.records) != 1 || !strings.Contains(g.records[0], `"status":"`+tt.want+`"`) ||
			strings.Contains(g.records[0], "content_base64") != (tt.want == FileFetched) {
			t.Errorf("%+v: %v, %s", tt.file, err, g.records)
		}
	}
}

// proof is a Getter that answers only as it is told to; it counts.
type proof struct {
	Getter
	asked    int
	requests int
	err      error
}

func (p *proof) Get(_ context.Context, path string, _ url.Values, _ func([]byte) error) (*Answer, error) {
	p.asked++
	if path != "agents" {
		return nil, fmt.Errorf("asked for %s", path)
	}
	if p.err != nil {
		return nil, p.err
	}
	return &Answer{Requests: p.requests}, nil
}

// TestAttachmentsOfADeadHost: a host that does not answer is asked for a few files only, and the run does not end.
func TestAttachmentsOfADeadHost(t *testing.T) {
	e := newElsewhere(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "x") })
	dead, living := someFiles("https://dead.example.com", 200), someFiles(e.URL, 200)
	var dials atomic.Int64
	dial := e.fetcher.wire.DialContext
	e.fetcher.wire.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == "dead.example.com:443" {
			dials.Add(1)
			return nil, syscall.ECONNREFUSED
		}
		return dial(ctx, network, address)
	}
	for i := range dead {
		if i%4 == 0 {
			dead[i].URL = living[i].URL
		}
	}
	p := &proof{requests: 1}
	g, err := gather(t, openAttachments(t, p, dead, e.fetcher, ""), "")
	if err != io.EOF || len(g.records) != len(dead) {
		t.Fatalf("%d records, %v", len(g.records), err)
	}
	for i, raw := range g.records {
		if want := map[bool]string{true: FileFetched, false: FileFailed}[i%4 == 0]; !strings.Contains(raw, `"status":"`+want+`"`) {
			t.Errorf("file %d: %s", i, raw)
		}
	}
	// 5 at first, and files 50 and 100 of the 150, three attempts each.
	if dials.Load() != 3*7 || p.asked != 7 {
		t.Errorf("%d connections were tried, the API was asked %d times", dials.Load(), p.asked)
	}
}

// TestAttachmentsWithoutANetwork: when nothing can be reached, no file is said to be gone.
func TestAttachmentsWithoutANetwork(t *testing.T) {
	e := newElsewhere(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "x") })
	files := someFiles(e.URL, 30)
	down := false
	dial := e.fetcher.wire.DialContext
	dialled := 0
	e.fetcher.wire.DisableKeepAlives = true
	e.fetcher.wire.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == "dead.example.com:443" {
			return nil, syscall.ECONNREFUSED
		}
		if dialled++; dialled > 10 && dialled <= 10+2*fileAttempts {
			down = true
			return nil, syscall.ENETUNREACH
		}
		return dial(ctx, network, address)
	}
	// The API is found again after a while: the file is fetched then.
	p := &proof{requests: 4}
	g, err := gather(t, openAttachments(t, p, files, e.fetcher, ""), "")
	if err != io.EOF || len(g.records) != len(files) || !down || p.asked != 2 {
		t.Fatalf("%d records, %v; the API was asked %d times", len(g.records), err, p.asked)
	}
	for i, raw := range g.records {
		if !strings.Contains(raw, `"status":"fetched"`) {
			t.Errorf("file %d: %s", i, raw)
		}
	}
	var requests int64
	for _, page := range g.pages {
		requests += page.Requests
	}
	if requests != 8 {
		t.Errorf("the Pages tell of %d requests", requests)
	}
	// It is not found again: the run ends, and the file is read by the next one.
	away := &chatferry.Error{Kind: chatferry.KindTemporary, Err: errors.New("the API is away")}
	files[12].URL = "https://dead.example.com/a"
	g, err = gather(t, openAttachments(t, &proof{err: away}, files, e.fetcher, ""), "")
	if chatferry.KindOf(err) != chatferry.KindTemporary || len(g.records) != 12 {
		t.Errorf("%d records, then %v", len(g.records), err)
	}
	// A refusal is an answer.
	g, err = gather(t, openAttachments(t, &proof{err: &StatusError{Status: 403}}, files, e.fetcher, ""), "")
	if err != io.EOF || len(g.records) != 30 || !strings.Contains(g.records[12], `"status":"failed"`) {
		t.Errorf("%d records, then %v", len(g.records), err)
	}
}

// TestAttachmentPages: large files end a Page, so that it holds little more than the largest one.
func TestAttachmentPages(t *testing.T) {
	e := newElsewhere(t, func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 1<<20)) })
	g, err := gather(t, openAttachments(t, unasked{}, someFiles(e.URL, 10), e.fetcher, ""), "")
	if err != io.EOF || len(g.records) != 10 || len(g.pages) != 4 {
		t.Fatalf("%d records in %d Pages, %v", len(g.records), len(g.pages), err)
	}
	for _, p := range g.pages {
		if p.RawBytes > fetchedBytes+2<<20 {
			t.Errorf("a Page of %d bytes", p.RawBytes)
		}
	}
}

// TestAttachmentsStopped: a stop gives what was fetched before it.
func TestAttachmentsStopped(t *testing.T) {
	var cancel context.CancelFunc
	n := 0
	e := newElsewhere(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 6 {
			cancel()
			<-r.Context().Done()
			return
		}
		io.WriteString(w, r.URL.Path)
	})
	files := someFiles(e.URL, 25)
	a := openAttachments(t, unasked{}, files, e.fetcher, "")
	var ctx context.Context
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	p, err := a.Next(ctx)
	if err != nil || len(p.Records) != 5 {
		t.Fatalf("%v, %v", p, err)
	}
	if _, err := a.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a stopped run ends with %v", err)
	}
	rest, err := gather(t, a, p.After)
	if err != io.EOF || len(rest.records) != 20 || !strings.Contains(rest.records[0], `"status":"fetched"`) {
		t.Errorf("%d records, %v", len(rest.records), err)
	}
}

// TestAttachmentsInDisorder: a list that goes back would be a loop.
func TestAttachmentsInDisorder(t *testing.T) {
	good := AttachmentKey{"b", 1}
	for _, key := range []AttachmentKey{{"", 0}, {"a", 9}, {"b", 0}, {"b", 1}, {"c", -1}} {
		l := fileList{{AttachmentKey: good}, {AttachmentKey: key}}
		_, err := gather(t, openAttachments(t, unasked{}, disordered{l}, nil, ""), "")
		if err == nil || !strings.Contains(err.Error(), "behind") {
			t.Errorf("%+v behind %+v: %v", key, good, err)
		}
	}
	for _, pos := range []chatferry.Position{"a1:x:0", "v1:x:0", "a1::0:0", "a1:x:-1:0", "a1:x:0:0:0"} {
		if _, err := NewAttachments(unasked{}, fileList{}, nil, attachmentShard(), pos); chatferry.KindOf(err) != chatferry.KindIncompatible {
			t.Errorf("position %q: %v", pos, err)
		}
	}
}

type disordered struct{ l fileList }

func (d disordered) Next(context.Context, AttachmentKey, int) ([]Attachment, error) { return d.l, nil }
