package endtoend

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatferry/checkpoint/objectstore/realserver"
	"chatferry/cmd/chatferry/report"
)

// reportOf makes the report of a dataset, which must always be possible.
func reportOf(t *testing.T, root, when string) *report.Report {
	t.Helper()
	e := call(t, "", "report", root, "--format", "json")
	var r report.Report
	if err := json.Unmarshal([]byte(e.stdout), &r); e.code != 0 || err != nil {
		t.Fatalf("%s: the report ended with %d, %v: %s", when, e.code, err, e.stderr)
	}
	if !r.All.Closes || r.Verdict.Level == report.Differs {
		t.Errorf("%s: %+v", when, r.Verdict)
	}
	if m := r.Months; m != nil && len(r.Tables) > 0 {
		rows := int64(0)
		for _, table := range r.Tables {
			if table.Name == "chats" {
				rows = table.Rows
			}
		}
		if m.Total+m.Unpublished != rows {
			t.Errorf("%s: %d chats and %d unpublished ones of %d", when, m.Total, m.Unpublished, rows)
		}
	}
	records := int64(0)
	for _, run := range r.Runs {
		records += run.Records
	}
	if records != r.All.Read {
		t.Errorf("%s: the runs read %d records, the books have %d", when, records, r.All.Read)
	}
	return &r
}

// figuresOf is what a report says of a dataset, without what depends on how it came about.
func figuresOf(r *report.Report) *report.Report {
	return &report.Report{
		Verdict: report.Verdict{Level: r.Verdict.Level, Sentence: r.Verdict.Sentence, Exceptions: r.Verdict.Exceptions},
		Streams: r.Streams, All: r.All, Excluded: r.Excluded, Quarantine: r.Quarantine, Doubts: r.Doubts, Tables: r.Tables, Size: r.Size,
		Aside: r.Aside, Months: r.Months, Checked: r.Checked,
	}
}

// A report can be made of a dataset in whatever state a kill left it, of a folder and of a bucket, and while a run works. In
// the end all say the same.
func TestReport(t *testing.T) {
	r := newCrashRig(t, 600, "--lanes", "2", "--page-size", "32KiB", "--part-size", "256KiB", "--shard-size", "128KiB")
	whole := filepath.Join(t.TempDir(), "whole")
	if e := r.run(t, whole, ""); e.code != r.wantExit {
		t.Fatalf("ended with %d: %s", e.code, e.stderr)
	}
	want := figuresOf(reportOf(t, whole, "undisturbed"))
	if want.Verdict.Level != report.Exceptions || len(want.Quarantine) == 0 || len(want.Excluded) == 0 || !want.Checked {
		t.Errorf("the demo's account has no exceptions: %+v", want.Verdict)
	}
	same := func(root, when string) {
		t.Helper()
		if diff := cmp.Diff(want, figuresOf(reportOf(t, root, when))); diff != "" {
			t.Errorf("%s, the report says something else:\n%s", when, diff)
		}
	}

	base, early := t.TempDir(), 0
	for n := r.ops / 6; n < r.ops; n += r.ops / 4 {
		when, root := fmt.Sprintf("killed before operation %d", n), filepath.Join(base, strconv.Itoa(n))
		if e := r.run(t, root, fmt.Sprintf("kill:%d", n)); e.signal != syscall.SIGKILL {
			t.Fatalf("%s: ended with %d, %v: %s", when, e.code, e.signal, e.stderr)
		}
		if v := reportOf(t, root, when).Verdict; v.Level == report.Incomplete && v.Command != "" {
			early++
		}
		r.finishes(t, root, when)
		same(root, when+" and resumed")
	}
	if early == 0 {
		t.Error("no kill left a dataset that is not complete")
	}

	root := filepath.Join(t.TempDir(), "beside")
	cmd := command(t, "", r.args("run", "--from", r.dump, "--to", root)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if e := endOf(t, cmd, err); e.code != r.wantExit {
				t.Fatalf("the run beside the reports ended with %d: %s", e.code, e.stderr)
			}
			same(root, "after a run beside which reports were made")
		default:
			if e := call(t, "", "status", root); e.code == 0 { // or there is no dataset yet
				reportOf(t, root, "while a run works")
			}
			continue
		}
		break
	}

	server := realserver.Start(t)
	useServer(t, server)
	place := "s3://" + server.Bucket + "/acme"
	if e := r.run(t, place, ""); e.code != r.wantExit {
		t.Fatalf("into a bucket, ended with %d: %s", e.code, e.stderr)
	}
	same(place, "of a bucket")
}
