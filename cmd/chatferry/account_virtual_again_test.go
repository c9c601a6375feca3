package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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
			if agents := r.Streams[chatferry.Agents]; agents.Superseded != 0 {
				t.Errorf("seed %d: day %d: the agents are as they were, and were written again: %+v", seed, day, agents)
			}
		}
	})
}

// A run that finds nothing new writes nothing but that it was there, costs a few requests, and ends at once. What changed of
// the configuration is exchanged as a whole; what is gone from it is in the ledger.
func TestAccountHasNothingNew(t *testing.T) {
	const seed = 8
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 300, Message: -1}, chatapi.Options{
			Quirks: chatapi.Quirks{PageCap: 50}, Change: chatapi.Changes{Seed: seed, Late: 3 * time.Minute},
		}, nil)
		again := func() (r result, files map[string]string) {
			t.Helper()
			r = v.mustCarry("--rate", "60000", "--incremental")
			return r, v.files()
		}
		v.server.Touch(3)
		v.server.Insert(2)
		r, before := again()
		v.equalsServer()
		mark := r.Watermark
		for _, pause := range []time.Duration{0, time.Minute, time.Hour, 24 * time.Hour} {
			time.Sleep(pause)
			asked, begun := v.server.Stats().Total(), time.Now()
			r, after := again()
			written := 0
			for name := range after {
				switch {
				case before[name] != "" || strings.HasPrefix(name, "_chatferry/keys/"): // those are derived
				case strings.HasPrefix(name, "_chatferry/certificates/"):
				case strings.HasPrefix(name, "_chatferry/log/dataset/"):
					written++
				default:
					t.Errorf("seed %d: after %s %s was written", seed, pause, name)
				}
			}
			if written != 2 { // run-open and run-done
				t.Errorf("seed %d: after %s %d records were written", seed, pause, written)
			}
			if n, took := v.server.Stats().Total()-asked, time.Since(begun); n > 45 || took > 6*time.Minute {
				t.Errorf("seed %d: after %s %d requests in %s found that there is nothing new", seed, pause, n, took)
			}
			if r.Watermark < mark {
				t.Errorf("seed %d: after %s the watermark went back from %s to %s", seed, pause, mark, r.Watermark)
			}
			before, mark = after, r.Watermark
		}
		if at, err := time.Parse(time.RFC3339, mark); err != nil || serverBegin.Add(time.Since(v.begun)).Sub(at) > 20*time.Minute {
			t.Errorf("seed %d: the watermark stays behind: %s", seed, mark)
		}

		v.server.Remove(chatferry.Triggers, 1)
		v.server.Remove(chatferry.Shortcuts, 0)
		r, _ = again()
		v.equalsServer()
		for _, s := range []chatferry.Stream{chatferry.Triggers, chatferry.Shortcuts} {
			if got := r.Streams[s]; got.Superseded != got.Loaded+1 || r.Tables[s.Parent()].Rows != got.Loaded {
				t.Errorf("seed %d: %s: one of them is gone: %+v", seed, s, got)
			}
		}
		if got := r.Streams[chatferry.Agents]; got.Superseded != 0 {
			t.Errorf("seed %d: the agents were written again: %+v", seed, got)
		}
	})
}

// What is asked for may grow at either end: what was read is not read again, and nothing between is left out.
func TestAccountScopeGrows(t *testing.T) {
	const seed = 6
	bubble(t, func(t *testing.T) {
		v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: 400}, chatapi.Options{Quirks: chatapi.Quirks{PageCap: 50}}, nil)
		last := int64(0)
		for _, scope := range [][]string{
			{"--since", "2019-06-01", "--until", "2020-06-01"},
			{"--since", "2018-06-01", "--until", "2020-06-01"},
			{"--since", "2018-06-01", "--until", "2021-01-01"},
			{},
		} {
			r := v.mustCarry(append(scope, "--rate", "60000", "--overlap", "0s")...)
			chats := r.Streams[chatferry.Chats]
			if chats.Read <= last || chats.Superseded > 0 {
				t.Errorf("seed %d: %v: %+v after %d", seed, scope, chats, last)
			}
			last = chats.Read
		}
		v.equalsServer()
	})
}

// A dataset that was begun from a dump goes on from the account: all of the account is read, and what both hold is there
// once.
func TestAccountAfterItsDump(t *testing.T) {
	const seed = 7
	bubble(t, func(t *testing.T) {
		o := rehearsal.Options{Seed: seed, Chats: 400, Bad: -1, Message: -1}
		v := newVirtual(t, o, chatapi.Options{}, nil)
		dump := filepath.Join(t.TempDir(), "dump")
		if _, err := rehearsal.New(o).WriteDump(t.Context(), dump, rehearsal.Uniform(rehearsal.Form{}, rehearsal.Split{Records: 100})); err != nil {
			t.Fatal(err)
		}
		before := v.program(t.Context(), "run", "--from", dump, "--to", v.root, "--streams", "chats,bans", "--json").result(t)
		r := v.mustCarry("--rate", "60000", "--overlap", "0s")
		for _, s := range []chatferry.Stream{chatferry.Chats, chatferry.Bans} {
			was, is := before.Streams[s], r.Streams[s]
			if was.Loaded == 0 || is.Read != 2*was.Read || is.Loaded != was.Loaded || is.Superseded != was.Loaded {
				t.Errorf("seed %d: %s: %+v, then %+v", seed, s, was, is)
			}
		}
		if r.Streams[chatferry.Agents].Loaded == 0 {
			t.Errorf("seed %d: the agents were not read", seed)
		}
	})
}

// files are those of the dataset, with their sizes and times.
func (v *virtual) files() map[string]string {
	v.t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(v.root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			out[name] = fmt.Sprint(info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		v.t.Fatal(err)
	}
	return out
}
