package endtoend

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// refusedWith runs the program and holds its exit code and the sentence that it ends with against what they must be.
func (r *bucketRig) refusedWith(t *testing.T, when string, code int, says []string, args ...string) {
	t.Helper()
	o, e := callJSON(t, args...)
	if o.ExitCode != code || o.Error == nil {
		t.Errorf("%s: ended with %d, want %d: %s%s", when, o.ExitCode, code, e.stdout, e.stderr)
		return
	}
	told := o.Error.Message + "; " + o.Error.Hint
	for _, want := range says {
		if !strings.Contains(told, want) {
			t.Errorf("%s: it says %q, and not %q", when, told, want)
		}
	}
	if strings.ContainsAny(strings.TrimSpace(o.Error.Message), "\n\r") {
		t.Errorf("%s: %q is more than one sentence", when, o.Error.Message)
	}
	if strings.Contains(e.stdout+e.stderr, r.server.SecretKey) {
		t.Errorf("%s: the secret key is in what it says", when)
	}
}

// What is wrong with the way to the store is told before anything is done.
func TestS3Misconfigured(t *testing.T) {
	r := newBucketRig(t, chatsAlone...)
	elsewhere := func(header http.Header, status int, code string) s3Rule {
		return func(c *s3Call, _ func() *s3Answer) *s3Answer {
			a := s3Refusal(c, status, code, "on purpose")
			for name, values := range header {
				a.header[name] = values
			}
			return a
		}
	}
	for _, tt := range []struct {
		name string
		root string
		env  map[string]string
		rule s3Rule
		says []string
	}{
		{"no such bucket", "s3://nowhere-at-all/x", nil, nil, []string{"s3://nowhere-at-all", "create the bucket"}},
		{"wrong secret", "", map[string]string{"AWS_SECRET_ACCESS_KEY": "wrong"}, nil, []string{"credentials", "AWS_SECRET_ACCESS_KEY"}},
		{"unknown key", "", map[string]string{"AWS_ACCESS_KEY_ID": "nobody"}, nil, []string{"credentials", "AWS_ACCESS_KEY_ID"}},
		{"no credentials", "", map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, nil, []string{"AWS_ACCESS_KEY_ID"}},
		{
			"wrong region", "", nil,
			elsewhere(http.Header{"X-Amz-Bucket-Region": {"eu-west-3"}}, http.StatusMovedPermanently, "PermanentRedirect"),
			[]string{"set AWS_REGION to eu-west-3"},
		},
		{
			"region that is not told", "", nil,
			elsewhere(nil, http.StatusBadRequest, "AuthorizationHeaderMalformed"),
			[]string{"set AWS_REGION to the region of the bucket"},
		},
		{"wrong clock", "", nil, elsewhere(nil, http.StatusForbidden, "RequestTimeTooSkewed"), []string{"set the clock"}},
		{"no profile", "", map[string]string{"AWS_PROFILE": "nobody"}, nil, []string{"AWS_PROFILE"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r.proxy.keep(tt.rule)
			defer r.proxy.keep(nil)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			root := tt.root
			if root == "" {
				root = r.root("wrong")
			}
			r.refusedWith(t, tt.name, 3, tt.says, r.args("run", "--from", r.dump, "--to", root)...)
		})
	}
	if names := r.names(t, "wrong"); len(names) > 0 {
		t.Errorf("there is %v", names)
	}
}

