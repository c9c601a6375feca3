package main

import (
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

// A run of some streams does not end the work that is left for others: a run that was stopped before its sweeps is gone on
// with, however complete the streams between them were.
func TestAccountSweepsOfOtherStreamsAreOwed(t *testing.T) {
	const seed = 12
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 200, Message: -1}, chatapi.Options{Quirks: chatapi.Quirks{PageCap: 50}}, nil)
		quick := []string{"--rate", "60000"}
		if e := v.carry(t.Context(), append(quick, "--deadline", "2m")...); e.code != exitStopped {
			t.Fatalf("exit code %d: %s", e.code, e.stderr)
		}
		for i := range int64(20) {
			v.server.Touch(i * 7)
		}
		v.server.Insert(3)
		time.Sleep(time.Hour)

		if e := v.carry(t.Context(), append(quick, "--streams", "agents")...); e.code != exitStopped {
			t.Errorf("the sweeps of chats are owed, and a run of agents has exit code %d: %s", e.code, e.stderr)
		}
		if r := v.mustCarry(quick...); r.Watermark == "" {
			t.Errorf("no watermark: %+v", r)
		}
		v.equalsServer()
	})
}

// The watermark is true of every stream that the dataset holds, also of those that the last run did not ask for.
func TestAccountWatermarkIsThatOfAllStreams(t *testing.T) {
	const seed = 13
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 200, Message: -1}, chatapi.Options{Quirks: chatapi.Quirks{PageCap: 50}}, nil)
		quick := []string{"--rate", "60000", "--incremental"}
		mark := v.mustCarry(quick...).Watermark
		time.Sleep(24 * time.Hour)
		v.server.Touch(3)
		time.Sleep(time.Hour)
		for _, streams := range []string{"visitors", "agents", string(chatferry.AgentTimeline)} {
			if r := v.mustCarry(append(quick, "--streams", streams)...); r.Watermark != mark {
				t.Errorf("after %s alone the watermark is %q, but chats are known up to %q", streams, r.Watermark, mark)
			}
		}
		if r := v.mustCarry(quick...); r.Watermark <= mark {
			t.Errorf("after all streams the watermark is %q, not beyond %q", r.Watermark, mark)
		}
		v.equalsServer()
	})
}
