package rehearsal

import (
	"encoding/json"
	"slices"
	"testing"
	"unicode/utf8"

	"chatferry"
)

func TestTruthAddsUp(t *testing.T) {
	countsOnly(t)
	for _, o := range []Options{
		{Seed: 1, Chats: 500},
		{Seed: 2, Chats: 5000, Duplicates: 0.1},
		{Seed: 3, Chats: 300, Bad: 0.2},
		{Seed: 4, Chats: 2000, Bad: -1, Message: -1},
		{Seed: 5, Chats: 2000, Message: 0.2},
	} {
		a := New(o)
		for _, s := range chatferry.Given() {
			truth := a.Truth(s)
			if truth.Read != truth.Loaded+truth.QuarantinedTotal()+truth.ExcludedTotal() {
				t.Errorf("%+v, %s: %+v does not add up", o, s, truth)
			}
			if truth.Keys > truth.Loaded || truth.Rows[s.Parent()] != truth.Loaded || truth.Read == 0 {
				t.Errorf("%+v, %s: %+v", o, s, truth)
			}
			if o.Bad < 0 && truth.QuarantinedTotal() > 0 || o.Message < 0 && truth.ExcludedTotal() > 0 {
				t.Errorf("%+v, %s: %+v, although nothing was to be bad", o, s, truth)
			}
		}
		chats := a.Truth(chatferry.Chats)
		if again := chats.Read - o.Chats; o.Duplicates == 0 && again != 0 || o.Duplicates > 0 && (again < 300 || chats.Keys != chats.Loaded-again+lost(a)) {
			t.Errorf("%+v: %d chats occur again, %+v", o, again, chats)
		}
	}
}

// lost is how many of the chats that occur again are excluded, both times.
func lost(a *Account) (n int64) {
	for r := range a.Records(chatferry.Chats) {
		if r.Again && !r.Outcome.Loaded() {
			n++
		}
	}
	return n
}

func TestEveryKindOfBadRecord(t *testing.T) {
	for _, chats := range []int64{badFrom, 1000, 20_000} {
		truth := New(Options{Seed: 9, Chats: chats}).Truth(chatferry.Chats)
		for _, code := range badCodes {
			if truth.Quarantined[code] == 0 {
				t.Errorf("%d chats: none is %s", chats, code)
			}
		}
		want := max(badKinds, chats/1000)
		if n := truth.QuarantinedTotal(); n < want*2/3 || n > want*3/2 {
			t.Errorf("%d chats: %d are bad, want about %d", chats, n, want)
		}
	}
}

// TestBadRecords: what is said to be broken is, in the way that is said.
func TestBadRecords(t *testing.T) {
	countsOnly(t)
	a := New(Options{Seed: 10, Chats: 2000, Bad: 0.2})
	kinds := map[chatferry.Code]int{}
	for r := range a.Records(chatferry.Chats) {
		var v any
		err := json.Unmarshal(r.Raw, &v)
		m, object := v.(map[string]any)
		_, isText := m["id"].(string)
		_, isThere := m["id"]
		kinds[r.Outcome.Code]++
		ok := false
		switch r.Outcome.Code {
		case "":
			ok = err == nil && isText
		case chatferry.CodeSyntax:
			ok = err != nil && utf8.Valid(r.Raw)
		case chatferry.CodeUTF8:
			ok = !utf8.Valid(r.Raw)
		case chatferry.CodeNotObject:
			ok = err == nil && !object
		case chatferry.CodeMissingKey:
			ok = err == nil && m["id"] == nil
		case chatferry.CodeKeyType:
			ok = err == nil && isThere && !isText
		case chatferry.CodeDepth:
			ok = err == nil && len(r.Raw) > 2*badDepthLevels
		case chatferry.CodeDuplicateKey:
			ok = err == nil && isText && slices.Contains([]any{"chat", "offline_msg"}, m["type"])
		}
		if !ok {
			t.Errorf("%s: %v in %.300s", r.Outcome.Code, err, r.Raw)
		}
	}
	if len(kinds) != 8 {
		t.Errorf("kinds: %v", kinds)
	}
}

// TestMessage: what is excluded names a network in one of the fields that count as evidence, until Message ended.
func TestMessage(t *testing.T) {
	countsOnly(t)
	a := New(Options{Seed: 14, Chats: 4000})
	truth := a.Truth(chatferry.Chats)
	if n := truth.ExcludedTotal(); n < 20 || n > 60 || len(truth.Excluded) != len(networks) {
		t.Errorf("excluded: %v", truth.Excluded)
	}
	if truth.Suspect < 7 || truth.Suspect > 35 {
		t.Errorf("%d are suspicious", truth.Suspect)
	}
	for r := range a.Records(chatferry.Chats) {
		if r.Outcome.Code != "" {
			continue
		}
		m := decode(t, r.Raw)
		var evidence []any
		for _, key := range []string{"channel", "via", "source", "backend"} {
			if v, ok := m[key]; ok && v != "web_widget" {
				evidence = append(evidence, v)
			}
		}
		if excluded := r.Outcome.Excluded != ""; excluded != (len(evidence) == 1) || excluded && r.Time >= a.messageEnd {
			t.Errorf("excluded %q, evidence %v", r.Outcome.Excluded, evidence)
		}
		browser := m["session"].(map[string]any)["browser"]
		if r.Outcome.Suspect != (browser == nil && len(evidence) == 0) {
			t.Errorf("suspect %t, browser %v: %s", r.Outcome.Suspect, browser, r.Raw)
		}
	}
}

func TestSecretsAreCanaries(t *testing.T) {
	a, n := New(Options{Seed: 1}), 0
	for r := range a.Records(chatferry.OAuthClients) {
		m := decode(t, r.Raw)
		token := m["last_token"].(map[string]any)
		for _, secret := range []any{m["client_secret"], token["access_token"], token["refresh_token"]} {
			if s := secret.(string); len(s) <= len(Canary) || s[:len(Canary)] != Canary {
				t.Errorf("the secret %q is no canary", s)
			}
			n++
		}
	}
	if n == 0 {
		t.Error("there are no secrets")
	}
}