// A policy that lacks an action, or loses it while a run works: the action is named, and
// once it is allowed the run goes on to what an undisturbed one leaves.
func TestS3Denied(t *testing.T) {
	r := newBucketRig(t, chatsAlone...)
	var mu sync.Mutex
	asked := map[string]int{}
	r.proxy.keep(func(c *s3Call, carry func() *s3Answer) *s3Answer {
		mu.Lock()
		asked[c.op]++
		mu.Unlock()
		// The policy allows what begins with the root. Only the list of uploads cannot be told so.
		below := c.key
		if c.op == "ListObjectsV2" {
			below = c.r.URL.Query().Get("prefix")
		}
		if c.op != "ListMultipartUploads" && !strings.HasPrefix(below, "allowed/") {
			t.Errorf("%s is asked for %q", c.op, below)
		}
		return carry()
	})
	if e := r.run(t, r.root("allowed"), ""); e.code != r.wantExit {
		t.Fatalf("ended with %d: %s", e.code, e.stderr)
	}
	r.proxy.requests()
	t.Logf("requests: %v", asked)
	actions := map[string]string{
		"GetObject": "s3:GetObject", "HeadObject": "s3:GetObject", "ListObjectsV2": "s3:ListBucket", "PutObject": "s3:PutObject",
		"CreateMultipartUpload": "s3:PutObject", "UploadPart": "s3:PutObject", "CompleteMultipartUpload": "s3:PutObject",
		"ListMultipartUploads": "s3:ListBucketMultipartUploads", "ListParts": "s3:ListMultipartUploadParts",
		"AbortMultipartUpload": "s3:AbortMultipartUpload", "DeleteObject": "s3:DeleteObject",
	}
	for op := range asked {
		if actions[op] == "" {
			t.Errorf("the program asks for %s, and no policy is known that allows it", op)
		}
	}
	rng := rand.New(rand.NewPCG(*killsSeed, 11))
	for _, op := range slices.Sorted(maps.Keys(actions)) {
		from, n := 1, 0
		if rng.IntN(2) == 0 {
			from = asked[op]/2 + 1
		}
		name, when := "denied/"+op, fmt.Sprintf("seed %d, %s denied from the %d. on", *killsSeed, op, from)
		r.proxy.keep(func(c *s3Call, carry func() *s3Answer) *s3Answer {
			mu.Lock()
			if c.op == op {
				n++
			}
			denied := c.op == op && n >= from
			mu.Unlock()
			if !denied {
				return carry()
			}
			return s3Refusal(c, http.StatusForbidden, "AccessDenied", "Access Denied")
		})
		r.refusedWith(t, when, 3, []string{actions[op]}, r.args("run", "--from", r.dump, "--to", r.root(name))...)
		r.proxy.requests()
		r.proxy.keep(nil)
		if e := call(t, "", r.goOn(t, name)...); e.code != r.wantExit {
			t.Errorf("%s: allowed again it ended with %d: %s", when, e.code, e.stderr)
		}
		r.holds(t, when, name, r.want)
	}
}

// Credentials that expire while a run works end it with 3; with new ones it goes on.
func TestS3CredentialsExpire(t *testing.T) {
	r := newBucketRig(t, chatsAlone...)
	rng := rand.New(rand.NewPCG(*killsSeed, 9))
	for round := range 4 {
		at, name := 20+rng.IntN(200), fmt.Sprintf("expired%d", round)
		when := fmt.Sprintf("seed %d, expired at request %d", *killsSeed, at)
		r.proxy.keep(func(c *s3Call, carry func() *s3Answer) *s3Answer {
			if c.n < at {
				return carry()
			}
			return s3Refusal(c, http.StatusBadRequest, "ExpiredToken", "The provided token has expired.")
		})
		r.refusedWith(t, when, 3, []string{"credentials"}, r.args("run", "--from", r.dump, "--to", r.root(name))...)
		r.proxy.requests()
		r.proxy.keep(nil)
		if e := call(t, "", r.goOn(t, name)...); e.code != r.wantExit {
			t.Errorf("%s: with new ones it ended with %d: %s", when, e.code, e.stderr)
		}
		r.holds(t, when, name, r.want)
	}
}

