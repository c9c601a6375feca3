package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"chatferry/cmd/chatferry/deep"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
)

// fast lets a test ask as often as it likes.
var fast = []string{"--rate", "1000000", "--rate-share", "100%", "--patience", "1s"}

// deepened compares the dataset with the account.
func (v *virtual) deepened(more ...string) (verified, ended) {
	v.t.Helper()
	e := v.program(v.t.Context(), slices.Concat([]string{"verify", v.root, "--deep", "--from", "http://127.0.0.1:9", "--json", "--seed", "5"}, fast, more)...)
	var out verified
	if e.stdout != "" {
		if err := json.Unmarshal([]byte(e.stdout), &out); err != nil {
			v.t.Fatalf("%v: %s", err, e.stdout)
		}
	}
	return out, e
}

// forger changes answers of an account.
type forger struct {
	edit atomic.Pointer[func(path string, body []byte) []byte]
}

func (f *forger) around(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		r.Header.Del("Accept-Encoding")
		h.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		if edit := f.edit.Load(); edit != nil {
			body = (*edit)(r.URL.Path, body)
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.Header().Del("Content-Length")
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
	})
}

func (f *forger) set(edit func(path string, body []byte) []byte) { f.edit.Store(&edit) }

// An account is asked what it counts, and for some chats again. What changed there since is told and is no difference; what
// did not and differs is named.
func TestDeepOfAccount(t *testing.T) {
	const seed, chats = 21, 240
	var forge forger
	v := newVirtual(t, rehearsal.Options{Seed: seed, Chats: chats, Message: 0.05}, chatapi.Options{}, forge.around)
	v.mustCarry(append(fast, "--overlap", "0s")...)

	got, e := v.deepened("--refetch", "60")
	if e.code != exitDone || got.Deep == nil || got.Deep.Account == nil {
		t.Fatalf("seed %d: exit code %d: %s%s", seed, e.code, e.stdout, e.stderr)
	}
	a := got.Deep.Account
	if a.Refetched != 60 || a.Equal != 60 || a.Counted == 0 || a.Months < 2 || a.Explained[deep.NewerThere]+a.Explained[deep.GoneThere] > 0 {
		t.Errorf("seed %d: %+v", seed, a)
	}
	again, _ := v.deepened("--refetch", "60", "--sample", "50%")
	if fmt.Sprint(again.Deep.Account) != fmt.Sprint(a) {
		t.Errorf("seed %d: the same seed asked for other chats: %+v, %+v", seed, again.Deep.Account, a)
	}

	t.Run("a value", func(t *testing.T) {
		forge.set(func(path string, body []byte) []byte {
			if strings.HasSuffix(path, "/chats") {
				return bytes.ReplaceAll(body, []byte(`"country_code":"`), []byte(`"country_code":"X`))
			}
			return body
		})
		got, e := v.deepened("--refetch", "30")
		if e.code != exitDiffers || len(got.Deep.Differences) == 0 || !slices.Equal(got.Deep.Differences[0].Fields, []string{"session.country_code"}) {
			t.Errorf("seed %d: exit code %d: %s", seed, e.code, e.stdout)
		}
	})
	t.Run("a chat more", func(t *testing.T) {
		// The dataset is made once more, of an export that passes over a chat.
		var list []struct{ ID string }
		if err := json.Unmarshal(v.ask("chats", "chats"), &list); err != nil || len(list) == 0 {
			t.Fatal(err)
		}
		hidden := list[len(list)/2].ID
		other := *v
		other.t, other.root = t, t.TempDir()+"/data"
		forge.set(func(path string, body []byte) []byte {
			if strings.HasSuffix(path, "/incremental/chats") {
				return without(t, body, hidden)
			}
			return body
		})
		other.mustCarry(append(fast, "--overlap", "0s")...)
		got, e := other.deepened("--refetch", "0")
		d := got.Deep.Differences
		if e.code != exitDiffers || len(d) != 1 || d[0].Kind != deep.Missing || d[0].ID != hidden || got.Deep.Account.Unequal != 1 {
			t.Errorf("seed %d: exit code %d: chat %s: %s", seed, e.code, hidden, e.stdout)
		}
	})
	forge.set(func(_ string, body []byte) []byte { return body })

	// The account goes on.
	deleted := 0
	for i := range int64(chats) {
		switch {
		case i%10 == 3 && v.server.Delete(i):
			deleted++
		case i%10 == 7:
			v.server.Touch(i)
		}
	}
	v.server.Insert(5)
	got, e = v.deepened("--refetch", "1000")
	a = got.Deep.Account
	if e.code != exitDone || a.Newer == 0 || a.Gone == 0 || a.Equal == 0 || a.Equal+a.Newer+a.Gone != a.Refetched || a.Explained[deep.GoneThere] == 0 ||
		a.Explained[deep.GoneThere] > int64(deleted) {
		t.Errorf("seed %d: exit code %d, %d deleted: %s", seed, e.code, deleted, e.stdout)
	}

	// What cannot be asked.
	v.env["CHATFERRY_TOKEN"] = "another"
	if _, e := v.deepened(); e.code != exitEnvironment {
		t.Errorf("a token that is refused: exit code %d: %s", e.code, e.stderr)
	}
	v.env["CHATFERRY_TOKEN"] = virtualToken
	stranger := newVirtual(t, rehearsal.Options{Seed: seed + 1, Chats: 30}, chatapi.Options{}, nil)
	stranger.root = v.root
	if _, e := stranger.deepened(); e.code != exitIncompatible {
		t.Errorf("another account: exit code %d: %s", e.code, e.stderr)
	}
	v.fail(fmt.Errorf("unplugged"))
	if _, e := v.deepened(); e.code != exitTemporary {
		t.Errorf("an account that cannot be reached: exit code %d: %s", e.code, e.stderr)
	}
}

// without takes a chat out of an answer of the export.
func without(t *testing.T, body []byte, id string) []byte {
	var answer map[string]json.RawMessage
	var chats []json.RawMessage
	err := json.Unmarshal(body, &answer)
	if err == nil {
		err = json.Unmarshal(answer["chats"], &chats)
	}
	chats = slices.DeleteFunc(chats, func(raw json.RawMessage) bool { return bytes.Contains(raw, []byte(`"id":"`+id+`"`)) })
	if err == nil {
		answer["chats"], err = json.Marshal(chats)
	}
	if err == nil {
		answer["count"], err = json.Marshal(len(chats))
	}
	if err == nil {
		body, err = json.Marshal(answer)
	}
	if err != nil {
		t.Error(err)
	}
	return body
}
