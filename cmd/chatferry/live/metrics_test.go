package live

import (
	"fmt"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"chatferry"
)

// What a run did is counted by stream, under names that Prometheus finds well-formed.
func TestMetrics(t *testing.T) {
	begun := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	now := begun
	share, stopping := math.NaN(), false
	m := NewMetrics(About{RunID: "r1", Command: "run", Version: "v1.2.3", Revision: "abc", Go: "go1.26", Begun: begun}, Watched{
		Progress: func() float64 { return share }, Stopping: func() bool { return stopping }, Now: func() time.Time { return now },
	})
	if problems, err := testutil.GatherAndLint(m.registry); err != nil || len(problems) > 0 {
		t.Errorf("before anything was counted: %v, %v", problems, err)
	}
	shard := &chatferry.Shard{ID: 1, Stream: chatferry.Chats}
	now = now.Add(3 * time.Second)
	holds(t, m, `
# HELP chatferry_last_checkpoint_age_seconds Time since the last checkpoint of this run; since its beginning if it has none.
# TYPE chatferry_last_checkpoint_age_seconds gauge
chatferry_last_checkpoint_age_seconds 3
# HELP chatferry_run_exit_code The exit code of the run; NaN while it works.
# TYPE chatferry_run_exit_code gauge
chatferry_run_exit_code NaN
# HELP chatferry_run_stopping Whether the run was asked to stop: 1, else 0.
# TYPE chatferry_run_stopping gauge
chatferry_run_stopping 0
`, "chatferry_last_checkpoint_age_seconds", "chatferry_run_exit_code", "chatferry_run_stopping")

	m.ShardOpened(shard, "")
	m.PageRead(shard, 10, 1000, 300)
	m.PageRead(shard, 5, 500, 150)
	m.Committed(shard, &chatferry.Part{
		Stream: chatferry.Chats,
		Books: chatferry.Books{
			Read: chatferry.Tally{N: 10}, Loaded: chatferry.Tally{N: 6}, Quarantined: chatferry.Tally{N: 1},
			Excluded: map[string]chatferry.Tally{"message:line": {N: 2}, "message:twitter": {N: 1}},
		},
		Files: []chatferry.PartFile{{Size: 70}, {Size: 30}}, Requests: 4, ThrottledMS: 2500,
	})
	m.ShardDone(shard)
	now = now.Add(2 * time.Second)
	share, stopping = 0.25, true
	m.Ended(4)
	if problems, err := testutil.GatherAndLint(m.registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`chatferry_records_read_total{stream="chats"} 15`,
		`chatferry_records_loaded_total{stream="chats"} 6`,
		`chatferry_records_quarantined_total{stream="chats"} 1`,
		`chatferry_records_excluded_total{reason="message:line",stream="chats"} 2`,
		`chatferry_records_excluded_total{reason="message:twitter",stream="chats"} 1`,
		`chatferry_source_bytes_read_total{stream="chats"} 450`,
		`chatferry_written_bytes_total{stream="chats"} 100`,
		`chatferry_parts_committed_total{stream="chats"} 1`,
		`chatferry_requests_total{stream="chats"} 4`,
		`chatferry_throttled_seconds_total{stream="chats"} 2.5`,
		`chatferry_shards_opened_total{stream="chats"} 1`,
		`chatferry_shards_done_total{stream="chats"} 1`,
		`chatferry_last_checkpoint_age_seconds 2`,
		`chatferry_progress_ratio 0.25`,
		`chatferry_run_stopping 1`,
		`chatferry_run_exit_code 4`,
		`chatferry_build_info{goversion="go1.26",revision="abc",version="v1.2.3"} 1`,
		`chatferry_run_info{command="run",run="r1"} 1`,
		fmt.Sprintf("chatferry_run_start_time_seconds %g", float64(begun.Unix())),
		"process_resident_memory_bytes ", "go_goroutines ",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func holds(t *testing.T, m *Metrics, want string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(m.registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}
