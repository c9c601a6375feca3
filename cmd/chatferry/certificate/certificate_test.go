package certificate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gowebpki/jcs"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

// silent is a Publisher of files that nobody looks at.
type silent struct{}

func (silent) Publish(context.Context, chatferry.PartFile) error   { return nil }
func (silent) Unpublish(context.Context, chatferry.PartFile) error { return nil }
func (silent) Unstage(context.Context, chatferry.Staged) error     { return nil }
func (silent) ListStaged(context.Context, chatferry.ShardID) ([]chatferry.Staged, error) {
	return nil, nil
}
func (silent) StagedShards(context.Context) ([]chatferry.ShardID, error) { return nil, nil }

var midnight = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// terms are the Entry terms of n records that follow each other.
func terms(stream chatferry.Stream, from, n int64) (t chatferry.Tally) {
	for i := range n {
		raw := sha256.Sum256(fmt.Appendf(nil, "%s %d", stream, from+i))
		e := chatferry.Entry(stream, &raw)
		t.Count(100, &e)
	}
	return t
}

// part is a Part of ten records with one excluded and two in quarantine.
func part(stream chatferry.Stream, shard chatferry.ShardID) *chatferry.Part {
	p := &chatferry.Part{Stream: stream, Seq: 1, To: "end", StoredBytes: 300, Absent: []string{"one", "two"}}
	p.Books = chatferry.Books{
		Loaded: terms(stream, 0, 7), Quarantined: terms(stream, 7, 2), Excluded: map[string]chatferry.Tally{"message:line": terms(stream, 9, 1)},
	}
	p.Books.Read.Add(p.Books.Loaded)
	p.Books.Read.Add(p.Books.Quarantined)
	p.Books.Read.Add(p.Books.ExcludedTotal())
	file := func(kind chatferry.FileKind, table chatferry.Table, name string, of chatferry.Tally) {
		f := chatferry.PartFile{
			Kind: kind, Table: table, Staging: "_chatferry/staging/" + name, Name: name, Size: 1000 + of.N, SHA256: sha256.Sum256([]byte(name)), Rows: of.N, E: of.D,
		}
		v := sha256.Sum256([]byte(name + " values"))
		f.V.Add(&v)
		p.Files = append(p.Files, f)
	}
	file(chatferry.FileRows, stream.Parent(), fmt.Sprintf("tables/%s/part-%s-000000000001.parquet", stream, shard), p.Books.Loaded)
	file(chatferry.FileLedger, "", fmt.Sprintf("_chatferry/ledger/%s-000000000001.parquet", shard), p.Books.ExcludedTotal())
	file(chatferry.FileQuarantine, "", fmt.Sprintf("_chatferry/quarantine/%s-000000000001.ndjson.zst", shard), p.Books.Quarantined)
	return p
}

