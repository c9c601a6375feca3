package s3dump

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/checkpoint/objectstore/awss3"
	"chatferry/checkpoint/objectstore/realserver"
	"chatferry/extract/dump"
)

// cutting stands before a server and breaks the connection of each answer to GetObject after so many bytes of its body.
type cutting struct {
	*httptest.Server
	after atomic.Int64 // negative: never
	gets  atomic.Int64
}

var errCutHere = errors.New("cut here")

func startCutting(t *testing.T, server *realserver.Server) *cutting {
	t.Helper()
	target, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c := &cutting{}
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // which is signed
		},
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Method != http.MethodGet || r.Request.URL.Query().Has("list-type") {
				return nil
			}
			c.gets.Add(1)
			if n := c.after.Load(); n >= 0 && r.StatusCode < 300 {
				r.Body = struct {
					io.Reader
					io.Closer
				}{&breaks{r.Body, int(n), errCutHere}, r.Body}
			}
			return nil
		},
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	c.Server = httptest.NewServer(proxy)
	t.Cleanup(func() {
		c.Close()
		transport.CloseIdleConnections()
	})
	return c
}

// open opens the server's bucket through it.
func (c *cutting) open(t *testing.T, server *realserver.Server) *awss3.Bucket {
	t.Helper()
	o := server.Options("")
	o.Endpoint = c.URL
	b, err := awss3.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Connections that break at every byte of a small object cost requests, never bytes.
func TestRealServerCutAtEveryByte(t *testing.T) {
	server := realserver.Start(t)
	content := lines(120)
	if _, err := server.Open(t, "d").PutIfAbsent(t.Context(), "chats.json", []byte(content)); err != nil {
		t.Fatal(err)
	}
	c := startCutting(t, server)
	store := open(t, c.open(t, server), "d")
	f := listOne(t, store)
	for after := 1; after <= len(content); after++ {
		c.after.Store(int64(after))
		c.gets.Store(0)
		o, err := store.Open(t.Context(), f, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(o, 64); err != nil || got != content {
			t.Fatalf("cut after %d: %q, %v", after, got, err)
		}
		// A cut may take bytes with it that were sent and not yet read.
		if least := (len(content) + after - 1) / after; int(c.gets.Load()) < least {
			t.Errorf("cut after %d: %d requests, want at least %d", after, c.gets.Load(), least)
		}
	}
}

// An object that is replaced or removed while it is read is an error that names it.
func TestRealServerChanges(t *testing.T) {
	server := realserver.Start(t)
	bucket := server.Open(t, "d")
	first := lines(500)
	if _, err := bucket.PutIfAbsent(t.Context(), "chats.json", []byte(first)); err != nil {
		t.Fatal(err)
	}
	c := startCutting(t, server)
	store := open(t, c.open(t, server), "d")
	for _, tt := range []struct {
		says   string
		change func(etag string) error
	}{
		{"its ETag was ", func(etag string) error {
			_, err := bucket.PutIfMatch(t.Context(), "chats.json", []byte(strings.ToUpper(first)), etag)
			return err
		}},
		{"it is gone", func(string) error { return bucket.Delete(t.Context(), "chats.json") }},
	} {
		f := listOne(t, store)
		c.after.Store(100)
		o, err := store.Open(t.Context(), f, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(o, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		if err := tt.change(f.ETag); err != nil {
			t.Fatal(err)
		}
		changed := func(err error) bool {
			return chatferry.KindOf(err) == chatferry.KindIncompatible && strings.Contains(err.Error(), "chats.json: "+tt.says)
		}
		if got, err := readAll(o, 64); !changed(err) || len(got) > 90 {
			t.Errorf("read %d bytes more, %v; want an error that says %q", len(got), err, tt.says)
		}
		for _, from := range []int64{0, 100, f.Size} {
			if _, err := store.Open(t.Context(), f, from); !changed(err) {
				t.Errorf("open from %d: %v; want an error that says %q", from, err, tt.says)
			}
		}
	}
}

// What a store refuses, in its own words, has its Kind and says what to do, in one sentence.
func TestRefusalsOverTheWire(t *testing.T) {
	for _, tt := range []struct {
		name, list, get string // answers; "": what a good store says
		status          int
		kind            chatferry.Kind
		hint            string
	}{
		{"list denied", "AccessDenied", "", 403, chatferry.KindEnvironment, "s3:ListBucket"},
		{"read denied", "", "AccessDenied", 403, chatferry.KindEnvironment, "s3:GetObject"},
		{"no bucket", "NoSuchBucket", "", 404, chatferry.KindEnvironment, "bucket"},
		{"another region", "PermanentRedirect", "", 301, chatferry.KindEnvironment, "eu-west-3"},
		{"expired", "", "ExpiredToken", 400, chatferry.KindEnvironment, "credentials"},
		{"archived", "", "InvalidObjectState", 403, chatferry.KindEnvironment, "restore the object"},
		{"busy", "SlowDown", "", 503, chatferry.KindTemporary, "resume"},
		{"busy while reading", "", "SlowDown", 503, chatferry.KindTemporary, "resume"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				code, good := tt.get, `{"id":1}`
				if r.URL.Query().Has("list-type") {
					code = tt.list
					good = `<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>d/chats.json</Key><Size>8</Size><ETag>"e"</ETag></Contents></ListBucketResult>`
				}
				w.Header().Set("ETag", `"e"`)
				if code == "" {
					_, _ = io.WriteString(w, good)
					return
				}
				w.Header().Set("X-Amz-Bucket-Region", "eu-west-3")
				w.WriteHeader(tt.status)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>words of the store</Message></Error>", code)
			}))
			defer server.Close()
			err := carryFrom(t, server.URL)
			if chatferry.KindOf(err) != tt.kind || !strings.Contains(chatferry.HintOf(err), tt.hint) {
				t.Errorf("%v has Kind %d and the hint %q; want %d and %q", err, chatferry.KindOf(err), chatferry.HintOf(err), tt.kind, tt.hint)
			}
			if err != nil && (!strings.Contains(err.Error(), "s3://bucket/d") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%q is not one sentence that names the place", err)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		server := httptest.NewServer(nil)
		server.Close()
		if err := carryFrom(t, server.URL); chatferry.KindOf(err) != chatferry.KindTemporary || !errors.Is(err, objectstore.ErrUnreachable) {
			t.Errorf("%v has Kind %d", err, chatferry.KindOf(err))
		}
	})
	t.Run("silent in the middle", func(t *testing.T) {
		hang := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("list-type") {
				_, _ = io.WriteString(w, `<ListBucketResult><Contents><Key>d/chats.json</Key><Size>8</Size><ETag>"e"</ETag></Contents></ListBucketResult>`)
				return
			}
			w.Header().Set("ETag", `"e"`)
			from, rest := 0, `{"id":1}`
			if asked := r.Header.Get("Range"); asked != "" {
				if _, err := fmt.Sscanf(asked, "bytes=%d-", &from); err != nil {
					t.Error(err)
				}
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-7/8", from))
			}
			w.Header().Set("Content-Length", fmt.Sprint(8-from))
			if from > 0 {
				w.WriteHeader(http.StatusPartialContent)
			}
			_, _ = io.WriteString(w, rest[from:from+2])
			_ = http.NewResponseController(w).Flush()
			if from < 6 {
				<-hang
			}
		}))
		defer server.Close()
		defer close(hang)
		if err := carryFrom(t, server.URL); err != nil {
			t.Error(err)
		}
	})
}

// carryFrom reads the one file of a bucket, with little patience.
func carryFrom(t *testing.T, endpoint string) error {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	bucket, err := awss3.Open(t.Context(), awss3.Options{
		Bucket: "bucket", Endpoint: endpoint, Region: "eu-central-1", Attempts: 2, MaxBackoff: time.Millisecond, Idle: 200 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	l, err := dump.List(t.Context(), []string{"s3://bucket/d"}, func(string) (dump.Store, error) { return Open(t.Context(), bucket, "d") })
	if err != nil {
		return err
	}
	o, err := open(t, bucket, "d").Open(t.Context(), l.Files[0].File, 0)
	if err != nil {
		return err
	}
	got, err := readAll(o, 8)
	if err == nil && got != `{"id":1}` {
		t.Errorf("read %q", got)
	}
	return err
}
