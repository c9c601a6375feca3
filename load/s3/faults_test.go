package s3_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"chatferry/checkpoint/objectstore"
	"chatferry/checkpoint/objectstore/awss3"
	"chatferry/checkpoint/objectstore/realserver"
	"chatferry/checkpoint/objectstore/sims3"
	"chatferry/load"
)

var seeds = flag.Int("s3-seeds", 50, "how many random schedules of faults are tried")

// fault is what becomes of one request.
type fault string

const (
	none     fault = ""
	refused  fault = "refused before"
	lost     fault = "applied, the answer lost"
	late     fault = "applied late"
	broken   fault = "500"
	brokenOn fault = "500 although applied"
	slowDown fault = "503 SlowDown"
	slow     fault = "slow"
	conflict fault = "409"
	failed   fault = "412"
	okError  fault = "200 with an error body"
	cutOff   fault = "truncated body"
	wrongSum fault = "wrong checksum"
	torn     fault = "a bit flipped on the way"
)

var faults = []fault{
	refused, lost, late, broken, brokenOn, slowDown, slow, conflict, failed, okError, cutOff, wrongSum, torn,
}

// lag is how many requests a late one lets pass.
const lag = 3

// kind is a kind of request that the Store makes, as S3 calls it.
type kind string

const (
	createUpload kind = "CreateMultipartUpload"
	uploadPart   kind = "UploadPart"
	complete     kind = "CompleteMultipartUpload"
	abort        kind = "AbortMultipartUpload"
	listParts    kind = "ListParts"
	listUploads  kind = "ListMultipartUploads"
	head         kind = "HeadObject"
	get          kind = "GetObject"
	remove       kind = "DeleteObject"
)

var kinds = []kind{createUpload, uploadPart, complete, abort, listParts, listUploads, head, get, remove}

// suits reports whether a fault can happen to a kind of request: an answer without a body holds no error, cannot be cut
// and has no sum; of all requests one has bytes that can be flipped.
func (f fault) suits(k kind) bool {
	switch f {
	case okError, cutOff:
		return k != head && k != remove && k != abort && (f != cutOff || k != uploadPart)
	case wrongSum:
		return k == uploadPart || k == head || k == listParts || k == get
	case torn:
		return k == uploadPart
	}
	return true
}

// plan says what becomes of the n-th request of a kind, counted from 0.
type plan func(k kind, n int) fault

// counter follows a plan.
type counter struct {
	mu   sync.Mutex
	plan plan
	seen map[kind]int
}

func (c *counter) begin(p plan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan, c.seen = p, map[kind]int{}
}

// end breaks nothing from now on.
func (c *counter) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan = func(kind, int) fault { return none }
}

func (c *counter) next(k kind) fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.seen[k]
	c.seen[k]++
	if f := c.plan(k, n); f.suits(k) {
		return f
	}
	return none
}

// ground is a store of S3 whose requests can be broken.
type ground interface {
	// carry carries a Part on new machines, its first file in two parts if large, and returns how many steps had to be repeated and how
	// often each kind of request was made.
	carry(t *testing.T, large bool, p plan) (repeated int, seen map[kind]int)
}

// setting is what a carriage runs on.
type setting struct {
	first, other, truth objectstore.Bucket
	heal                func() error
	partBytes           int64
}

func (s setting) carry(t *testing.T, large bool) (repeated int) {
	temp := t.TempDir()
	machine := func(b objectstore.Bucket) load.Store {
		store := newStore(t, b, temp)
		store.SetPartBytes(s.partBytes)
		return store
	}
	names := files()
	c := &carriage{
		t: t, first: machine(s.first), other: machine(s.other), truth: s.truth, heal: s.heal,
		data: map[string][]byte{names[0]: []byte("rows"), names[1]: {}, names[2]: []byte(`{"reject":1}`)},
	}
	if large {
		c.data[names[0]] = bytes.Repeat([]byte("0123456789abcdef"), int(s.partBytes)/16+7)
	}
	if err := c.run(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left on the local disk: %v, %v", left, err)
	}
	return c.repeated
}

// simulated is a bucket in memory, whose clients send every request once.
type simulated struct{}

func (simulated) carry(t *testing.T, large bool, p plan) (repeated int, seen map[kind]int) {
	const part = 64
	var c counter
	c.begin(p)
	sim := sims3.New()
	sim.MinPart, sim.PageSize = part, 2
	hook := func(op sims3.Op) sims3.Fault { return c.next(kind(op.Do)).simulate() }
	repeated = setting{
		first: sim.Client(hook), other: sim.Client(hook), truth: sim.Client(nil), partBytes: part,
		heal: func() error {
			c.end()
			sim.Settle()
			return nil
		},
	}.carry(t, large)
	return repeated, c.seen
}