// dataset is one of a dump and an account, always the same.
func dataset(t *testing.T) *checkpoint.Dataset {
	t.Helper()
	fsys, err := atomicfile.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	logs, nonces := checkpoint.NewDiskLogs(fsys), 0
	run, err := checkpoint.Begin(t.Context(), checkpoint.Config{
		Logs: logs, Publisher: silent{}, Now: func() time.Time { return midnight },
		Nonce: func() string { nonces++; return fmt.Sprint("nonce ", nonces) },
	}, checkpoint.RunOpen{
		RunID: "run", Tool: "v1.2.3", Source: "/home/someone/dump?token=secret", Host: "host of someone", PID: 1,
		Shaping: map[string]string{"limit": "0"}, Scope: map[string]string{"streams": "", "since": ""}, Operation: map[string]string{"settle": "true"},
	})
	if err != nil {
		t.Fatal(err)
	}
	files := []chatferry.File{{Path: "chats/<a> \u20ac.ndjson.gz", Size: 300}, {Path: "chats/b.ndjson", Size: 600}}
	shards := []chatferry.Shard{
		{ID: 1, Stream: chatferry.Chats, Bytes: 600, Files: files, To: 300},
		{ID: 2, Stream: chatferry.Chats, Bytes: 300, Files: files[1:], From: 300},
		{ID: 3, Stream: chatferry.Agents, API: &chatferry.Range{Endpoint: "agents", Account: "77", Begun: midnight}},
		{ID: 4, Stream: chatferry.Goals, API: &chatferry.Range{Endpoint: "goals", Account: "77", Begun: midnight}},
	}
	if err := run.AddShards(t.Context(), shards); err != nil {
		t.Fatal(err)
	}
	for i := range shards[:3] {
		s := &shards[i]
		log, err := run.OpenShard(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		p := part(s.Stream, s.ID)
		if i == 0 {
			p.Doubts = []chatferry.Doubt{{File: files[0].Path, At: 299, Reason: "the member ends early"}}
		}
		if err := log.Commit(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if err := log.Done(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := run.Done(t.Context(), checkpoint.End{
		ExitCode: 4, Verdict: "complete-with-exceptions", Unavailable: map[chatferry.Stream]chatferry.Availability{chatferry.Goals: chatferry.Forbidden},
	}); err != nil {
		t.Fatal(err)
	}
	d, err := checkpoint.Load(t.Context(), logs)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var rejects = Rejects{
	chatferry.Chats:  {chatferry.CodeSyntax: 3, chatferry.CodeTooLong: 1},
	chatferry.Agents: {chatferry.CodeSyntax: 2},
}

// The bytes of a certificate are a promise: whoever makes it again, with any later version, gets these.
func TestCertificateGolden(t *testing.T) {
	c, err := New(dataset(t), rejects)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "certificate.json")
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the certificate is\n%s\nand not\n%s", got, want)
	}
	again, err := Decode(want)
	if err != nil {
		t.Fatal(err)
	}
	if names, err := Differences(c, again); err != nil || len(names) > 0 {
		t.Errorf("what was read differs in %v, %v", names, err)
	}
	for _, word := range []string{"someone", "secret", "/home"} {
		if strings.Contains(string(want), word) {
			t.Errorf("the certificate tells %q", word)
		}
	}
}

// What is not exactly the form is no certificate.
func TestDecodeRefuses(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join("testdata", "certificate.json"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(whole)
	for name, edited := range map[string]string{
		"a space":          strings.Replace(text, `,"format"`, `, "format"`, 1),
		"a line end":       text + "\n",
		"two":              text + text,
		"cut off":          text[:len(text)-1],
		"another member":   strings.Replace(text, `{"all"`, `{"Z":1,"all"`, 1),
		"a member twice":   strings.Replace(text, `"format":`, `"format":"x","format":`, 1),
		"another format":   strings.Replace(text, Format, "chatferry-certificate/2", 1),
		"an escape":        strings.Replace(text, `"verdict":"c`, `"verdict":"\u0063`, 1),
		"a number's form":  strings.Replace(text, `"exit_code":4`, `"exit_code":4e0`, 1),
		"a member missing": strings.Replace(text, `"watermark":""`, ``, 1),
		"nothing":          "",
		"null":             "null",
	} {
		if edited == text {
			t.Fatalf("%s: nothing was edited", name)
		}
		if _, err := Decode([]byte(edited)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// Books that do not fit what is in quarantine, or no run that ended, are not certified.
func TestNewRefuses(t *testing.T) {
	d := dataset(t)
	if _, err := New(d, Rejects{chatferry.Chats: rejects[chatferry.Chats]}); chatferry.KindOf(err) != chatferry.KindDiffers {
		t.Errorf("with other records in quarantine: %v", err)
	}
}

// The example of RFC 8785, section 3.2.2 and 3.2.3, and the order of members by UTF-16 of its section 3.2.3.
func TestCanonicalForm(t *testing.T) {
	for in, want := range map[string]string{
		"{\"numbers\":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],\"string\":\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\"literals\":[null,true,false]}": "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}",
		"{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}":                                                                                       "{\"\\r\":2,\"1\":4,\"\u0080\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\ufb33\":3}",
	} {
		got, err := jcs.Transform([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s becomes\n%s, %v, and not\n%s", in, got, err, want)
		}
	}
}
