package hydrate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatferry"
	"chatferry/extract/api"
	"chatferry/extract/rehearsal"
	"chatferry/load"
)

// allIDs asks for everything, n at a time.
func allIDs(t *testing.T, v api.IDs, n int) (ids []string) {
	t.Helper()
	after := ""
	for {
		got, err := v.Next(t.Context(), after, n)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			return ids
		}
		if len(got) > n {
			t.Fatalf("%d ids instead of %d", len(got), n)
		}
		ids = append(ids, got...)
		after = got[len(got)-1]
	}
}

func allFiles(t *testing.T, a api.Files, n int) (files []api.Attachment) {
	t.Helper()
	var after api.AttachmentKey
	for {
		got, err := a.Next(t.Context(), after, n)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			return files
		}
		if len(got) > n {
			t.Fatalf("%d files instead of %d", len(got), n)
		}
		files = append(files, got...)
		after = got[len(got)-1].AttachmentKey
	}
}

// expected is what an account's chats name.
type expected struct {
	visitors []string
	files    []api.Attachment
}

// expect reads it out of the records, not out of Parquet.
func expect(t *testing.T, a *rehearsal.Account) expected {
	t.Helper()
	visitors := map[string]bool{}
	type chat struct {
		updated int64
		files   []api.Attachment
	}
	chats := map[string]chat{}
	for r := range a.Records(chatferry.Bans) {
		var ban struct {
			Visitor string `json:"visitor_id"`
		}
		if r.Outcome.Code == "" && json.Unmarshal(r.Raw, &ban) == nil && ban.Visitor != "" {
			visitors[ban.Visitor] = true
		}
	}
	for r := range a.Records(chatferry.Chats) {
		if r.Outcome.Code != "" || r.Outcome.Excluded != "" {
			continue
		}
		var c struct {
			Visitor struct{ ID any }
			History []struct {
				Type       string
				Attachment *struct {
					URL, Name string
					MimeType  string `json:"mime_type"`
					Size      int64
				}
			}
		}
		if err := json.Unmarshal(r.Raw, &c); err != nil {
			t.Fatal(err)
		}
		switch id := c.Visitor.ID.(type) {
		case string:
			visitors[id] = true
		case float64:
			visitors[fmt.Sprintf("%.0f", id)] = true
		}
		if before, ok := chats[string(r.ID)]; ok && before.updated > r.Updated {
			continue
		}
		now := chat{updated: r.Updated}
		for i, h := range c.History {
			if h.Attachment != nil {
				size := h.Attachment.Size
				now.files = append(now.files, api.Attachment{
					AttachmentKey: api.AttachmentKey{Chat: string(r.ID), Index: int64(i)},
					URL:           h.Attachment.URL, Name: h.Attachment.Name, MimeType: h.Attachment.MimeType, Size: &size,
				})
			}
		}
		chats[string(r.ID)] = now
	}
	delete(visitors, "")
	e := expected{visitors: slices.Sorted(maps.Keys(visitors))}
	for _, id := range slices.Sorted(maps.Keys(chats)) {
		e.files = append(e.files, chats[id].files...)
	}
	return e
}

func equalFiles(a, b []api.Attachment) bool {
	return slices.EqualFunc(a, b, func(x, y api.Attachment) bool {
		return x.AttachmentKey == y.AttachmentKey && x.URL == y.URL && x.Name == y.Name && x.MimeType == y.MimeType &&
			(x.Size == nil) == (y.Size == nil) && (x.Size == nil || *x.Size == *y.Size)
	})
}

