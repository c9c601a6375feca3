package main

import (
	"testing"
	"time"

	"chatferry"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

// A complete account is left as it is, unless a run is told to catch up: then what changed since is there, each record
// once, and what did not change stays in its files.
func TestAccountCatchesUp(t *testing.T) {
	const seed = 5
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 300, Message: -1}, chatapi.Options{Quirks: chatapi.Quirks{PageCap: 50}}, nil)
		quick := []string{"--rate", "60000"}
		v.mustCarry(quick...)
		v.equalsServer()
		for day := range int64(3) {
			time.Sleep(24 * time.Hour)
			for i := range int64(30) {
				v.server.Touch((day*71 + i*7) % 300)
			}
			v.server.Insert(4)
			v.server.Delete(day * 11)
			time.Sleep(time.Hour)

			before := v.server.Stats().Requests["/incremental/chats"][200]
			r := v.mustCarry(quick...)
			if after := v.server.Stats().Requests["/incremental/chats"][200]; after > before+1 {
				t.Fatalf("seed %d: a run over a complete dataset asked for %d pages of chats", seed, after-before)
			}
			read := r.Streams[chatferry.Chats].Read

			r = v.mustCarry(append(quick, "--incremental")...)
			v.equalsServer()
			if n := r.Streams[chatferry.Chats].Read - read; n < 30 || n > 200 {
				t.Errorf("seed %d: day %d: %d chats were read to find what changed", seed, day, n)
			}
			if r.Watermark == "" || r.ExitCode != exitDone {
				t.Errorf("seed %d: day %d: %+v", seed, day, r)
			}
			if agents := r.Streams[chatferry.Agents]; agents.Superseded != agents.Loaded*(day+1) {
				t.Errorf("seed %d: day %d: the agents were not read again: %+v", seed, day, agents)
			}
		}
	})
}
