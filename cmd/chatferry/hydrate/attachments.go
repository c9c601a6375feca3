package hydrate

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/extract/api"
	"chatferry/load"
	"chatferry/transform"
)

// One scan finds so many files at most, and so many bytes of what their entries say.
const (
	filesKept = 50_000
	bytesKept = 16 << 20
)

// fileEntry is the type of an entry of a history that says that a file was sent.
const fileEntry = "chat.file"

// AttachmentOptions say which files are named.
type AttachmentOptions struct {
	// After leaves out the chats of Shards with numbers up to this one, and the files that the dataset has a record of. 0:
	// every file is named, whether there is a record of it or not.
	After chatferry.ShardID
	// Fetched leaves out, with After, only files whose content the dataset holds.
	Fetched bool
}

// Attachments names the files that the chats of a dataset name: of every chat, those of its newest version. It is used by
// one goroutine.
type Attachments struct {
	o         AttachmentOptions
	tables    tables
	records   tables // of files, without those of the Shard that is being read
	kept      int
	bytesKept int64

	block []api.Attachment  // found by the last scan, and not yet given
	at    api.AttachmentKey // the last key before block
	next  api.AttachmentKey // where the next scan begins
	last  bool              // nothing stands behind block
}

var _ api.Files = (*Attachments)(nil)

// NewAttachments returns the files that the chats of a dataset name, whose own files store opens.
func NewAttachments(d *checkpoint.Dataset, store load.Opener, o AttachmentOptions) *Attachments {
	return &Attachments{
		o: o, tables: newTables(d, store, o.After), records: newTables(d, store, 0), kept: filesKept, bytesKept: bytesKept,
	}
}

// Next implements api.Files.
func (a *Attachments) Next(ctx context.Context, after api.AttachmentKey, n int) ([]api.Attachment, error) {
	if after != a.at {
		a.block, a.next, a.last = nil, after, false
	}
	a.at = after
	for len(a.block) == 0 && !a.last {
		if err := a.scan(ctx); err != nil {
			return nil, err
		}
	}
	given := slices.Clone(a.block[:min(n, len(a.block))])
	if len(given) > 0 {
		a.block = a.block[len(given):]
		a.at = given[len(given)-1].AttachmentKey
	}
	return given, nil
}

// source is where a row was read. Of two versions of a chat with one update time, the one read later is the newer.
type source struct{ version, shard, offset int64 }

func (s source) compare(o source) int {
	return cmp.Or(cmp.Compare(s.version, o.version), cmp.Compare(s.shard, o.shard), cmp.Compare(s.offset, o.offset))
}

// entry is an entry of a history that names a file, in one version of its chat. Its source has no version: that stands
// with the chat alone.
type entry struct {
	api.Attachment
	source
}

func (e *entry) bytes() int64 { return int64(len(e.Chat)+len(e.URL)+len(e.Name)+len(e.MimeType)) + 128 }

// scan finds the files with the smallest keys behind the last ones. It may find none although there are more.
func (a *Attachments) scan(ctx context.Context) error {
	found := entries{after: a.next, shards: a.o.After, most: a.kept, mostBytes: a.bytesKept}
	err := a.tables.scan(ctx, chatferry.ChatHistory, entryColumns, func(rec arrow.Record) error {
		return found.addAll(rec)
	})
	if err != nil {
		return err
	}
	list, all := found.take()
	newest, err := a.newest(ctx, list)
	if err != nil {
		return err
	}
	held, err := a.held(ctx, list)
	if err != nil {
		return err
	}
	a.block, a.last = nil, all
	for i := range list {
		e := &list[i]
		if n := newest[e.Chat]; n.shard == e.shard && n.offset == e.offset && !held[e.AttachmentKey] {
			a.block = append(a.block, e.Attachment)
		}
	}
	if len(list) > 0 {
		a.next = list[len(list)-1].AttachmentKey
	}
	return nil
}

// newest finds for every chat of a list where its newest version was read.
func (a *Attachments) newest(ctx context.Context, list []entry) (map[string]source, error) {
	newest := map[string]source{}
	for i := range list {
		newest[list[i].Chat] = source{}
	}
	if len(list) == 0 {
		return newest, nil
	}
	columns := []string{"id", "update_timestamp", transform.ColumnSourceShard, transform.ColumnSourceOffset}
	err := a.tables.scan(ctx, chatferry.Chats.Parent(), columns, func(rec arrow.Record) error {
		ids, err1 := column[*array.String](rec, 0)
		versions, err2 := column[*array.Timestamp](rec, 1)
		shards, err3 := column[*array.Int64](rec, 2)
		offsets, err4 := column[*array.Int64](rec, 3)
		if err := cmp.Or(err1, err2, err3, err4); err != nil {
			return err
		}
		for i := range ids.Len() {
			before, wanted := newest[ids.Value(i)]
			if !wanted {
				continue
			}
			s := source{shard: shards.Value(i), offset: offsets.Value(i)}
			if !versions.IsNull(i) {
				s.version = int64(versions.Value(i))
			}
			if s.compare(before) > 0 {
				newest[strings.Clone(ids.Value(i))] = s
			}
		}
		return nil
	})
	return newest, err
}

