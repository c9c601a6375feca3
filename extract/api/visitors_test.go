package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatferry"
)

// idList is an IDs over a sorted list.
type idList []string

func (l idList) Next(_ context.Context, after string, n int) ([]string, error) {
	i, _ := slices.BinarySearch(l, after+"\x00")
	return slices.Clone(l[i:min(len(l), i+n)]), nil
}

// visitorsDesk answers for visitors as tell says: a status and a body for an id. It notes who was asked for.
type visitorsDesk struct {
	tell func(id string) (int, string)

	mu    sync.Mutex
	asked []string
}

func (d *visitorsDesk) Now() time.Time { return noon }

func (d *visitorsDesk) Get(ctx context.Context, path string, _ url.Values, check func([]byte) error) (*Answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	id, ok := strings.CutPrefix(path, "visitors/")
	if !ok {
		return nil, fmt.Errorf("asked for %s", path)
	}
	d.mu.Lock()
	d.asked = append(d.asked, id)
	d.mu.Unlock()
	status, body := d.tell(id)
	switch status {
	case 200:
		if err := check([]byte(body)); err != nil {
			return nil, &chatferry.Error{Kind: chatferry.KindTemporary, Err: err}
		}
		return &Answer{Body: []byte(body), Requests: 1}, nil
	case 0:
		return nil, &chatferry.Error{Kind: chatferry.KindTemporary, Err: errors.New("the API is away")}
	}
	return nil, &StatusError{Status: status, Path: path}
}

func visitorRecord(id string) string { return fmt.Sprintf(`{"id":%q, "name":"x"}`, id) }

func visitorShard() *chatferry.Shard {
	return &chatferry.Shard{ID: 9, Stream: chatferry.Visitors, API: &chatferry.Range{Endpoint: VisitorsEndpoint}}
}

// gathered is what a Reader gave.
type gathered struct {
	records []string
	absent  []string
	doubts  []chatferry.Doubt
	pages   []*chatferry.Page
}

// gather reads to the end, and holds every Page against the contract.
func gather(t *testing.T, r chatferry.Reader, from chatferry.Position) (g gathered, err error) {
	t.Helper()
	for {
		p, err := r.Next(t.Context())
		if err != nil {
			if cerr := r.Close(); cerr != nil {
				t.Error(cerr)
			}
			return g, err
		}
		if p.From != from || p.After == from {
			t.Fatalf("a Page goes from %q to %q, it is at %q", p.From, p.After, from)
		}
		from = p.After
		for _, rec := range p.Records {
			if n := int64(rec.Offset); len(g.pages) > 0 && n != int64(g.pages[0].Records[0].Offset)+int64(len(g.records)) && len(g.pages[0].Records) > 0 {
				t.Errorf("record %d has the offset %d", len(g.records), n)
			}
			g.records = append(g.records, string(rec.Raw))
		}
		g.absent = append(g.absent, p.Absent...)
		g.doubts = append(g.doubts, p.Doubts...)
		g.pages = append(g.pages, p)
	}
}

func openVisitors(t *testing.T, get Getter, ids IDs, from chatferry.Position) chatferry.Reader {
	t.Helper()
	r, err := NewVisitors(get, ids, visitorShard(), from)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func numbered(n int) (ids idList) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("2314815.%04d", i))
	}
	return ids
}

// TestVisitorsOneByOne: every id is asked for once, and wherever it was killed, what follows is the same.
func TestVisitorsOneByOne(t *testing.T) {
	ids := append(numbered(137), "2314815.0042%2f", "a b?c#d", "a/../b", ".", "..", "x\ny", `back\slash`, "ünïcode")
	slices.Sort(ids)
	tell := func(id string) (int, string) {
		switch {
		case strings.HasSuffix(id, "7"):
			return 404, ""
		case strings.HasSuffix(id, "50"):
			return 200, " null "
		case strings.HasSuffix(id, "60"):
			return 403, ""
		case id == "a b?c#d":
			return 400, ""
		}
		return 200, " " + visitorRecord(id) + "\n"
	}
	d := &visitorsDesk{tell: tell}
	whole, err := gather(t, openVisitors(t, d, ids, ""), "")
	if err != io.EOF {
		t.Fatal(err)
	}
	var records, absent, asked []string
	for _, id := range ids {
		if !slices.Contains([]string{"a/../b", ".", "..", "x\ny", `back\slash`}, id) {
			asked = append(asked, id)
			if status, body := tell(id); status == 200 && body != " null " {
				records = append(records, visitorRecord(id))
				continue
			}
		}
		absent = append(absent, id)
	}
	slices.Sort(d.asked)
	if !slices.Equal(whole.records, records) || !slices.Equal(whole.absent, absent) || !slices.Equal(d.asked, asked) || len(whole.doubts) > 0 {
		t.Fatalf("records %q\nabsent %q\nasked %q\ndoubts %v", whole.records, whole.absent, d.asked, whole.doubts)
	}
	if len(whole.pages) < 7 {
		t.Errorf("only %d Pages", len(whole.pages))
	}
	done := 0
	for _, p := range whole.pages {
		done += len(p.Records)
		d := &visitorsDesk{tell: tell}
		rest, err := gather(t, openVisitors(t, d, ids, p.After), p.After)
		if err != io.EOF || !slices.Equal(rest.records, records[done:]) {
			t.Fatalf("from %s: %v, %q", p.After, err, rest.records)
		}
		for _, id := range d.asked {
			if place, _ := parseVisitor(p.After); id <= place.id {
				t.Errorf("from %s: %s was asked for again", p.After, id)
			}
		}
	}
}

