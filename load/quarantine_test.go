package load_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"

	"chatferry"
	"chatferry/load"
	"chatferry/load/storetest"
)

func quarantined(t testing.TB, rejects []chatferry.Reject) []byte {
	t.Helper()
	a := newAccount(chatferry.Visitors)
	b := &chatferry.Batch{Shard: a.shard, Seq: a.seq, Rejects: rejects}
	for i := range rejects {
		e := chatferry.Entry(rejects[i].Stream, (*[32]byte)(&rejects[i].RawSHA256))
		b.Books.Quarantined.Count(rejects[i].RawLen, &e)
	}
	store := &storetest.Memory{}
	part, err := build(t, load.NewSink(store), a, b)
	if err != nil {
		t.Fatal(err)
	}
	if len(part.Files) != 1 || part.Files[0].Rows != int64(len(rejects)) || part.Files[0].E != b.Books.Quarantined.D {
		t.Fatalf("part %+v", part)
	}
	out, _ := store.StagedBytes(part.Files[0].Staging)
	return out
}

func rejectOf(raw []byte) chatferry.Reject {
	return chatferry.Reject{
		Stream: chatferry.Visitors, Shard: 42, Seq: 3, Offset: 1 << 41, Place: "visitors/a<b>\n=.ndjson:9", Code: chatferry.CodeUTF8,
		Reason: "holds bytes that are not UTF-8 at $.name", RawLen: int64(len(raw)), RawSHA256: sha256.Sum256(raw), Raw: raw,
	}
}

func readAll(b []byte) (out []chatferry.Reject, err error) {
	for r, err := range load.ReadQuarantine(bytes.NewReader(b)) {
		if err != nil {
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}

func TestQuarantineKeepsTheBytes(t *testing.T) {
	random := make([]byte, 70<<10) // a line longer than the reader's buffer
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(random)
	beginning := rejectOf(random)
	beginning.RawLen, beginning.RawSHA256 = 1<<33, chatferry.SHA256{1} // only the first bytes are kept
	secret := rejectOf([]byte("{}"))
	secret.Raw = nil
	want := []chatferry.Reject{
		rejectOf([]byte{0xff, 0, '\n', '"', '<'}), rejectOf(random), beginning, secret, rejectOf([]byte("{")),
	}
	got, err := readAll(quarantined(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestQuarantineRefusesWrongSums(t *testing.T) {
	a := newAccount(chatferry.Visitors)
	bad := rejectOf([]byte("{"))
	bad.RawSHA256[0] ^= 1
	e := chatferry.Entry(bad.Stream, (*[32]byte)(&bad.RawSHA256))
	b := &chatferry.Batch{Shard: a.shard, Seq: a.seq, Rejects: []chatferry.Reject{bad}}
	b.Books.Quarantined.Count(1, &e)
	if _, err := build(t, load.NewSink(&storetest.Memory{}), a, b); err == nil {
		t.Error("a Reject whose bytes have another sum was sealed")
	}
}

// Damage is an error that says how many Rejects lie before it, and those are whole.
func TestReadQuarantineOfDamagedFiles(t *testing.T) {
	var want []chatferry.Reject
	for i := range 40 {
		want = append(want, rejectOf(fmt.Appendf(nil, "{\"id\":%d", i)))
	}
	good := quarantined(t, want)
	check := func(what string, b []byte) {
		t.Helper()
		got, err := readAll(b)
		if err == nil {
			t.Errorf("%s: %d Rejects without an error", what, len(got))
			return
		}
		if !strings.Contains(err.Error(), fmt.Sprintf("behind its Reject %d:", len(got))) {
			t.Errorf("%s: %v, but there were %d Rejects", what, err, len(got))
		}
		if d := cmp.Diff(want[:len(got)], got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	for n := range good {
		check(fmt.Sprintf("cut after %d bytes", n), good[:n])
	}
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		if got, err := readAll(bad); err == nil && !cmp.Equal(want, got) {
			t.Errorf("bit of byte %d flipped: other Rejects without an error", at)
		}
	}
	long := strings.Repeat("x", 17<<20)
	for what, text := range map[string]string{
		"an empty file": "", "no JSON": "hello\n", "an array": "[]\n", "null": "null\n", "a half line": `{"stream":"vis`, "a wrong sum": `{"raw_sha256":"00"}` + "\n",
		"a line without an end": `{"stream":"visitors"}`, "a huge line": "{" + long, "an empty line": "\n",
	} {
		var b bytes.Buffer
		w, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		check(what, b.Bytes())
	}
	check("no zstd", []byte("plain text"))
	check("no bytes", nil)
}

func TestReadQuarantineMayStopEarly(t *testing.T) {
	b := quarantined(t, []chatferry.Reject{rejectOf([]byte("{")), rejectOf([]byte("["))})
	n := 0
	for range load.ReadQuarantine(bytes.NewReader(b)) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d Rejects", n)
	}
}

func FuzzReadQuarantine(f *testing.F) {
	f.Add(quarantined(f, []chatferry.Reject{rejectOf([]byte("{"))}))
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for r, err := range load.ReadQuarantine(bytes.NewReader(b)) {
			if err == nil && r.RawLen > 0 && int64(len(r.Raw)) == r.RawLen && chatferry.SHA256(sha256.Sum256(r.Raw)) != r.RawSHA256 {
				t.Error("a Reject with another sum")
			}
		}
	})
}