// simulate is the fault as package sims3 has it. It has no slow answers, and its answers have no sums to be wrong.
func (f fault) simulate() sims3.Fault {
	switch f {
	case refused:
		return sims3.Fault{Lost: true}
	case lost:
		return sims3.Fault{Lost: true, Applied: true}
	case late:
		return sims3.Fault{Lost: true, Late: lag}
	case broken:
		return sims3.Fault{Status: http.StatusInternalServerError, Code: "InternalError"}
	case brokenOn:
		return sims3.Fault{Status: http.StatusInternalServerError, Code: "InternalError", Applied: true}
	case slowDown:
		return sims3.Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown"}
	case conflict:
		return sims3.Fault{Status: http.StatusConflict, Code: "ConditionalRequestConflict"}
	case failed:
		return sims3.Fault{Status: http.StatusPreconditionFailed, Code: "PreconditionFailed"}
	case okError:
		return sims3.Fault{Status: http.StatusOK, Code: "InternalError"}
	case cutOff:
		return sims3.Fault{Cut: true}
	case torn:
		return sims3.Fault{Corrupt: true}
	}
	return sims3.Fault{}
}

// real is a real server behind a proxy that breaks requests; the SDK of AWS sends each of them twice.
type real struct {
	server *realserver.Server
	proxy  *proxy
	runs   int
}

func newReal(t *testing.T) *real {
	server := realserver.Start(t)
	return &real{server: server, proxy: newProxy(t, server.Endpoint)}
}

func (r *real) carry(t *testing.T, large bool, p plan) (repeated int, seen map[kind]int) {
	r.runs++
	o := r.server.Options(fmt.Sprintf("run/%d", r.runs))
	truth := open(t, o)
	o.Endpoint, o.Attempts, o.MaxBackoff = r.proxy.url, 2, time.Nanosecond
	r.proxy.begin(p)
	repeated = setting{
		first: open(t, o), other: open(t, o), truth: truth, partBytes: objectstore.MinPart, heal: func() error { r.proxy.heal(); return nil },
	}.carry(t, large)
	return repeated, r.proxy.seen
}

func open(t *testing.T, o awss3.Options) *awss3.Bucket {
	t.Helper()
	b, err := awss3.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every fault hits every kind of request, the first, one in the middle and the last, once, and from then on until the
// store has recovered. What is published in the end is what was built, and nothing else is left.
func TestEveryFaultOfEveryRequest(t *testing.T) {
	t.Run("simulated", func(t *testing.T) { everyFault(t, simulated{}, false) })
	t.Run("versitygw", func(t *testing.T) { everyFault(t, newReal(t), *seeds <= 50) })
}

// everyFault tries all of them on one ground. To be brief it leaves out the middle, and faults that last but not from the
// first request on.
func everyFault(t *testing.T, g ground, brief bool) {
	runs, repeated := 0, 0
	for _, k := range kinds {
		large := k == uploadPart
		_, seen := g.carry(t, large, func(kind, int) fault { return none })
		if seen[k] == 0 {
			t.Errorf("no %s was made", k)
		}
		var at []int
		for i, n := range []int{0, seen[k] / 2, seen[k] - 1} {
			if !slices.Contains(at, n) && (i != 1 || !brief) {
				at = append(at, n)
			}
		}
		for _, f := range faults {
			if !f.suits(k) {
				continue
			}
			for i, n := range at {
				for _, forever := range []bool{false, true} {
					if brief && forever && i > 0 {
						continue
					}
					n, _ := g.carry(t, large, func(on kind, i int) fault {
						if on == k && (i == n || forever && i > n) {
							return f
						}
						return none
					})
					repeated += n
					runs++
					if t.Failed() {
						t.Fatalf("the fault was %q of request %d of kind %s, for ever: %v", f, n, k, forever)
					}
				}
			}
		}
	}
	t.Logf("%d runs, %d steps had to be repeated", runs, repeated)
	if repeated == 0 {
		t.Error("no fault was noticed")
	}
}

// Faults of all kinds hit at random, several in one run. A real server is slow: there is none for a large number of seeds.
func TestRandomFaults(t *testing.T) {
	t.Run("simulated", func(t *testing.T) { randomFaults(t, simulated{}, *seeds) })
	t.Run("versitygw", func(t *testing.T) { randomFaults(t, newReal(t), min(*seeds, 500)) })
}

func randomFaults(t *testing.T, g ground, seeds int) {
	repeated := 0
	for seed := range uint64(seeds) {
		rnd := rand.New(rand.NewPCG(seed, 13))
		rate := 0.05 + 0.4*rnd.Float64()
		hit := map[string]fault{}
		n, _ := g.carry(t, seed%8 == 0, func(k kind, n int) fault {
			if rnd.Float64() >= rate {
				return none
			}
			f := faults[rnd.IntN(len(faults))]
			hit[fmt.Sprintf("%s %d", k, n)] = f
			return f
		})
		repeated += n
		if t.Failed() {
			t.Fatalf("seed %d: %v", seed, hit)
		}
	}
	t.Logf("%d seeds, %d steps had to be repeated", seeds, repeated)
	if repeated == 0 && seeds > 10 {
		t.Error("no fault was noticed")
	}
}