// TestLists: whatever an account's chats name is found, once and in order, however much one scan keeps and wherever the
// list is taken up again.
func TestLists(t *testing.T) {
	account := rehearsal.New(rehearsal.Options{Seed: 31, Chats: 1200, Duplicates: 0.2})
	dir := filepath.Join(t.TempDir(), "dump")
	if _, err := account.WriteDump(t.Context(), dir, rehearsal.Uniform(rehearsal.Form{}, rehearsal.Split{Records: 300})); err != nil {
		t.Fatal(err)
	}
	d := newDataset(t)
	d.carryDump(t, dir, 0)
	loaded := d.load(t)
	want := expect(t, account)
	if len(want.visitors) < 300 || len(want.files) < 20 {
		t.Fatalf("only %d visitors and %d files", len(want.visitors), len(want.files))
	}
	t.Logf("%d visitors, %d files", len(want.visitors), len(want.files))
	for _, kept := range []int{1_000_000, 700, 64, 7} {
		v, a := NewVisitors(loaded, d.store, 0), NewAttachments(loaded, d.store, AttachmentOptions{})
		if kept < 64 { // many scans: of a part
			v.kept, a.kept = 200, kept
		} else {
			v.kept, a.kept = kept, kept
		}
		if got := allIDs(t, v, 100); !slices.Equal(got, want.visitors) {
			t.Errorf("with %d kept: %d visitors, want %d", kept, len(got), len(want.visitors))
		}
		if got := allFiles(t, a, 10); !equalFiles(got, want.files) {
			t.Errorf("with %d kept: %d files, want %d", kept, len(got), len(want.files))
		}
	}
	r := rand.New(rand.NewPCG(5, 5))
	v, a := NewVisitors(loaded, d.store, 0), NewAttachments(loaded, d.store, AttachmentOptions{})
	for range 20 {
		i, j := r.IntN(len(want.visitors)-20), r.IntN(len(want.files)-3)
		ids, err := v.Next(t.Context(), want.visitors[i], 19)
		if err != nil || !slices.Equal(ids, want.visitors[i+1:i+20]) {
			t.Errorf("behind visitor %d: %d ids, %v", i, len(ids), err)
		}
		files, err := a.Next(t.Context(), want.files[j].AttachmentKey, 2)
		if err != nil || !equalFiles(files, want.files[j+1:j+3]) {
			t.Errorf("behind file %d: %d files, %v", j, len(files), err)
		}
	}
	a.bytesKept = 1000
	if got := allFiles(t, a, 10); !equalFiles(got, want.files) {
		t.Errorf("with 1,000 bytes kept: %d files, want %d", len(got), len(want.files))
	}
}

// chatOf writes a chat with a visitor, an update time and the entries of its history.
func chatOf(id, visitor, updated string, history ...string) string {
	return fmt.Sprintf(`{"id":%q,"type":"chat","visitor":{"id":%s},"update_timestamp":%q,"history":[%s]}`+"\n", id, visitor, updated, strings.Join(history, ","))
}

func sent(url string) string {
	return fmt.Sprintf(`{"type":"chat.file","attachment":{"url":%q}}`, url)
}

// TestNewestVersion: of a chat that was read in several versions, the files are those of the newest one.
func TestNewestVersion(t *testing.T) {
	const message = `{"type":"chat.msg","msg":"x"}`
	early, late := "2021-01-01T00:00:00Z", "2021-02-01T00:00:00Z"
	d := datasetOf(t, map[string]string{
		"chats/1.ndjson": chatOf("a", `"v1"`, late, sent("a-new")) +
			chatOf("b", `"v2"`, early, sent("b-old"), sent("b-gone")) +
			chatOf("c", `"v3"`, early, message, sent("c-old")) +
			chatOf("d", `7`, early, sent("d-first")) +
			chatOf("e", `null`, late, sent("e-kept"), `{"type":"chat.file"}`, `{"type":"chat.msg","attachment":{"url":"e-odd","size":"5"}}`) +
			chatOf("f", `"v1"`, early, sent("f-old")),
		"chats/2.ndjson": chatOf("a", `"v1"`, early, sent("a-old"), sent("a-older")) +
			chatOf("b", `"v2"`, late, sent("b-new")) +
			chatOf("c", `"v3b"`, late, sent("c-new"), message) +
			chatOf("d", `"v1"`, early, sent("d-second")) +
			chatOf("f", `""`, late),
		"bans.ndjson": `{"id":1,"type":"visitor","visitor_id":"banned"}` + "\n" + `{"id":2,"type":"ip_address","ip_address":"192.0.2.1"}` + "\n" + `{"id":3,"visitor_id":"v1"}` + "\n",
	})
	loaded := d.load(t)
	if got, want := allIDs(t, NewVisitors(loaded, d.store, 0), 2), []string{"7", "banned", "v1", "v2", "v3", "v3b"}; !slices.Equal(got, want) {
		t.Errorf("the visitors are %q", got)
	}
	for _, kept := range []int{1, 2, 3, 1000} {
		a := NewAttachments(loaded, d.store, AttachmentOptions{})
		a.kept = kept
		var got []string
		for _, f := range allFiles(t, a, 2) {
			got = append(got, fmt.Sprintf("%s %d %s", f.Chat, f.Index, f.URL))
		}
		want := []string{"a 0 a-new", "b 0 b-new", "c 0 c-new", "d 0 d-second", "e 0 e-kept", "e 1 ", "e 2 e-odd"}
		if !slices.Equal(got, want) {
			t.Errorf("with %d kept the files are %q", kept, got)
		}
	}
}

