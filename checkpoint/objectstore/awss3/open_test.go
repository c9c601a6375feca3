package awss3_test

import (
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/checkpoint/objectstore/awss3"
	"chatferry/checkpoint/objectstore/sims3"
)

func TestParseURI(t *testing.T) {
	for uri, want := range map[string][2]string{
		"s3://b": {"b", ""}, "s3://b/": {"b", ""}, "s3://b/p": {"b", "p"}, "s3://b/p/q/": {"b", "p/q"},
	} {
		bucket, prefix, err := awss3.ParseURI(uri)
		if bucket != want[0] || prefix != want[1] || err != nil {
			t.Errorf("%s: %q, %q, %v", uri, bucket, prefix, err)
		}
	}
	for _, uri := range []string{"", "s3://", "s3:///p", "s3://b//p", "s3://b/p//q", "https://b/p", "b/p"} {
		if _, _, err := awss3.ParseURI(uri); chatferry.KindOf(err) != chatferry.KindUsage || chatferry.HintOf(err) == "" {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

// cleanEnv takes away what this machine or its user has set.
func cleanEnv(t *testing.T) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestEnvironment(t *testing.T) {
	cleanEnv(t)
	if _, err := awss3.Open(t.Context(), awss3.Options{Bucket: "b"}); chatferry.KindOf(err) != chatferry.KindEnvironment ||
		!strings.Contains(chatferry.HintOf(err), "AWS_REGION") {
		t.Errorf("without a region: %v", err)
	}
	t.Setenv("AWS_PROFILE", "nobody")
	if _, err := awss3.Open(t.Context(), awss3.Options{Bucket: "b"}); chatferry.KindOf(err) != chatferry.KindEnvironment ||
		!strings.Contains(chatferry.HintOf(err), "AWS_PROFILE") {
		t.Errorf("with a profile that is not there: %v", err)
	}
	t.Setenv("AWS_PROFILE", "")

	// An endpoint needs no region, and one that is an address has its buckets in the path.
	served := sims3.New().Serve(t, nil)
	t.Setenv("AWS_ENDPOINT_URL_S3", served.Endpoint)
	b := open(t, awss3.Options{Bucket: served.Bucket, Attempts: 1})
	_, err := b.Head(t.Context(), "a")
	if !errors.Is(err, objectstore.ErrCredentials) || errors.Is(err, objectstore.ErrUnreachable) {
		t.Errorf("without credentials: %v", err)
	}
	if told := objectstore.Explain("open", "", err); chatferry.KindOf(told) != chatferry.KindEnvironment {
		t.Errorf("without credentials: kind %v", chatferry.KindOf(told))
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	b = open(t, awss3.Options{Bucket: served.Bucket})
	if _, err := b.PutIfAbsent(t.Context(), "a", nil); err != nil {
		t.Error(err)
	}
}

func TestNobodyListens(t *testing.T) {
	served := sims3.New().Serve(t, nil)
	gone := httptest.NewServer(nil)
	served.Endpoint, served.Attempts = gone.URL, 2
	gone.Close()
	if _, err := open(t, served).Head(t.Context(), "a"); !errors.Is(err, objectstore.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

// A redirect is told and not followed, by whatever status.
func TestNoRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a request arrived elsewhere: %s %s", r.Method, r.URL)
	}))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 307, 308} {
		redirecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Amz-Bucket-Region", "sa-east-1")
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, status)
		}))
		o := sims3.New().Serve(t, nil)
		o.Endpoint = redirecting.URL
		b := open(t, o)
		_, put := b.PutIfAbsent(t.Context(), "a", []byte("x"))
		_, _, get := b.Get(t.Context(), "a")
		for _, err := range []error{put, get} {
			told := objectstore.Explain("open", "", err)
			if !errors.Is(err, objectstore.ErrRegion) || !strings.Contains(chatferry.HintOf(told), "sa-east-1") {
				t.Errorf("status %d: %v; %s", status, err, chatferry.HintOf(told))
			}
		}
		redirecting.Close()
	}
}