// TestVisitorsForbidden: what may not be read is absent where others may, and otherwise the Stream is not given.
func TestVisitorsForbidden(t *testing.T) {
	for _, tt := range []struct {
		name      string
		ids       int
		forbidden func(i int) bool
		records   int
		absent    int
		given     bool
	}{
		{"the only one", 1, func(int) bool { return true }, 0, 0, false},
		{"all", 60, func(int) bool { return true }, 0, 0, false},
		{"the first", 60, func(i int) bool { return i == 0 }, 59, 1, true},
		{"the last", 60, func(i int) bool { return i == 59 }, 59, 1, true},
		{"the last of a Page", 60, func(i int) bool { return i == 19 || i == 39 }, 58, 2, true},
		{"nineteen in a row", 60, func(i int) bool { return i >= 20 && i < 39 }, 41, 19, true},
		{"nineteen in a row, over two Pages", 60, func(i int) bool { return i >= 11 && i < 30 }, 41, 19, true},
		{"all from one on", 60, func(i int) bool { return i >= 25 }, 25, 0, false},
		{"every second", 60, func(i int) bool { return i%2 == 1 }, 30, 30, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &visitorsDesk{tell: func(id string) (int, string) {
				var i int
				if _, err := fmt.Sscanf(id, "2314815.%d", &i); err != nil {
					t.Error(err)
				}
				if tt.forbidden(i) {
					return 403, ""
				}
				return 200, visitorRecord(id)
			}}
			g, err := gather(t, openVisitors(t, d, numbered(tt.ids), ""), "")
			var u *chatferry.UnavailableError
			if given := !errors.As(err, &u); given != tt.given || given && err != io.EOF || !given && u.Why != chatferry.Forbidden {
				t.Fatalf("it ended with %v", err)
			}
			if len(g.records) != tt.records || len(g.absent) != tt.absent {
				t.Errorf("%d records, %d absent", len(g.records), len(g.absent))
			}
			if !tt.given && len(d.asked) > tt.records+visitorsPage*2 {
				t.Errorf("%d were asked for", len(d.asked))
			}
		})
	}
}

// TestVisitorsNoneThere: if the API has none of them at all, that is told.
func TestVisitorsNoneThere(t *testing.T) {
	for _, n := range []int{1, 19, 20, 21, 40} {
		d := &visitorsDesk{tell: func(string) (int, string) { return 404, "" }}
		g, err := gather(t, openVisitors(t, d, numbered(n), ""), "")
		if err != io.EOF || len(g.doubts) != 1 || len(g.absent) != n {
			t.Errorf("of %d: %v, %d absent, doubts %v", n, err, len(g.absent), g.doubts)
		}
	}
	if g, err := gather(t, openVisitors(t, &visitorsDesk{}, idList{}, ""), ""); err != io.EOF || len(g.pages) > 0 {
		t.Errorf("of none: %v, %d Pages", err, len(g.pages))
	}
}

// TestVisitorsFailure: what was answered before a failure is given, and the failure after it.
func TestVisitorsFailure(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"away", 0, "", "the API is away"},
		{"refused", 400, "", "400"},
		{"cut short", 200, `{"id":`, errCutShort.Error()},
		{"no object", 200, `[]`, errStructure.Error()},
		{"something behind", 200, `{}{}`, errTrailing.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &visitorsDesk{tell: func(id string) (int, string) {
				if id == "2314815.0033" {
					return tt.status, tt.body
				}
				return 200, visitorRecord(id)
			}}
			g, err := gather(t, openVisitors(t, d, numbered(90), ""), "")
			if err == io.EOF || !strings.Contains(err.Error(), tt.want) || len(g.records) != 33 {
				t.Fatalf("%d records, then %v", len(g.records), err)
			}
		})
	}
	disordered := listFunc(func(after string, n int) ([]string, error) { return []string{"b", "a"}, nil })
	if _, err := gather(t, openVisitors(t, &visitorsDesk{}, disordered, ""), ""); err == nil || !strings.Contains(err.Error(), "behind") {
		t.Errorf("a list in disorder: %v", err)
	}
	broken := listFunc(func(string, int) ([]string, error) { return nil, errors.New("no disk") })
	if _, err := gather(t, openVisitors(t, &visitorsDesk{}, broken, ""), ""); err == nil || !strings.Contains(err.Error(), "no disk") {
		t.Errorf("a list that fails: %v", err)
	}
}

