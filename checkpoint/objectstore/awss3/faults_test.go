package awss3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/checkpoint/objectstore/awss3"
	"chatferry/checkpoint/objectstore/sims3"
)

// ground is a bucket with an object "there", an upload of one part to "staged", and nothing else.
type ground struct {
	store  *sims3.Store
	etag   string
	upload objectstore.Upload
	parts  []objectstore.Part
}

func newGround(t *testing.T) *ground {
	t.Helper()
	g := &ground{store: sims3.New()}
	c := g.store.Client(nil)
	var err error
	if g.etag, err = c.PutIfAbsent(t.Context(), "there", []byte("old")); err != nil {
		t.Fatal(err)
	}
	if g.upload, err = c.CreateUpload(t.Context(), "staged"); err != nil {
		t.Fatal(err)
	}
	part, err := c.UploadPart(t.Context(), g.upload, 1, strings.NewReader("rows"), 4, sha256.Sum256([]byte("rows")))
	if err != nil {
		t.Fatal(err)
	}
	g.parts = []objectstore.Part{part}
	return g
}

func (g *ground) holds(name, text string) bool {
	data, ok := g.store.Files(".")[name]
	return ok && string(data) == text
}

// calls are all calls of a Bucket, and whether what they are for is done.
var calls = []struct {
	op      string
	do      func(ctx context.Context, b objectstore.Bucket, g *ground) error
	done    func(g *ground) bool
	again   error // what a call is told whose first request was carried out and whose second was answered
	leftone bool  // a second request leaves a second upload
}{
	{"PutObject", func(ctx context.Context, b objectstore.Bucket, g *ground) error {
		_, err := b.PutIfAbsent(ctx, "new", []byte("new"))
		return err
	}, func(g *ground) bool { return g.holds("new", "new") }, objectstore.ErrExist, false},
	{"PutObject", func(ctx context.Context, b objectstore.Bucket, g *ground) error {
		_, err := b.PutIfMatch(ctx, "there", []byte("new"), g.etag)
		return err
	}, func(g *ground) bool { return g.holds("there", "new") }, objectstore.ErrChanged, false},
	{"GetObject", func(ctx context.Context, b objectstore.Bucket, g *ground) error {
		data, _, err := b.Get(ctx, "there")
		if err == nil && string(data) != "old" {
			return errors.New("it read " + string(data))
		}
		return err
	}, nil, nil, false},
	{"HeadObject", func(ctx context.Context, b objectstore.Bucket, g *ground) error {
		info, err := b.Head(ctx, "there")
		if err == nil && info.ETag != g.etag {
			return errors.New("it was told " + info.ETag)
		}
		return err
	}, nil, nil, false},
	{"ListObjectsV2", func(ctx context.Context, b objectstore.Bucket, g *ground) error {
		n := 0
		for _, err := range b.List(ctx, "", "") {
			if err != nil {
				return err
			}
			n++
		}
		if n != 1 {
			return errors.New("it listed other objects")
		}
		return nil
	}, nil, nil, false},
	{"DeleteObject", func(ctx context.Context, b objectstore.Bucket, g *ground) error {
		return b.Delete(ctx, "there")
	}, func(g *ground) bool { return !g.holds("there", "old") }, nil, false},
	{"CreateMultipartUpload", func(ctx context.Context, b objectstore.Bucket, g *ground) error {
		_, err := b.CreateUpload(ctx, "new")
		return err
	}, func(g *ground) bool { return len(g.store.Uploads()) >= 2 }, nil, true},
	{"UploadPart", func(ctx context.Context, b objectstore.Bucket, g *ground) error {
		_, err := b.UploadPart(ctx, g.upload, 1, strings.NewReader("more"), 4, sha256.Sum256([]byte("more")))
		return err
	}, func(g *ground) bool {
		data, _ := g.store.Uploaded(g.upload.ID)
		return string(data) == "more"
	}, nil, false},
	{"ListMultipartUploads", func(ctx context.Context, b objectstore.Bucket, g *ground) error {
		n := 0
		for _, err := range b.ListUploads(ctx, "") {
			if err != nil {
				return err
			}
			n++
		}
		if n != 1 {
			return errors.New("it listed other uploads")
		}
		return nil
	}, nil, nil, false},
	{"ListParts", func(ctx context.Context, b objectstore.Bucket, g *ground) error {
		parts, err := b.ListParts(ctx, g.upload)
		if err == nil && len(parts) != 1 {
			return errors.New("it listed other parts")
		}
		return err
	}, nil, nil, false},
	{"CompleteMultipartUpload", func(ctx context.Context, b objectstore.Bucket, g *ground) error {
		_, err := b.Complete(ctx, g.upload, g.parts)
		return err
	}, func(g *ground) bool { return g.holds("staged", "rows") }, objectstore.ErrNoUpload, false},
	{"AbortMultipartUpload", func(ctx context.Context, b objectstore.Bucket, g *ground) error {
		return b.Abort(ctx, g.upload)
	}, func(g *ground) bool { return len(g.store.Uploads()) == 0 }, nil, false},
}