// serveThrough serves a simulated bucket through a function that may look at requests, and change them.
func serveThrough(t *testing.T, store *sims3.Store, look func(*http.Request)) awss3.Options {
	t.Helper()
	handler := store.Handler(nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		look(r)
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	o := store.Serve(t, nil)
	o.Endpoint = server.URL
	return o
}

// A store that answers another range than it was asked for is not believed.
func TestAnotherRange(t *testing.T) {
	store := sims3.New()
	if _, err := store.Client(nil).PutIfAbsent(t.Context(), "a", []byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	for spoilt, whole := range map[string]bool{"bytes=3-": true, "bytes=2-": false, "bytes=0-": false, "": false} {
		o := serveThrough(t, store, func(r *http.Request) {
			if r.Method == http.MethodGet {
				r.Header.Set("Range", spoilt)
			}
		})
		body, info, err := open(t, o).GetRange(t.Context(), "a", 3, -1, "")
		if !whole {
			if !errors.Is(err, objectstore.ErrUnreachable) {
				t.Errorf("%q: %v", spoilt, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(body)
		if err = errors.Join(err, body.Close()); err != nil || string(data) != "3456789" || info.Size != 10 {
			t.Errorf("%q, %+v, %v", data, info, err)
		}
	}
}

// A profile that is named goes over the keys of the environment, as with AWS's own programs.
func TestProfile(t *testing.T) {
	cleanEnv(t)
	files := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(files, []byte("[archive]\naws_access_key_id = of-the-profile\naws_secret_access_key = s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", files)
	t.Setenv("AWS_ACCESS_KEY_ID", "of-the-environment")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	for profile, key := range map[string]string{"": "of-the-environment", "archive": "of-the-profile"} {
		var signed string
		o := serveThrough(t, sims3.New(), func(r *http.Request) { signed = r.Header.Get("Authorization") })
		o.Credentials, o.Profile = nil, profile
		if _, err := open(t, o).Head(t.Context(), "a"); !errors.Is(err, objectstore.ErrNotExist) {
			t.Error(err)
		}
		if !strings.Contains(signed, "Credential="+key+"/") {
			t.Errorf("profile %q: signed as %s", profile, signed)
		}
	}
	if _, err := awss3.Open(t.Context(), awss3.Options{Bucket: "b", Profile: "nobody"}); chatferry.KindOf(err) != chatferry.KindEnvironment {
		t.Errorf("a profile that is not there: %v", err)
	}
}

func TestHeaders(t *testing.T) {
	seen := map[string]http.Header{}
	o := serveThrough(t, sims3.New(), func(r *http.Request) { seen[r.Method] = r.Header })
	o.Encryption, o.KMSKey, o.StorageClass, o.Owner = "aws:kms", "the-key", "STANDARD_IA", "123456789012"
	b := open(t, o)
	if _, err := b.PutIfAbsent(t.Context(), "a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	u, err := b.CreateUpload(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Abort(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodDelete} {
		for header, want := range map[string]string{
			"X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "the-key",
			"X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Expected-Bucket-Owner": "123456789012",
		} {
			if method == http.MethodDelete && header != "X-Amz-Expected-Bucket-Owner" {
				want = ""
			}
			if got := seen[method].Get(header); got != want {
				t.Errorf("%s with %s: %q, want %q", method, header, got, want)
			}
		}
	}
	put := seen[http.MethodPut]
	if put.Get("X-Amz-Checksum-Sha256") == "" || put.Get("X-Amz-Trailer") != "" || put.Get("X-Amz-Checksum-Crc32") != "" {
		t.Errorf("a body was sent with %v", put)
	}
	if signed := put.Get("Authorization"); !strings.Contains(signed, "x-amz-expected-bucket-owner") || !strings.Contains(signed, "if-none-match") {
		t.Errorf("signed was only %s", signed)
	}
}

// On a store that ignores conditions a single writer is told what it would be told by others; without that option the
// store overwrites, which the probe finds.
func TestSingleWriter(t *testing.T) {
	store := sims3.New()
	o := serveThrough(t, store, func(r *http.Request) {
		r.Header.Del("If-None-Match")
		if r.Method == http.MethodPut {
			r.Header.Del("If-Match")
		}
	})
	careless := open(t, o)
	o.SingleWriter = true
	b := open(t, o)
	etag, err := b.PutIfAbsent(t.Context(), "a", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutIfAbsent(t.Context(), "a", []byte("2")); !errors.Is(err, objectstore.ErrExist) {
		t.Errorf("a taken name: %v", err)
	}
	if _, err := b.PutIfMatch(t.Context(), "a", []byte("2"), `"x"`); !errors.Is(err, objectstore.ErrChanged) {
		t.Errorf("another version: %v", err)
	}
	if _, err := b.PutIfMatch(t.Context(), "b", []byte("2"), etag); !errors.Is(err, objectstore.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	if _, err := b.PutIfMatch(t.Context(), "a", []byte("2"), etag); err != nil {
		t.Error(err)
	}
	u, err := b.CreateUpload(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	part, err := b.UploadPart(t.Context(), u, 1, strings.NewReader("3"), 1, sha256.Sum256([]byte("3")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Complete(t.Context(), u, []objectstore.Part{part}); !errors.Is(err, objectstore.ErrExist) {
		t.Errorf("completed onto a taken name: %v", err)
	}
	if data := store.Files(".")["a"]; string(data) != "2" {
		t.Errorf("it holds %q", data)
	}
	if _, err := careless.PutIfAbsent(t.Context(), "a", []byte("4")); err != nil || string(store.Files(".")["a"]) != "4" {
		t.Errorf("this store does not ignore conditions: %v", err)
	}
}