// held finds the files of a list which the dataset has a record of that must not be made again: the address of a file dies,
// and a record without the content would take the place of one that has it.
func (a *Attachments) held(ctx context.Context, list []entry) (map[api.AttachmentKey]bool, error) {
	held := map[api.AttachmentKey]bool{}
	if a.o.After == 0 || len(list) == 0 {
		return held, nil
	}
	wanted := map[api.AttachmentKey]bool{}
	for i := range list {
		wanted[list[i].AttachmentKey] = true
	}
	columns := []string{transform.ColumnChatID, transform.ColumnIndex, "status"}
	err := a.records.scan(ctx, chatferry.Attachments.Parent(), columns, func(rec arrow.Record) error {
		chats, err1 := column[*array.String](rec, 0)
		indexes, err2 := column[*array.Int64](rec, 1)
		states, err3 := column[*array.String](rec, 2)
		if err := cmp.Or(err1, err2, err3); err != nil {
			return err
		}
		for i := range chats.Len() {
			key := api.AttachmentKey{Chat: chats.Value(i), Index: indexes.Value(i)}
			if wanted[key] && (!a.o.Fetched || states.Value(i) == api.FileFetched) {
				key.Chat = strings.Clone(key.Chat)
				held[key] = true
			}
		}
		return nil
	})
	return held, err
}

// entryColumns are the columns of a history that are read, in this order.
var entryColumns = []string{
	transform.ColumnChatID, transform.ColumnIndex, "type", "attachment_url", "attachment_name", "attachment_mime_type",
	"attachment_size", transform.ColumnSourceShard, transform.ColumnSourceOffset,
}

// entries keeps the entries with the smallest keys behind after, all versions of each.
type entries struct {
	after     api.AttachmentKey
	shards    chatferry.ShardID // only rows of Shards with greater numbers are of interest
	most      int
	mostBytes int64

	list  []entry // up to twice as many, or twice as many bytes
	size  int64
	bound *api.AttachmentKey // greater keys are of no interest; nil: all are
}

// addAll takes what names a file out of rows of a history.
func (s *entries) addAll(rec arrow.Record) error {
	chats, err1 := column[*array.String](rec, 0)
	indexes, err2 := column[*array.Int32](rec, 1)
	types, err3 := column[*array.String](rec, 2)
	urls, err4 := column[*array.String](rec, 3)
	names, err5 := column[*array.String](rec, 4)
	kinds, err6 := column[*array.String](rec, 5)
	sizes, err7 := column[*array.Int64](rec, 6)
	shards, err8 := column[*array.Int64](rec, 7)
	offsets, err9 := column[*array.Int64](rec, 8)
	if err := cmp.Or(err1, err2, err3, err4, err5, err6, err7, err8, err9); err != nil {
		return err
	}
	for i := range chats.Len() {
		if urls.IsNull(i) && (types.IsNull(i) || types.Value(i) != fileEntry) || chatferry.ShardID(shards.Value(i)) <= s.shards {
			continue
		}
		key := api.AttachmentKey{Chat: chats.Value(i), Index: int64(indexes.Value(i))}
		if key.Compare(s.after) <= 0 || s.bound != nil && key.Compare(*s.bound) > 0 {
			continue
		}
		key.Chat = strings.Clone(key.Chat)
		e := entry{source: source{shard: shards.Value(i), offset: offsets.Value(i)}}
		e.AttachmentKey, e.URL, e.Name, e.MimeType = key, text(urls, i), text(names, i), text(kinds, i)
		if !sizes.IsNull(i) {
			size := sizes.Value(i)
			e.Size = &size
		}
		s.add(e)
	}
	return nil
}

func (s *entries) add(e entry) {
	s.list = append(s.list, e)
	if s.size += e.bytes(); len(s.list) >= 2*s.most || s.size >= 2*s.mostBytes {
		s.shrink()
	}
}

// text copies a value out of a column; nothing for null.
func text(a *array.String, i int) string {
	if a.IsNull(i) {
		return ""
	}
	return strings.Clone(a.Value(i))
}

// shrink keeps as many of the smallest as there may be, at least one key, and never some versions of a key without others.
func (s *entries) shrink() {
	slices.SortFunc(s.list, func(a, b entry) int {
		return cmp.Or(a.AttachmentKey.Compare(b.AttachmentKey), a.source.compare(b.source))
	})
	n, size := 0, int64(0)
	for n < len(s.list) {
		within := n < s.most && size+s.list[n].bytes() <= s.mostBytes
		if n > 0 && !within && s.list[n].AttachmentKey != s.list[n-1].AttachmentKey {
			break
		}
		size += s.list[n].bytes()
		n++
	}
	if n < len(s.list) {
		bound := s.list[n-1].AttachmentKey
		s.bound = &bound
		clear(s.list[n:])
		s.list = s.list[:n]
	}
	s.size = size
}

// take returns the entries, in order, and whether there are no others.
func (s *entries) take() (list []entry, all bool) {
	s.shrink()
	return s.list, s.bound == nil
}
