package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"chatferry"
	"chatferry/extract/rehearsal"
)

func TestHalfPair(t *testing.T) {
	for text, want := range map[string]bool{
		`plain`: false, `\u00e9`: false, `\ud83d\ude00`: false, `\uD83D\uDE00 \ud83d\ude00`: false, `\ud83d`: true, `\ude00`: true,
		`\ud83dx`: true, `\ud83d\ud83d\ude00`: true, `\uDE00\uD83D`: true, `\ud83d\ude00\ude00`: true,
	} {
		if halfPair([]byte(text)) != want {
			t.Errorf("%s: not %t", text, want)
		}
	}
}

// Every compression must hold the same records, all that the account has but those that DuckDB stops at.
func TestDumpsHoldTheSame(t *testing.T) {
	const chats = 300
	var want bytes.Buffer
	left := 0
	for c := range rehearsal.New(rehearsal.Options{Seed: 1, Chats: chats, Bad: -1, Message: -1}).Records(chatferry.Chats) {
		if halfPair(c.Raw) {
			left++
			continue
		}
		want.Write(append(c.Raw, '\n'))
	}
	if left == 0 || left > chats/10 {
		t.Errorf("%d records were left out", left)
	}
	for _, compression := range []string{"plain", "gzip", "zstd"} {
		dir := filepath.Join(t.TempDir(), "dump")
		if err := run(t.Context(), []string{"make", "-into", dir, "-chats", "300", "-compression", compression, "-dir", t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		names, err := filepath.Glob(filepath.Join(dir, "chats", "*"))
		if err != nil || len(names) < 10 {
			t.Fatalf("%d files: %v", len(names), err)
		}
		var got []byte
		for _, name := range names {
			got = append(got, unpacked(t, name)...)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s holds %d bytes that differ from the %d due", compression, len(got), want.Len())
		}
	}
}

func unpacked(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	switch filepath.Ext(name) {
	case ".gz":
		r, err = gzip.NewReader(f)
	case ".zst":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(f, zstd.WithDecoderConcurrency(1)); err == nil {
			defer z.Close()
			r = z
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The odd chats must be as large as they are said to be, or the memory was not tried.
func TestOddChats(t *testing.T) {
	for _, c := range []struct{ messages, bytes int }{{1, 1_000_000}, {1000, 60}, {3, 0}} {
		var text bytes.Buffer
		w := bufio.NewWriter(&text)
		chat(w, 7, c.messages, c.bytes)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		var got struct {
			History []struct{ Msg string }
		}
		if err := json.Unmarshal(text.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.History) != c.messages || len(got.History[c.messages-1].Msg) != c.bytes {
			t.Errorf("%+v: %d messages, the last of %d bytes", c, len(got.History), len(got.History[0].Msg))
		}
	}
}

// Ratios are of a round, not of medians: what disturbs a round disturbs both sides.
func TestRatiosAreOfRounds(t *testing.T) {
	one := costs{{Wall: time.Second}, {Wall: 10 * time.Second}, {Wall: 3 * time.Second}}
	other := costs{{Wall: 2 * time.Second}, {Wall: 20 * time.Second}, {Wall: time.Second}}
	if got := other.against(one, wallOf); got != 2 {
		t.Errorf("%v, not 2", got)
	}
	if got := one.wall(); got != 3 {
		t.Errorf("median %v", got)
	}
}

// Of what stands in staging after a kill, only Parts that no record names are repeated.
func TestBegunParts(t *testing.T) {
	k := &killing{rig: &rig{}, root: t.TempDir()}
	for name, text := range map[string]string{
		"_chatferry/staging/000000000001.e000000000001.000000000002.chats.ab.tmp":        "",
		"_chatferry/staging/000000000001.e000000000001.000000000002.chat_history.cd.tmp": "",
		"_chatferry/staging/r000000000001.000000000002.chats.ef.tmp":                     "",
		"_chatferry/log/000000000001/000000000001.json":                                  `{"kind":"epoch-open","log":"000000000001"}`,
		"_chatferry/log/000000000001/000000000002.json":                                  `{"kind":"commit","log":"000000000001","commit":{"seq":1}}`,
	} {
		path := filepath.Join(k.root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	begun, err := k.begun()
	if err != nil || strings.Join(begun, " ") != "000000000001/000000000002" {
		t.Errorf("begun: %q, %v", begun, err)
	}
	if parts := k.parts(); strings.Join(parts, " ") != "000000000001/000000000001" {
		t.Errorf("committed: %q", parts)
	}
}