// TestEmptyLists: a dataset without chats names nothing.
func TestEmptyLists(t *testing.T) {
	d := datasetOf(t, map[string]string{"goals.ndjson": `{"id":1}` + "\n"})
	loaded := d.load(t)
	if got := allIDs(t, NewVisitors(loaded, d.store, 0), 5); len(got) > 0 {
		t.Errorf("visitors %q", got)
	}
	if got := allFiles(t, NewAttachments(loaded, d.store, AttachmentOptions{}), 5); len(got) > 0 {
		t.Errorf("files %v", got)
	}
}

// TestLongIDs: what is too long for an id of the API is none, and does not take the place of others.
func TestLongIDs(t *testing.T) {
	long, longest := strings.Repeat("l", api.LongestVisitor+1), strings.Repeat("m", api.LongestVisitor)
	d := datasetOf(t, map[string]string{
		"chats.ndjson": chatOf("a", `"`+long+`"`, "2021-01-01T00:00:00Z") + chatOf("b", `"`+longest+`"`, "2021-01-01T00:00:00Z") + chatOf("c", `"z"`, "2021-01-01T00:00:00Z"),
	})
	if got := allIDs(t, NewVisitors(d.load(t), d.store, 0), 1); !slices.Equal(got, []string{longest, "z"}) {
		t.Errorf("visitors %q", got)
	}
}

// TestShardsThatAreNotDone do not count: what they hold may be taken back.
func TestShardsThatAreNotDone(t *testing.T) {
	lines := strings.Builder{}
	for i := range 4000 {
		lines.WriteString(chatOf(fmt.Sprint(i), fmt.Sprintf(`"v%04d"`, i), "2021-01-01T00:00:00Z", sent("u")))
	}
	dir := dumpOf(t, map[string]string{"chats.ndjson": lines.String(), "bans.ndjson": `{"id":1,"visitor_id":"banned"}` + "\n"})
	d := newDataset(t)
	if d.carryDump(t, dir, 4) {
		t.Fatal("the run was not stopped")
	}
	loaded := d.load(t)
	committed, done := int64(0), 0
	for _, s := range loaded.Shards {
		if s.Done {
			done++
		} else {
			committed += s.Books.Loaded.N
		}
	}
	if committed == 0 || done == 0 {
		t.Fatalf("%d records of unfinished Shards are committed, %d Shards are done", committed, done)
	}
	if got := allIDs(t, NewVisitors(loaded, d.store, 0), 100); !slices.Equal(got, []string{"banned"}) {
		t.Errorf("%d visitors", len(got))
	}
	if got := allFiles(t, NewAttachments(loaded, d.store, AttachmentOptions{}), 100); len(got) > 0 {
		t.Errorf("%d files", len(got))
	}
	d = newDataset(t)
	d.carryDump(t, dir, 0)
	if got := allIDs(t, NewVisitors(d.load(t), d.store, 0), 100); len(got) != 4001 {
		t.Errorf("%d visitors", len(got))
	}
}