// Uploads that were committed and not published, and that a lifecycle rule has removed since: their range is read again.
func TestS3LifecycleRemovesUploads(t *testing.T) {
	r := newBucketRig(t)
	for _, table := range []string{"chats", "chats/part-r"} {
		name := "aborted-" + table[len("chats"):]
		k := newCommits(t, r.bucket(t, name))
		cmd := command(t, "", r.args("run", "--from", r.dump, "--to", r.root(name))...)
		r.proxy.keep(func(c *s3Call, carry func() *s3Answer) *s3Answer {
			if c.op == "CompleteMultipartUpload" && strings.Contains(c.key, "/tables/"+table) {
				return killedAt(cmd, false, nil)
			}
			return k.watch(c, carry)
		})
		if e := endOf(t, cmd, cmd.Run()); e.signal != syscall.SIGKILL {
			t.Fatalf("%s: ended with %d: %s", table, e.code, e.stderr)
		}
		r.proxy.requests()
		bucket := r.bucket(t, name)
		aborted := 0
		for u, err := range bucket.ListUploads(t.Context(), "") {
			if err == nil {
				err = bucket.Abort(t.Context(), u)
			}
			if err != nil {
				t.Fatal(err)
			}
			if k.sum(u.Name) != "" {
				aborted++
			}
		}
		if aborted == 0 {
			t.Fatalf("%s: no upload was committed and not published", table)
		}
		r.proxy.keep(k.watch)
		if e := call(t, "", r.goOn(t, name)...); e.code != r.wantExit {
			t.Errorf("%s: resumed it ended with %d: %s", table, e.code, e.stderr)
		}
		r.proxy.requests()
		seen := k.pass(table)
		if row := seen.missing(r.rows); row != "" {
			t.Errorf("%s is lost: %s", table, row)
		}
		if row := r.rows.missing(seen); row != "" {
			t.Errorf("%s beyond them there is %s", table, row)
		}
		if row := seen.more(1); row != "" {
			t.Errorf("%s there is %s", table, row)
		}
		if open := uploadsOf(t, bucket); len(open) > 0 {
			t.Errorf("%s uploads are open: %v", table, open)
		}
	}
}

// A store that takes no notice of If-None-Match is refused by name; --single-writer does without.
func TestS3WithoutConditionalWrites(t *testing.T) {
	r := newBucketRig(t, chatsAlone...)
	r.proxy.keep(func(c *s3Call, carry func() *s3Answer) *s3Answer {
		r.proxy.without(c, "If-None-Match")
		return carry()
	})
	args := r.args("run", "--from", r.dump, "--to", r.root("lacking"))
	r.refusedWith(t, "without If-None-Match", 3, []string{"If-None-Match", "--single-writer"}, args...)
	for _, name := range r.names(t, "lacking") {
		if name != "_chatferry/lock.json" {
			t.Errorf("refused, it left %s", name)
		}
	}
	o, e := callJSON(t, append(args, "--single-writer")...)
	if o.ExitCode != r.wantExit {
		t.Errorf("with --single-writer it ended with %d: %s", o.ExitCode, e.stderr)
	}
	r.holds(t, "with --single-writer", "lacking", r.want)
}

// A store that is busy now and then, breaks connections, and thinks for a while, is asked again until the run is done.
func TestS3BusyAndSlow(t *testing.T) {
	r := newBucketRig(t, chatsAlone...)
	rng := rand.New(rand.NewPCG(*killsSeed, 10))
	var mu sync.Mutex
	bad := 0
	r.proxy.keep(func(c *s3Call, carry func() *s3Answer) *s3Answer {
		mu.Lock()
		fault := rng.IntN(120)
		if fault < 4 {
			bad++
		}
		mu.Unlock()
		busy := s3Refusal(c, http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
		switch fault {
		case 0:
			return busy // it was not carried out
		case 1:
			carry()
			return busy // it was
		case 2:
			carry()
			return nil
		case 3:
			time.Sleep(200 * time.Millisecond)
		}
		return carry()
	})
	if e := r.run(t, r.root("busy"), ""); e.code != r.wantExit {
		t.Errorf("ended with %d: %s", e.code, e.stderr)
	}
	t.Logf("seed %d; %d of %d requests went wrong", *killsSeed, bad, r.proxy.requests())
	r.holds(t, "busy", "busy", r.want)
}
