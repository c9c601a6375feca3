package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

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

// sampleResult is a result that has a bit of everything.
func sampleResult() result {
	return result{
		Command: "run", ExitCode: exitStopped, RunID: "20240301T120000Z-7f3a", Root: "/data/acme", ElapsedS: 723.4,
		Streams: map[chatferry.Stream]streamResult{
			chatferry.Chats:  {Read: 1_204_113, Loaded: 1_200_000, Quarantined: 3, Excluded: 4000, Superseded: 110, BytesRead: 1 << 31, State: "reading"},
			chatferry.Agents: {Read: 25, Loaded: 25, BytesRead: 41_000, State: "done"},
		},
		Tables: map[chatferry.Table]tableResult{
			"chats": {Rows: 1_200_000, Files: 40, BytesWritten: 1 << 29}, chatferry.ChatHistory: {Rows: 12_345_678, Files: 40, BytesWritten: 1 << 30}, "agents": {Rows: 25, Files: 1, BytesWritten: 9000},
		},
		Quarantined: map[chatferry.Code]int64{chatferry.CodeTruncated: 1, chatferry.CodeUTF8: 2},
		Excluded:    map[string]int64{"message:facebook": 3900, "message:line": 100},
		Doubts:      []chatferry.Doubt{{File: "chats/2021-03.ndjson.gz", At: 81920, Reason: "the checksum at the end of a gzip member is wrong"}},
		Ignored:     []ignoredFile{{Path: "README\x1b[31m.txt", Reason: "its name belongs to no stream"}},

		ResumeCommand: "chatferry resume /data/acme", QuarantineCommand: "chatferry quarantine list /data/acme",
		Error: resultErrorOf(&chatferry.Error{Kind: chatferry.KindStopped, Op: "stopped by SIGTERM", Hint: "resume"}),
	}
}

func TestSummaryGolden(t *testing.T) {
	r := sampleResult()
	var out bytes.Buffer
	if err := writeSummary(&out, &r); err != nil {
		t.Fatal(err)
	}
	golden(t, "summary.txt", out.String())
}

func TestResultJSONGolden(t *testing.T) {
	r := sampleResult()
	var out bytes.Buffer
	a := &app{environment: &environment{stdout: &out}}
	if err := a.printResult(&r); err != nil {
		t.Fatal(err)
	}
	golden(t, "result.json", out.String())
	if !json.Valid(out.Bytes()) {
		t.Error("the result is not JSON")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestAResultThatCannotBePrintedIsAnError(t *testing.T) {
	r := sampleResult()
	if err := writeSummary(brokenWriter{}, &r); exitCode(err) != exitEnvironment {
		t.Errorf("summary: %v", err)
	}
	a := &app{environment: &environment{stdout: brokenWriter{}}}
	if err := a.printResult(&r); exitCode(err) != exitEnvironment {
		t.Errorf("JSON: %v", err)
	}
}

func TestResumeCommand(t *testing.T) {
	e := &environment{program: "bin/chatferry"}
	for _, tt := range []struct {
		code              int
		read, quarantined int64
		want              string
	}{
		{exitDone, 0, 0, ""},
		{exitUnexpected, 0, 0, "bin/chatferry resume '/data/a b'"},
		{exitUsage, 0, 0, ""},
		{exitEnvironment, 0, 0, "bin/chatferry resume '/data/a b'"},
		{exitPartial, 10, 1, ""},
		{exitStopped, 10, 1, "bin/chatferry resume '/data/a b'"},
		{exitTemporary, 0, 0, "bin/chatferry resume '/data/a b'"},
		{exitDiffers, 0, 0, ""},
		{exitIncompatible, 0, 0, ""},
		{exitTooManyBad, 1000, 17, "bin/chatferry resume '/data/a b' --max-bad-records 4%"},
		{exitTooManyBad, 1000, 900, "bin/chatferry resume '/data/a b' --max-bad-records 100%"},
		{exitFenced, 0, 0, ""},
		{exitLocked, 0, 0, ""},
	} {
		if got := e.resumeCommand("/data/a b", tt.code, tt.read, tt.quarantined); got != tt.want {
			t.Errorf("after %d: %q, want %q", tt.code, got, tt.want)
		}
	}
	const place = "s3://bucket/acme"
	if got, want := e.resumeCommand(place, exitStopped, 0, 0), "bin/chatferry resume "+place; got != want {
		t.Errorf("of a bucket: %q, want %q", got, want)
	}
}
