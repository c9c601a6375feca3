package dump

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"chatferry"
)

// memoryStore holds one file, gives it in pieces of a few bytes, and may fail or end early.
type memoryStore struct {
	content []byte
	step    int
	failAt  int64 // reads from this byte on give err, unless it is nil
	err     error
}

func (m *memoryStore) Place() string { return "memory" }

func (m *memoryStore) List(context.Context, func(string) bool) ([]chatferry.File, []Ignored, error) {
	return []chatferry.File{{Path: "chats.json", Size: int64(len(m.content))}}, nil, nil
}

func (m *memoryStore) Open(_ context.Context, _ chatferry.File, from int64) (Object, error) {
	return &memoryObject{m, from}, nil
}

type memoryObject struct {
	store *memoryStore
	at    int64
}

func (o *memoryObject) Read(p []byte) (int, error) {
	end := int64(len(o.store.content))
	err := io.EOF
	if o.store.err != nil {
		end, err = o.store.failAt, o.store.err
	}
	if o.at >= end {
		return 0, err
	}
	if o.store.step > 0 && len(p) > o.store.step {
		p = p[:o.store.step]
	}
	n := copy(p, o.store.content[o.at:end])
	o.at += int64(n)
	return n, nil
}

func (o *memoryObject) Close() error     { return nil }
func (o *memoryObject) Unchanged() error { return nil }

// A disk that fails, or gives fewer bytes than it has, is an error that names the file: never an end, never a Doubt.
func TestDiskFails(t *testing.T) {
	temporary := chatferry.Errorf(chatferry.KindTemporary, "try again", "the store is slow")
	var content strings.Builder
	for range 40 {
		content.WriteString(`{"id":"1"}` + "\n")
	}
	for _, pk := range packings {
		packed := []byte(pk.pack(content.String(), content.String()))
		for at := range int64(len(packed)) {
			for _, tt := range []struct {
				err  error
				kind chatferry.Kind
			}{{syscall.EIO, chatferry.KindEnvironment}, {io.EOF, chatferry.KindEnvironment}, {temporary, chatferry.KindTemporary}} {
				store := &memoryStore{content: packed, failAt: at, err: tt.err}
				l := &Listing{stores: map[chatferry.Stream]Store{chatferry.Chats: store}}
				shard := &chatferry.Shard{Stream: chatferry.Chats, Files: []chatferry.File{{Path: "the.file", Size: int64(len(packed))}}}
				pages, err := readPages(NewSource(l, smallCuts(100)), shard, "")
				_, doubts, _ := flatten(pages)
				if err == nil || chatferry.KindOf(err) != tt.kind || len(doubts) > 0 {
					t.Fatalf("%s failing with %v at byte %d: %v, doubts %v", pk.name, tt.err, at, err, doubts)
				}
				if tt.kind == chatferry.KindEnvironment && !strings.Contains(err.Error(), "the.file") {
					t.Fatalf("the file is not named: %v", err)
				}
				l.Files = []Found{{Stream: chatferry.Chats, File: shard.Files[0]}}
				if doubts, err := CheckSource(t.Context(), l, nil); pk.ext != "" && (chatferry.KindOf(err) != tt.kind || len(doubts) > 0) {
					t.Fatalf("checking %s failing with %v at byte %d: %v, doubts %v", pk.name, tt.err, at, err, doubts)
				}
			}
		}
	}
}

// A record that is as long as allowed is read without a buffer of twice its size.
func TestMemoryOfLongestRecord(t *testing.T) {
	const longest = 8 << 20
	record := append(append([]byte(`"`), bytes.Repeat([]byte("x"), longest-2)...), '"', '\n')
	source := NewSource(&Listing{stores: map[chatferry.Stream]Store{chatferry.Chats: &memoryStore{content: record}}},
		chatferry.Cuts{PageBytes: 1 << 20, RecordBytes: longest})
	r, err := source.Open(t.Context(), &chatferry.Shard{Stream: chatferry.Chats, Files: []chatferry.File{{Path: "x", Size: int64(len(record))}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	m := r.(*reader).in.mem
	p, err := r.Next(t.Context())
	if err != nil || len(p.Records) != 1 || len(p.Records[0].Raw) != longest || p.Records[0].Fault != nil {
		t.Fatalf("%v, %d records", err, len(p.Records))
	}
	if n := len(m.buf); n > longest+2<<20 {
		t.Errorf("the Page's memory has %d bytes", n)
	}
	if n := cap(p.Records[0].Raw); n > longest {
		t.Errorf("the record could grow to %d bytes", n)
	}
	p.Release()
	if p, err = r.Next(t.Context()); err != nil || len(p.Records) > 0 || p.After != "1:0" {
		t.Fatalf("the Page of the file's end: %+v, %v", p, err)
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if n := len(r.(*reader).in.mem.buf); n > 2<<20 {
		t.Errorf("a memory of %d bytes was kept", n)
	}
}