func open(t *testing.T, o awss3.Options) *awss3.Bucket {
	t.Helper()
	b, err := awss3.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every call meets every fault once. The next request of the SDK succeeds, or is told what the first one did: never is
// success told of what was not done, nor plain failure of what was.
func TestOneFault(t *testing.T) {
	faults := map[string]sims3.Fault{
		"refused":          {Lost: true},
		"answer lost":      {Lost: true, Applied: true},
		"done late":        {Late: 1},
		"done much later":  {Late: 100},
		"500":              {Status: 500, Code: "InternalError"},
		"500 but done":     {Status: 500, Code: "InternalError", Applied: true},
		"503":              {Status: 503, Code: "SlowDown"},
		"409":              {Status: 409, Code: "ConditionalRequestConflict"},
		"error in a 200":   {Status: 200, Code: "InternalError"},
		"error in a done":  {Status: 200, Code: "InternalError", Applied: true},
		"cut":              {Cut: true},
		"spoilt":           {Corrupt: true},
		"429":              {Status: 429, Code: "TooManyRequests"},
		"a gateway's page": {Status: 502, Code: "<html>"},
	}
	for name, fault := range faults {
		for _, c := range calls {
			if fault.Status == 200 && !strings.HasSuffix(c.op, "MultipartUpload") {
				continue // only work that takes long is answered before it is done
			}
			t.Run("fault="+strings.ReplaceAll(name, " ", "-")+"/call="+c.op, func(t *testing.T) {
				g := newGround(t)
				var struck atomic.Bool
				b := open(t, g.store.Serve(t, func(op sims3.Op) sims3.Fault {
					if op.N > 1 {
						return sims3.Fault{}
					}
					struck.Store(op.Do == c.op)
					return fault
				}))
				err := c.do(t.Context(), b, g)
				if !struck.Load() {
					t.Fatal("it was not struck")
				}
				doneFirst := fault.Applied || fault.Late == 1 || fault.Cut
				switch {
				case fault.Corrupt && (c.op == "PutObject" || c.op == "UploadPart"):
					if !errors.Is(err, objectstore.ErrDamaged) || c.done(g) {
						t.Errorf("spoilt bytes: %v, done: %v", err, c.done(g))
					}
					return
				case err == nil:
				case c.again == nil || !doneFirst || !errors.Is(err, c.again):
					t.Errorf("it ended with %v", err)
				}
				if c.done != nil && !c.done(g) {
					t.Errorf("it ended with %v, but was not done", err)
				}
				g.store.Settle()
				if c.done != nil && !c.done(g) {
					t.Error("the late request undid it")
				}
				if c.leftone && doneFirst != (len(g.store.Uploads()) == 3) && fault.Late != 100 {
					t.Errorf("%d uploads are open", len(g.store.Uploads()))
				}
			})
		}
	}
}

// What lasts is told as what it is, with its Kind and a hint that a person can follow.
func TestLastingFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		fault sims3.Fault
		means error
		kind  chatferry.Kind
		hint  string
	}{
		"lost":        {sims3.Fault{Lost: true}, objectstore.ErrUnreachable, chatferry.KindTemporary, "resume"},
		"500":         {sims3.Fault{Status: 500, Code: "InternalError"}, objectstore.ErrUnreachable, chatferry.KindTemporary, "resume"},
		"503":         {sims3.Fault{Status: 503, Code: "SlowDown"}, objectstore.ErrUnreachable, chatferry.KindTemporary, "resume"},
		"409":         {sims3.Fault{Status: 409, Code: "OperationAborted"}, objectstore.ErrConflict, chatferry.KindTemporary, "resume"},
		"denied":      {sims3.Fault{Status: 403, Code: "AccessDenied"}, objectstore.ErrDenied, chatferry.KindEnvironment, "s3:"},
		"keys":        {sims3.Fault{Status: 403, Code: "InvalidAccessKeyId"}, objectstore.ErrCredentials, chatferry.KindEnvironment, "AWS_PROFILE"},
		"expired":     {sims3.Fault{Status: 400, Code: "ExpiredToken"}, objectstore.ErrCredentials, chatferry.KindEnvironment, "AWS_PROFILE"},
		"no bucket":   {sims3.Fault{Status: 404, Code: "NoSuchBucket"}, objectstore.ErrNoBucket, chatferry.KindEnvironment, "create the bucket"},
		"region":      {sims3.Fault{Status: 301, Code: "PermanentRedirect"}, objectstore.ErrRegion, chatferry.KindEnvironment, "AWS_REGION"},
		"no such way": {sims3.Fault{Status: 501, Code: "NotImplemented"}, nil, chatferry.KindEnvironment, "remove the cause"},
	} {
		for _, c := range calls {
			// The answers to it have no body, and so no code. Why it is refused a GET is asked.
			asked := c.op == "HeadObject" && (tt.fault.Status == 400 || tt.fault.Status == 403)
			if c.op == "HeadObject" && (tt.means == objectstore.ErrNoBucket || tt.means == objectstore.ErrRegion) {
				continue
			}
			t.Run("fault="+strings.ReplaceAll(name, " ", "-")+"/call="+c.op, func(t *testing.T) {
				g := newGround(t)
				var requests atomic.Int32
				b := open(t, g.store.Serve(t, func(sims3.Op) sims3.Fault {
					requests.Add(1)
					return tt.fault
				}))
				err := c.do(t.Context(), b, g)
				if err == nil || tt.means != nil && !errors.Is(err, tt.means) {
					t.Fatalf("got %v", err)
				}
				var e *objectstore.Error
				if !errors.As(err, &e) || e.Op != c.op || !strings.HasPrefix(e.Place, "s3://simulated") {
					t.Errorf("it names neither call nor place: %v", err)
				}
				again := tt.kind == chatferry.KindTemporary
				if n := requests.Load(); (again || asked) != (n > 1) || asked && n > 2 {
					t.Errorf("%d requests", n)
				}
				if ambiguous := again && tt.means == objectstore.ErrUnreachable && c.done != nil; errors.Is(err, objectstore.ErrAmbiguous) != ambiguous {
					t.Errorf("ambiguous or not: %v", err)
				}
				told := objectstore.Explain("do", "something", err)
				if chatferry.KindOf(told) != tt.kind || !strings.Contains(chatferry.HintOf(told), tt.hint) {
					t.Errorf("kind %v, hint %q", chatferry.KindOf(told), chatferry.HintOf(told))
				}
			})
		}
	}
}

