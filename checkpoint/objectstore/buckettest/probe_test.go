package buckettest_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/checkpoint/objectstore/awss3"
	"chatferry/checkpoint/objectstore/realserver"
	"chatferry/checkpoint/objectstore/sims3"
)

func TestProbe(t *testing.T) {
	store := sims3.New()
	simulated := store.Client(nil)
	for name, b := range map[string]objectstore.Bucket{"simulated": simulated, "real": realserver.Start(t).Open(t, "p")} {
		t.Run("store="+name, func(t *testing.T) {
			// A probe that was killed left this.
			const killed = "_chatferry/probe-killed"
			if _, err := b.PutIfAbsent(t.Context(), killed, []byte("probe\n")); err != nil {
				t.Fatal(err)
			}
			if _, err := b.CreateUpload(t.Context(), killed); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := objectstore.Probe(t.Context(), b, "_chatferry", "x"); err != nil {
					t.Error(err)
				}
			}
			for o, err := range b.List(t.Context(), "", "") {
				t.Errorf("left behind: %+v, %v", o, err)
			}
			for u, err := range b.ListUploads(t.Context(), "") {
				t.Errorf("left behind: %+v, %v", u, err)
			}
		})
	}
}

// lacking is a store without something.
type lacking struct {
	objectstore.Bucket
	what string
}

func (l lacking) PutIfAbsent(ctx context.Context, name string, data []byte) (string, error) {
	if l.what == "If-None-Match" {
		_ = l.Delete(ctx, name)
	}
	return l.Bucket.PutIfAbsent(ctx, name, data)
}

func (l lacking) PutIfMatch(ctx context.Context, name string, data []byte, etag string) (string, error) {
	switch l.what {
	case "If-Match":
		info, err := l.Head(ctx, name)
		if err != nil {
			return "", err
		}
		etag = info.ETag
	case "any If-Match":
		return "", &objectstore.Error{Op: "PutObject", Status: 501, Code: "NotImplemented"}
	}
	return l.Bucket.PutIfMatch(ctx, name, data, etag)
}

func (l lacking) ListUploads(ctx context.Context, prefix string) iter.Seq2[objectstore.Upload, error] {
	switch l.what {
	case "listing uploads":
		return func(func(objectstore.Upload, error) bool) {}
	case "the time of uploads":
		return func(yield func(objectstore.Upload, error) bool) {
			for u, err := range l.Bucket.ListUploads(ctx, prefix) {
				yield(objectstore.Upload{Name: u.Name, ID: u.ID}, err)
			}
		}
	}
	return l.Bucket.ListUploads(ctx, prefix)
}

func (l lacking) Complete(ctx context.Context, u objectstore.Upload, parts []objectstore.Part) (string, error) {
	if l.what == "conditional completion" {
		_ = l.Delete(ctx, u.Name)
	}
	return l.Bucket.Complete(ctx, u, parts)
}

func (l lacking) Get(ctx context.Context, name string) ([]byte, objectstore.Info, error) {
	data, info, err := l.Bucket.Get(ctx, name)
	if l.what == "bytes" && err == nil {
		data = data[:0]
	}
	return data, info, err
}

func TestProbeRefuses(t *testing.T) {
	for what, named := range map[string]string{
		"If-None-Match": "If-None-Match", "If-Match": "If-Match", "any If-Match": "If-Match", "listing uploads": "listing uploads",
		"the time of uploads": "when they were begun", "conditional completion": "complete an upload", "bytes": "as it was put",
	} {
		t.Run("lacks="+strings.ReplaceAll(what, " ", "-"), func(t *testing.T) {
			store := sims3.New()
			err := objectstore.Probe(t.Context(), lacking{store.Client(nil), what}, "_chatferry", "x")
			if err == nil || !strings.Contains(err.Error(), named) || chatferry.KindOf(err) != chatferry.KindEnvironment {
				t.Errorf("got %v, want one that names %q", err, named)
			}
			if !strings.Contains(chatferry.HintOf(err), "--single-writer") {
				t.Errorf("the hint is %q", chatferry.HintOf(err))
			}
			if len(store.Files(".")) != 0 || len(store.Uploads()) != 0 {
				t.Errorf("left behind: %v, %v", store.Files("."), store.Uploads())
			}
		})
	}
}

// A store that cannot be asked is not called one that lacks something; and an answer that is lost fails no probe.
func TestProbeFaults(t *testing.T) {
	for at := 1; at <= 20; at++ {
		for name, fault := range map[string]sims3.Fault{
			"down": {Lost: true}, "denied": {Status: 403, Code: "AccessDenied"}, "lost once": {Lost: true, Applied: true},
		} {
			store := sims3.New()
			plan := sims3.Plan{At: at, Reads: true, Forever: name != "lost once", Fault: fault}
			o := store.Serve(t, plan.Hook())
			b, err := awss3.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			err = objectstore.Probe(t.Context(), b, "_chatferry", "x")
			switch kind := chatferry.KindOf(err); {
			case strings.Contains(chatferry.HintOf(err), "--single-writer"):
				t.Errorf("%s at %d: %v", name, at, err)
			case name == "down" && err != nil && kind != chatferry.KindTemporary, name == "denied" && err != nil && kind != chatferry.KindEnvironment:
				t.Errorf("%s at %d: kind %v: %v", name, at, kind, err)
			case name == "lost once" && err != nil:
				t.Errorf("%s at %d: %v", name, at, err)
			case name != "lost once" && err == nil && at < 12:
				t.Errorf("%s at %d was not seen", name, at)
			}
		}
	}
}

// With SingleWriter a store that ignores conditions passes.
func TestProbeSingleWriter(t *testing.T) {
	store := sims3.New()
	handler := store.Handler(nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("If-None-Match")
		if r.Method == http.MethodPut {
			r.Header.Del("If-Match")
		}
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	o := store.Serve(t, nil)
	o.Endpoint = server.URL
	for _, single := range []bool{false, true} {
		o.SingleWriter = single
		b, err := awss3.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		err = objectstore.Probe(t.Context(), b, "_chatferry", "x")
		if (err == nil) != single || errors.Is(err, objectstore.ErrUnreachable) {
			t.Errorf("single writer %v: %v", single, err)
		}
	}
}
