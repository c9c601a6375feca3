package progress

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"chatferry"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; look at it, then rewrite it with -update\n%s", path, diff)
	}
}

var info = Info{Command: "run", RunID: "20240301T120000Z-7f3a", Root: "/data/acme"}

// middle is a run somewhere in the middle.
func middle() Snapshot {
	const gib, mib = int64(1) << 30, int64(1) << 20
	s := Snapshot{
		At: newClock().t, Elapsed: 12*time.Minute + 3*time.Second, SinceCommit: 4 * time.Second,
		Streams: []StreamProgress{
			{Stream: chatferry.Account, Done: 812, Total: 812, Records: 1, ETA: -1, State: Done},
			{Stream: chatferry.Agents, Done: 40 << 10, Total: 40 << 10, Records: 25, ETA: -1, State: Done},
			{Stream: chatferry.Chats, Done: 1231 * mib, Total: 4800 * mib, Records: 1_204_113, Quarantined: 3, Rate: 3310.4, ETA: 18*time.Hour + 5*time.Minute, State: Reading},
			{Stream: chatferry.Visitors, Done: 10 * mib, Total: 700 * mib, Records: 9000, Rate: 7.25, ETA: -1, State: Reading},
			{Stream: chatferry.AnalyticsDepartmentAgentActivity, Total: 3 * gib, ETA: -1, State: Waiting},
		},
	}
	s.All = StreamProgress{Done: 1241 * mib, Total: 8572 * mib, Records: 1_213_139, Quarantined: 3, Rate: 3317, ByteRate: 17.6e6, ETA: 19 * time.Hour, State: Reading}
	return s
}

// The table at several widths: columns are left out in a fixed order, and no line is wider than the terminal.
func TestTableGolden(t *testing.T) {
	var b strings.Builder
	for _, width := range []int{140, 110, 90, 79, 60, 40, 20} {
		b.WriteString(strings.Repeat("-", width) + "\n")
		for _, l := range table(middle(), Look{}, width, 20) {
			if n := utf8.RuneCountInString(l); n > width {
				t.Errorf("width %d: a line of %d: %s", width, n, l)
			}
			b.WriteString(l + "\n")
		}
	}
	golden(t, "table.txt", b.String())
}

// Shortened names are told apart.
func TestShortenedNamesDiffer(t *testing.T) {
	for _, width := range []int{60, 79, 119, 120} {
		seen := map[string]chatferry.Stream{}
		for _, s := range chatferry.Streams() {
			short := shorten(string(s), width, Look{})
			if other, ok := seen[short]; ok {
				t.Errorf("width %d: %s and %s are both %s", width, s, other, short)
			}
			seen[short] = s
		}
	}
}

func TestTableOnALowTerminalGolden(t *testing.T) {
	var b strings.Builder
	for _, lines := range []int{8, 6, 4, 1} {
		b.WriteString(strings.Repeat("-", 60) + "\n")
		got := table(middle(), Look{ASCII: true}, 60, lines)
		if len(got) > max(lines, 5) {
			t.Errorf("%d lines where %d fit", len(got), lines)
		}
		b.WriteString(strings.Join(got, "\n") + "\n")
	}
	golden(t, "table_low.txt", b.String())
}

// A Bar draws over itself, lets log lines through above it, and leaves the last table.
func TestBarGolden(t *testing.T) {
	for _, tt := range []struct {
		name string
		look Look
	}{{"bar.txt", Look{}}, {"bar_color_ascii.txt", Look{Color: true, ASCII: true}}} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			b := NewBar(&out, tt.look, func() (int, int) { return 80, 24 })
			s := middle()
			b.Start(info, s)
			if _, err := b.Write([]byte("level=WARN msg=\"something to look at\"\n")); err != nil {
				t.Fatal(err)
			}
			s.Streams = s.Streams[:3]
			b.Draw(s)
			b.End(s, End{})
			golden(t, tt.name, strings.ReplaceAll(out.String(), "\x1b", "^["))
			if !tt.look.Color && strings.Contains(out.String(), "m") && strings.Contains(out.String(), "\x1b[3") {
				t.Error("colours although none were asked for")
			}
		})
	}
}