// TestScansReadLittle: of the files, the columns that are asked for, and nothing of other tables.
func TestScansReadLittle(t *testing.T) {
	account := rehearsal.New(rehearsal.Options{Seed: 3, Chats: 800})
	dir := filepath.Join(t.TempDir(), "dump")
	if _, err := account.WriteDump(t.Context(), dir, rehearsal.Uniform(rehearsal.Form{}, rehearsal.Split{})); err != nil {
		t.Fatal(err)
	}
	d := newDataset(t)
	d.partRecords = 1 << 20
	d.carryDump(t, dir, 0)
	loaded := d.load(t)
	sizes := map[string]int64{}
	for _, f := range loaded.Inventory() {
		sizes[f.Name] = f.Size
	}
	for name, tt := range map[string]struct {
		ask    func(s load.Opener) error
		tables []string
	}{
		"visitors": {func(s load.Opener) error { _, err := NewVisitors(loaded, s, 0).Next(t.Context(), "", 1); return err }, []string{"chats", "bans"}},
		"attachments": {
			func(s load.Opener) error {
				_, err := NewAttachments(loaded, s, AttachmentOptions{}).Next(t.Context(), api.AttachmentKey{}, 1)
				return err
			},
			[]string{"chats", "chat_history"},
		},
	} {
		c := &counted{Opener: d.store}
		if err := tt.ask(c); err != nil {
			t.Fatal(err)
		}
		for file, n := range c.bytes {
			if table := strings.Split(file, "/")[1]; !slices.Contains(tt.tables, table) {
				t.Errorf("%s: %s is read", name, file)
			}
			if size := sizes[file]; size > 200_000 && n > size/3 {
				t.Errorf("%s: %d bytes of %s are read, which has %d", name, n, file, size)
			}
		}
		if len(c.bytes) == 0 {
			t.Errorf("%s: nothing is read", name)
		}
	}
}

// TestScansKeepLittle: what one scan keeps has a bound, and it is the smallest of all.
func TestScansKeepLittle(t *testing.T) {
	const most, all = 500, 200_000
	r := rand.New(rand.NewPCG(1, 2))
	s := smallest{after: "2", most: most}
	seen := map[string]bool{}
	for range all {
		text := fmt.Sprint(r.IntN(all / 2))
		if text > "2" {
			seen[text] = true
		}
		if s.add(text); len(s.texts) >= 2*most {
			t.Fatalf("%d texts are kept", len(s.texts))
		}
	}
	if texts, end := s.take(); end || !slices.Equal(texts, slices.Sorted(maps.Keys(seen))[:most]) {
		t.Errorf("%d texts, the end: %t", len(texts), end)
	}
	e := entries{most: most, mostBytes: 50_000}
	for n := range all {
		e.add(entry{
			Attachment: api.Attachment{AttachmentKey: api.AttachmentKey{Chat: fmt.Sprint(r.IntN(all)), Index: int64(n)}, URL: strings.Repeat("u", n%500)},
		})
		if len(e.list) >= 2*most || e.size >= 2*e.mostBytes {
			t.Fatalf("%d entries of %d bytes are kept", len(e.list), e.size)
		}
	}
	if list, end := e.take(); end || len(list) == 0 || len(list) > most || e.size > e.mostBytes {
		t.Errorf("%d entries of %d bytes, the end: %t", len(list), e.size, end)
	}
}