// A store that does not answer is given up by the silence on the connection, and a caller that is told to stop at once.
func TestSilence(t *testing.T) {
	for _, c := range calls {
		t.Run("call="+c.op, func(t *testing.T) {
			g := newGround(t)
			silent := g.store.Serve(t, func(sims3.Op) sims3.Fault { return sims3.Fault{Silent: true} })
			silent.Attempts, silent.Idle = 2, time.Millisecond
			if err := c.do(t.Context(), open(t, silent), g); !errors.Is(err, objectstore.ErrUnreachable) {
				t.Errorf("in silence it ended with %v", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			err := c.do(ctx, open(t, g.store.Serve(t, func(sims3.Op) sims3.Fault {
				cancel()
				return sims3.Fault{Silent: true, Applied: true}
			})), g)
			if !errors.Is(err, context.Canceled) || errors.Is(err, objectstore.ErrUnreachable) {
				t.Errorf("told to stop it ended with %v", err)
			}
			if errors.Is(err, objectstore.ErrAmbiguous) != (c.done != nil) {
				t.Errorf("ambiguous or not: %v", err)
			}
		})
	}
}

// A body that breaks off is an error, never the end of the object.
func TestBrokenBody(t *testing.T) {
	g := newGround(t)
	b := open(t, g.store.Serve(t, func(sims3.Op) sims3.Fault { return sims3.Fault{Cut: true} }))
	for _, n := range []int64{-1, 3} {
		body, info, err := b.GetRange(t.Context(), "there", 0, n, "")
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(body)
		if !errors.Is(err, objectstore.ErrUnreachable) || len(data) != 1 || info.Size != 3 {
			t.Errorf("read %q of %d bytes with %v", data, info.Size, err)
		}
		body.Close()
	}
	if _, _, err := b.Get(t.Context(), "there"); !errors.Is(err, objectstore.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}

// Parts are read again for every request, from where they stood.
func TestPartIsSentAgain(t *testing.T) {
	g := newGround(t)
	b := open(t, g.store.Serve(t, sims3.Plan{At: 1, Fault: sims3.Fault{Lost: true}}.Hook()))
	body := bytes.NewReader([]byte("skipped rows"))
	if _, err := body.Seek(8, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if _, err := b.UploadPart(t.Context(), g.upload, 1, body, 4, sha256.Sum256([]byte("rows"))); err != nil {
		t.Fatal(err)
	}
	if data, _ := g.store.Uploaded(g.upload.ID); string(data) != "rows" {
		t.Errorf("uploaded %q", data)
	}
}