type listFunc func(after string, n int) ([]string, error)

func (f listFunc) Next(_ context.Context, after string, n int) ([]string, error) { return f(after, n) }

// TestVisitorsStopped: a stop gives what was answered, and the Reader goes on afterwards as if nothing had been.
func TestVisitorsStopped(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	ids := numbered(200)
	left := 0
	var cancel context.CancelFunc
	d := &visitorsDesk{}
	var mu sync.Mutex
	d.tell = func(id string) (int, string) {
		mu.Lock()
		defer mu.Unlock()
		if left--; left == 0 {
			cancel()
		}
		return 200, visitorRecord(id)
	}
	v := openVisitors(t, d, ids, "")
	var got []string
	for stops := 0; len(got) < len(ids); stops++ {
		mu.Lock()
		var ctx context.Context
		ctx, cancel = context.WithCancel(t.Context())
		left = 1 + r.IntN(30)
		mu.Unlock()
		p, err := v.Next(ctx)
		if err == nil {
			for _, rec := range p.Records {
				got = append(got, string(rec.Raw))
			}
		} else if ctx.Err() == nil {
			t.Fatal(err)
		}
		cancel()
	}
	for i, id := range ids {
		if got[i] != visitorRecord(id) {
			t.Fatalf("record %d is %s", i, got[i])
		}
	}
}

// TestVisitorsUseTheQuota: answers that take longer than the interval between requests leave none of them unused, and a
// Page never takes much longer than it may.
func TestVisitorsUseTheQuota(t *testing.T) {
	for _, tt := range []struct {
		name    string
		rate    float64
		latency time.Duration
		ids     int
	}{
		{"quick", 200, 20 * time.Millisecond, 600},
		{"slow", 200, 1500 * time.Millisecond, 600},
		{"five a minute", 5, 1500 * time.Millisecond, 30},
	} {
		bubble(t, tt.name, func(t *testing.T) {
			c, n := dialed(t, func(w http.ResponseWriter, r *http.Request) {
				time.Sleep(tt.latency)
				io.WriteString(w, visitorRecord(r.URL.Path))
			}, func(o *Options) { o.PerMinute = tt.rate })
			_ = n
			v := openVisitors(t, c, numbered(tt.ids), "")
			begun, records := time.Now(), 0
			for {
				from := time.Now()
				p, err := v.Next(t.Context())
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				records += len(p.Records)
				if took, most := time.Since(from), visitorsTime+time.Duration(60/tt.rate*float64(time.Second))+2*tt.latency; took > most {
					t.Errorf("a Page took %s", took)
				}
				if p.ThrottledMS > time.Since(from).Milliseconds() || p.Requests < int64(len(p.Records)) {
					t.Errorf("a Page of %d records says %d requests, throttled %d ms", len(p.Records), p.Requests, p.ThrottledMS)
				}
			}
			ideal := time.Duration(float64(tt.ids) / tt.rate * float64(time.Minute))
			if took := time.Since(begun); records != tt.ids || took > ideal*106/100 {
				t.Errorf("%d visitors took %s, ideally %s", records, took, ideal)
			}
			c.Close()
		})
	}
}

func FuzzVisitorPosition(f *testing.F) {
	for _, s := range []string{"v1:a:0", "v1::0", "v1:a%2Fb:12", "v1:a%2fb:12", "v1:a:-1", "v1:a:01", "v1:a", "v1:a:1:2", "a1:x:3:4", "", "v1:%zz:1", "v1:a:9223372036854775808"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, ok := parseVisitor(chatferry.Position(s)); ok && (string(p.position()) != s || p.id == "" || p.n < 0) {
			t.Errorf("%q is read as %+v", s, p)
		}
		if p, ok := parseAttachment(chatferry.Position(s)); ok && (string(p.position()) != s || p.Chat == "" || p.Index < 0 || p.n < 0) {
			t.Errorf("%q is read as %+v", s, p)
		}
	})
}