// TestDamagedFile is an error that names the file.
func TestDamagedFile(t *testing.T) {
	d := datasetOf(t, map[string]string{"chats.ndjson": chatOf("a", `"v"`, "2021-01-01T00:00:00Z", sent("u"))})
	loaded := d.load(t)
	for _, broken := range []load.Opener{brokenStore{d.store, nil}, brokenStore{d.store, errors.New("no disk")}} {
		_, err1 := NewVisitors(loaded, broken, 0).Next(t.Context(), "", 1)
		_, err2 := NewAttachments(loaded, broken, AttachmentOptions{}).Next(t.Context(), api.AttachmentKey{}, 1)
		for _, err := range []error{err1, err2} {
			if chatferry.KindOf(err) != chatferry.KindIncompatible || !strings.Contains(err.Error(), "tables/chat") {
				t.Errorf("the error is %v", err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewVisitors(loaded, d.store, 0).Next(ctx, "", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// brokenStore opens files that cannot be opened, or whose middle is zeros.
type brokenStore struct {
	load.Opener
	err error
}

func (b brokenStore) Open(ctx context.Context, name string) (load.ReadFile, error) {
	if b.err != nil {
		return nil, b.err
	}
	f, err := b.Opener.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return zeroed{f}, nil
}

type zeroed struct{ load.ReadFile }

func (z zeroed) ReadAt(p []byte, at int64) (int, error) {
	n, err := z.ReadFile.ReadAt(p, at)
	for i := range n {
		if at+int64(i) >= 4 && at+int64(i) < z.Size()/2 {
			p[i] = 0
		}
	}
	return n, err
}

// TestListsOfWhatCame: behind a Shard only what later rows name is given, and no file that there is a record of: its
// address may be dead by now.
func TestListsOfWhatCame(t *testing.T) {
	first, later := "2021-01-01T00:00:00Z", "2021-02-01T00:00:00Z"
	d := datasetOf(t, map[string]string{
		"chats/1.ndjson": chatOf("a", `"v1"`, first, sent("a-1")) + chatOf("b", `"v2"`, first, sent("b-1")) + chatOf("c", `"v3"`, first, sent("c-1")),
	})
	files := onePage{`{"chat_id":"a","index":0,"url":"a-1","status":"fetched"}`, `{"chat_id":"b","index":0,"url":"b-1","status":"failed"}`}
	var last chatferry.ShardID
	d.carry(t, files, func(next chatferry.ShardID) []chatferry.Shard {
		last = next
		return []chatferry.Shard{{ID: next, Stream: chatferry.Attachments, API: &chatferry.Range{Endpoint: api.AttachmentsEndpoint}}}
	}, nil)
	d.carryDump(t, dumpOf(t, map[string]string{
		"chats/2.ndjson": chatOf("a", `"v1"`, later, sent("a-1"), sent("a-2")) + chatOf("b", `"v4"`, later, sent("b-1")) + chatOf("n", `"v5"`, later, sent("n-1")),
	}), 0)
	loaded := d.load(t)
	if got, want := allIDs(t, NewVisitors(loaded, d.store, last), 2), []string{"v1", "v4", "v5"}; !slices.Equal(got, want) {
		t.Errorf("the visitors are %q", got)
	}
	for o, want := range map[AttachmentOptions][]string{
		{}:                           {"a 0", "a 1", "b 0", "c 0", "n 0"},
		{After: last}:                {"a 1", "n 0"},
		{After: last, Fetched: true}: {"a 1", "b 0", "n 0"},
	} {
		a := NewAttachments(loaded, d.store, o)
		a.kept = 1
		var got []string
		for _, f := range allFiles(t, a, 2) {
			got = append(got, fmt.Sprintf("%s %d", f.Chat, f.Index))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: the files are %q, not %q", o, got, want)
		}
	}
}

// onePage is a Source whose only Shard has these records.
type onePage []string

func (p onePage) Open(_ context.Context, shard *chatferry.Shard, _ chatferry.Position) (chatferry.Reader, error) {
	page := &chatferry.Page{Shard: shard, After: "end"}
	for i, raw := range p {
		page.Records = append(page.Records, chatferry.Record{Raw: []byte(raw), Offset: chatferry.Offset(i)})
		page.RawBytes += int64(len(raw))
	}
	return &onePageReader{page}, nil
}

type onePageReader struct{ page *chatferry.Page }

func (r *onePageReader) Next(context.Context) (*chatferry.Page, error) {
	page := r.page
	if r.page = nil; page == nil {
		return nil, io.EOF
	}
	return page, nil
}

func (r *onePageReader) Close() error { return nil }
