package hydrate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/extract/api"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
	"chatferry/load"
)

// asking is a Source of both Shards, as a run makes one: its lists are those of the dataset when it began.
type asking struct {
	get     api.Getter
	fetcher *api.Fetcher
	dataset *checkpoint.Dataset
	store   load.Opener
	pages   atomic.Int64 // until it asks for the end
	stop    chan struct{}
}

func (a *asking) Open(_ context.Context, shard *chatferry.Shard, from chatferry.Position) (r chatferry.Reader, err error) {
	switch shard.API.Endpoint {
	case api.VisitorsEndpoint:
		r, err = api.NewVisitors(a.get, NewVisitors(a.dataset, a.store, 0), shard, from)
	case api.AttachmentsEndpoint:
		r, err = api.NewAttachments(a.get, NewAttachments(a.dataset, a.store, AttachmentOptions{}), a.fetcher, shard, from)
	default:
		return nil, fmt.Errorf("a Shard of %s", shard.API.Endpoint)
	}
	return &askingReader{r, a}, err
}

type askingReader struct {
	chatferry.Reader
	a *asking
}

func (r *askingReader) Next(ctx context.Context) (*chatferry.Page, error) {
	p, err := r.Reader.Next(ctx)
	if r.a.pages.Add(-1) == 0 {
		close(r.a.stop)
	}
	return p, err
}

// TestRehearsal carries the visitors and attachments of an account from a server, and is stopped again and again on its
// way: every one is there once, as the server has it, and hardly any was asked for twice.
func TestRehearsal(t *testing.T) {
	const seed = 4
	random := rand.New(rand.NewPCG(seed, 1))
	account := rehearsal.New(rehearsal.Options{Seed: 31, Chats: 400, Bad: -1, Message: -1})
	var handler atomic.Pointer[chatapi.Server]
	var leaked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/attachments/") && len(r.Header["Authorization"]) > 0 {
			leaked.Add(1)
		}
		handler.Load().ServeHTTP(w, r)
	}))
	defer server.Close()
	files := server.URL + "/attachments/"
	s, err := chatapi.New(account, chatapi.Options{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	handler.Store(s)

	var chats bytes.Buffer
	reader := account.Reader(files)
	visitors := map[string]bool{}
	for i := range account.Options().Chats {
		chats.Write(reader.Chat(i, rehearsal.State{}).Raw)
		chats.WriteByte('\n')
	}
	for e := range s.Ledger(chatferry.Visitors) {
		visitors[e.Key] = true
	}
	d := datasetOf(t, map[string]string{"chats.ndjson": chats.String()})
	d.partRecords = 30

	token, err := api.StaticToken(api.NewSecret("rehearsal"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := api.Dial(t.Context(), api.Options{Roots: []string{server.URL + "/api/v2"}, Token: token, PerMinute: 1e6, Share: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	fetcher, err := api.NewFetcher(api.FetchOptions{Root: client.Root(), Account: client.Wait, Most: 2_500_000})
	if err != nil {
		t.Fatal(err)
	}
	defer fetcher.Close()

	shards := func(next chatferry.ShardID) []chatferry.Shard {
		return []chatferry.Shard{
			{ID: next, Stream: chatferry.Visitors, API: &chatferry.Range{Endpoint: api.VisitorsEndpoint}},
			{ID: next + 1, Stream: chatferry.Attachments, API: &chatferry.Range{Endpoint: api.AttachmentsEndpoint}},
		}
	}
	runs := 0
	for {
		source := &asking{get: client, fetcher: fetcher, dataset: d.load(t), store: d.store, stop: make(chan struct{})}
		source.pages.Store(1 + random.Int64N(4))
		runs++
		if d.carry(t, source, shards, source.stop) {
			break
		}
		shards = nil
	}
	if runs < 3 {
		t.Errorf("only %d runs", runs)
	}
	want := map[string]bool{}
	for _, f := range allFiles(t, NewAttachments(d.load(t), d.store, AttachmentOptions{}), 100) {
		want[fmt.Sprintf("%s|%d", f.Chat, f.Index)] = true
	}
	if len(want) < 5 {
		t.Fatalf("only %d files", len(want))
	}

	got := map[string]int{}
	d.rows(t, chatferry.Visitors.Parent(), []string{"id"}, func(row []string) { got[row[0]]++ })
	if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(visitors))) || len(got) == 0 {
		t.Errorf("%d visitors, the server has %d", len(got), len(visitors))
	}
	statuses := map[string]int{}
	columns := []string{"chat_id", "index", "url", "status", "sha256", "fetched_size", "content_base64", "size"}
	d.rows(t, chatferry.Attachments.Parent(), columns, func(row []string) {
		key := row[0] + "|" + row[1]
		got[key]++
		if !want[key] {
			t.Errorf("nobody asked for %s", key)
		}
		delete(want, key)
		statuses[row[3]]++
		content, _, ok := account.File(strings.TrimPrefix(row[2], files))
		if !ok {
			t.Fatalf("%s is at %s", key, row[2])
		}
		if len(content) > 2_500_000 {
			if row[3] != api.FileTooLarge || row[4] != "" || row[6] != "" {
				t.Errorf("%s: %q", key, row[:6])
			}
			return
		}
		sum := sha256.Sum256(content)
		bytes, err := base64.StdEncoding.DecodeString(row[6])
		if err != nil || row[3] != api.FileFetched || row[4] != hex.EncodeToString(sum[:]) || sha256.Sum256(bytes) != sum || row[5] != row[7] {
			t.Errorf("%s: %q, %d of %d bytes, %v", key, row[:6], len(bytes), len(content), err)
		}
	})
	for key, n := range got {
		if n != 1 {
			t.Errorf("%s is there %d times", key, n)
		}
	}
	if len(want) > 0 || statuses[api.FileTooLarge] == 0 {
		t.Errorf("%d files are not there; %v", len(want), statuses)
	}
	asked := map[string]int64{}
	for endpoint, statuses := range s.Stats().Requests {
		for _, n := range statuses {
			asked[endpoint] += n
		}
	}
	t.Logf("%d runs, %d visitors, files %v, requests %v", runs, len(visitors), statuses, asked)
	// A stop throws away what was asked for ahead of the last Page.
	if n := asked["/visitors/{}"]; n > int64(len(visitors)+runs*28) {
		t.Errorf("%d requests for %d visitors", n, len(visitors))
	}
	if n := asked["/attachments/{}"]; n > int64(len(got)-len(visitors)+runs) {
		t.Errorf("%d requests for %d files", n, len(got)-len(visitors))
	}
	if leaked.Load() > 0 {
		t.Errorf("%d requests for files bore a token", leaked.Load())
	}
}

// rows calls each with the rows of a table, as texts; null is nothing.
func (d *dataset) rows(t *testing.T, table chatferry.Table, columns []string, each func(row []string)) {
	t.Helper()
	tables := newTables(d.load(t), d.store, 0)
	err := tables.scan(t.Context(), table, columns, func(rec arrow.Record) error {
		for i := range int(rec.NumRows()) {
			row := make([]string, len(columns))
			for c := range columns {
				switch a := rec.Column(c).(type) {
				case *array.String:
					row[c] = text(a, i)
				case *array.Int64:
					if !a.IsNull(i) {
						row[c] = fmt.Sprint(a.Value(i))
					}
				default:
					t.Fatalf("column %s is of type %s", columns[c], a.DataType())
				}
			}
			each(row)
		}
		return nil
	})
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
}