func TestLinesGolden(t *testing.T) {
	var out bytes.Buffer
	l := NewLines(&out)
	s := middle()
	l.Start(info, s)
	l.Draw(s)
	s.All.ETA, s.SinceCommit = -1, -1
	l.Draw(s)
	s.All.State, s.All.Done = Done, s.All.Total
	l.End(s, End{ExitCode: 4, Outcome: "partial"})
	golden(t, "lines.txt", out.String())
}

// Programs get one start event, one end event whatever happens, and only objects, one a line.
func TestJSONGolden(t *testing.T) {
	var out bytes.Buffer
	j := NewJSON(&out)
	s := middle()
	s.Streams = s.Streams[2:4]
	j.Start(info, s)
	s.All.ETA, s.SinceCommit = -1, -1
	j.Draw(s)
	j.End(s, End{ExitCode: 3, Outcome: "environment", Message: "no space left on device"})
	golden(t, "events.ndjson", out.String())
	var kinds []string
	for line := range strings.Lines(out.String()) {
		var e struct{ Event string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		kinds = append(kinds, e.Event)
	}
	if diff := cmp.Diff([]string{"start", "progress", "end"}, kinds); diff != "" {
		t.Error(diff)
	}
}

func TestFormats(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{Count(0), "0"},
		{Count(999), "999"},
		{Count(1000), "1,000"},
		{Count(-1234567), "-1,234,567"},
		{Bytes(0), "0 B"},
		{Bytes(999), "999 B"},
		{Bytes(1000), "0.98 KiB"},
		{Bytes(1536), "1.50 KiB"},
		{Bytes(10 << 20), "10.0 MiB"},
		{Bytes(512 << 20), "512 MiB"},
		{Bytes(1 << 62), "4.00 EiB"},
		{bytesOf(1<<20, 4<<30), "0.00/4.00 GiB"},
		{bytesOf(0, 0), "0/0 B"},
		{Share(0, 10), "0.0 %"},
		{Share(1, 3), "33.3 %"},
		{Share(9999, 10000), "99.9 %"},
		{Share(10, 10), "100 %"},
		{Share(0, 0), "100 %"},
		{Span(0), "0s"},
		{Span(59499 * time.Millisecond), "59s"},
		{Span(250 * time.Second), "4m10s"},
		{Span(18*time.Hour + 5*time.Minute), "18h05m"},
		{Span(76 * time.Hour), "3d04h"},
		{perSecond(0), "-"},
		{perSecond(0.26), "0.3/s"},
		{perSecond(12345.6), "12,345/s"},
		{meter(0, 10, 10, Look{ASCII: true}), ".........."},
		{meter(99, 100, 10, Look{ASCII: true}), "#########."},
		{meter(10, 10, 4, Look{ASCII: true}), "####"},
		{meter(-5, 10, 4, Look{ASCII: true}), "...."},
		{meter(1, 0, 4, Look{}), "████"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}

// A View draws at its own pace and is told of the end exactly once, after the last drawing.
func TestRunDrawsUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &countingView{}
		tr := NewTracker(time.Now)
		r := Run(tr, v, info)
		time.Sleep(95 * time.Second)
		synctest.Wait()
		r.Finish(End{ExitCode: 5})
		time.Sleep(95 * time.Second)
		if diff := cmp.Diff("start draw draw draw end 5", v.String()); diff != "" {
			t.Error(diff)
		}
	})
}

type countingView struct {
	Silent
	mu    sync.Mutex
	calls []string
}

func (v *countingView) add(call string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls = append(v.calls, call)
}

func (v *countingView) String() string        { return strings.Join(v.calls, " ") }
func (v *countingView) Every() time.Duration  { return linesEvery }
func (v *countingView) Start(Info, Snapshot)  { v.add("start") }
func (v *countingView) Draw(Snapshot)         { v.add("draw") }
func (v *countingView) End(_ Snapshot, e End) { v.add("end " + Count(int64(e.ExitCode))) }
