package settle

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile"
	"chatferry/load"
	"chatferry/load/local"
	"chatferry/transform"
)

// fact is one record of the feed as it must end: what Transform makes of it, settled with everything in memory.
type fact struct {
	key     string
	version int64
	shard   chatferry.ShardID
	offset  chatferry.Offset
	sum     chatferry.SHA256
	kind    string // "row", "excluded:…", "superseded", "reject"
	gone    bool   // it is superseded since the account does not have it any more
	deleted bool
	lines   map[chatferry.Table]int64
	visitor []string // of a chat: id, chat, timestamp, update_timestamp, name, email, phone, notes
}

// naive settles the feed after each of the runs, which ended with so many Shards.
func naive(f *feed, dropDeleted bool, ends []int) map[chatferry.Stream][]*fact {
	out := map[chatferry.Stream][]*fact{}
	for i := range f.shards {
		s := &f.shards[i]
		t := transform.New(s.Stream, transform.Options{})
		key := transform.KeyOf(s.Stream)
		for at, raw := range f.records[s.ID] {
			text := raw
			if mended, ok := f.mended[raw]; ok {
				text = mended
			}
			page := &chatferry.Page{Shard: s, Records: []chatferry.Record{{
				Raw: []byte(text), Offset: chatferry.Offset(at),
				Original: &chatferry.Original{Len: int64(len(raw)), SHA256: sha256.Sum256([]byte(raw))},
			}}}
			b, err := t.Transform(page, 1)
			if err != nil {
				panic(err)
			}
			r := &fact{
				shard: s.ID, offset: chatferry.Offset(at), sum: sha256.Sum256([]byte(raw)), kind: "reject",
				lines: map[chatferry.Table]int64{},
			}
			for _, e := range b.Ledger {
				r.key, r.version, r.kind = e.Key, e.Version, "excluded:"+e.Reason
			}
			for _, rows := range b.Rows {
				r.lines[rows.Table] = rows.Record.NumRows()
				if rows.Table != s.Stream.Parent() {
					continue
				}
				r.kind = "row"
				r.key, r.version = key.Of(rows.Record, 0)
				if s.Stream == chatferry.Chats {
					for _, name := range visitorColumns[2:] {
						r.visitor = append(r.visitor, strings.Clone(cell(rows.Record, name, 0)))
					}
				}
				if at := rows.Record.Schema().FieldIndices("deleted"); len(at) == 1 {
					c := rows.Record.Column(at[0]).(*array.Boolean)
					r.deleted = c.IsValid(0) && c.Value(0)
				}
			}
			b.Release()
			out[s.Stream] = append(out[s.Stream], r)
		}
	}
	for _, end := range ends {
		for stream, records := range out {
			settleNaively(records, dropDeleted, chatferry.ShardID(end))
			last := chatferry.ShardID(0)
			for i := range f.shards[:end] {
				if s := &f.shards[i]; s.Stream == stream && s.API != nil {
					last = s.ID // the whole Stream was read anew
				}
			}
			for _, r := range records {
				if r.kind == "row" && r.shard < last && f.shards[r.shard-1].API != nil {
					r.kind, r.gone = "superseded", true
				}
			}
		}
	}
	return out
}

// settleNaively settles what the Shards up to one hold of a Stream. What was excluded before stays so.
func settleNaively(records []*fact, dropDeleted bool, end chatferry.ShardID) {
	best := map[string]*fact{}
	for _, r := range records {
		if r.shard <= end && r.kind != "reject" && (best[r.key] == nil || r.compare(best[r.key]) > 0) {
			best[r.key] = r
		}
	}
	for _, r := range records {
		switch {
		case r.shard > end:
		case r.kind == "row" && best[r.key] != r:
			r.kind = "superseded"
		case r.kind == "row" && r.deleted && dropDeleted:
			r.kind = "excluded:deleted"
		}
	}
}

func (f *fact) compare(o *fact) int {
	return cmp.Or(cmp.Compare(f.version, o.version), cmp.Compare(f.shard, o.shard), cmp.Compare(f.offset, o.offset))
}

// place names a record.
func (f *fact) place() string { return fmt.Sprintf("%d/%d", f.shard, f.offset) }

// check compares the dataset with what the naive settle says: rows of every table, ledger, books, files and digests.
func (w *world) check(ctx context.Context) error {
	want := naive(w.feed, w.options.DropDeleted, w.ends)
	d, err := w.dataset(ctx)
	if err != nil {
		return err
	}
	got, err := w.holdings(ctx, d)
	if err != nil {
		return err
	}
	books, tables, err := d.Books()
	if err != nil {
		return err
	}
	expect := map[string]int64{}
	for stream, records := range want {
		sums := map[string]chatferry.Tally{}
		for _, r := range records {
			e := chatferry.Entry(stream, (*[32]byte)(&r.sum))
			t := sums[r.kind]
			t.Count(0, &e)
			sums[r.kind] = t
			switch r.kind {
			case "row":
				for table, n := range r.lines {
					expect[string(table)+" "+r.place()] += n
				}
			case "reject":
			default:
				kind := r.kind
				if r.gone {
					kind += ":" + reasonGone
				}
				expect["ledger "+kind+" "+string(stream)+" "+r.key+" "+r.place()+" "+r.sum.String()]++
			}
		}
		b := books[stream]
		if err := b.Close(); err != nil {
			return fmt.Errorf("%s: %w", stream, err)
		}
		columns := map[string]chatferry.Tally{"row": b.Loaded, "superseded": b.Superseded, "reject": b.Quarantined}
		for reason, t := range b.Excluded {
			columns["excluded:"+reason] = t
		}
		for kind, t := range columns {
			if s := sums[kind]; s.N != t.N || s.D != t.D {
				return fmt.Errorf("the books of %s say %d %s records (%s), there are %d (%s)", stream, t.N, kind, t.D, s.N, s.D)
			}
		}
	}
	for name, n := range expect {
		if got[name] != n {
			return fmt.Errorf("the dataset holds %d of %q, want %d", got[name], name, n)
		}
	}
	for name, n := range got {
		if expect[name] != n && !strings.HasPrefix(name, "rows ") {
			return fmt.Errorf("the dataset holds %d of %q, want %d", n, name, expect[name])
		}
	}
	for table, t := range tables {
		if t.Rows != got["rows "+string(table)] {
			return fmt.Errorf("the logs say that %s has %d rows, it has %d", table, t.Rows, got["rows "+string(table)])
		}
	}
	if err := w.checkVisitors(ctx, d, want[chatferry.Chats]); err != nil {
		return err
	}
	return w.checkDisk(d)
}

// checkVisitors compares chat_visitors with the rows of the chats.
func (w *world) checkVisitors(ctx context.Context, d *checkpoint.Dataset, chats []*fact) error {
	type naive struct {
		newest      *fact
		at          string
		first, last string
		chats       int
	}
	want := map[string]*naive{}
	null := array.NullValueStr
	for _, c := range chats {
		if c.kind != "row" || c.visitor[0] == null {
			continue
		}
		v := want[c.visitor[0]]
		if v == nil {
			v = &naive{first: null, last: null}
			want[c.visitor[0]] = v
		}
		began, at := c.visitor[2], c.visitor[3]
		if at == null {
			at = began
		}
		// Times are written so that they sort as text.
		if v.newest == nil || at != null && (v.at == null || v.at < at) || v.at == at && c.place() != v.newest.place() && (v.newest.shard < c.shard || v.newest.shard == c.shard && v.newest.offset < c.offset) {
			v.newest, v.at = c, at
		}
		if began != null {
			if v.first == null || began < v.first {
				v.first = began
			}
			if v.last == null || began > v.last {
				v.last = began
			}
		}
		v.chats++
	}
	for _, f := range d.Inventory() {
		if f.Table != ChatVisitors {
			continue
		}
		err := eachRecord(ctx, local.New(w.fsys), &f, nil, func(rec arrow.Record) error {
			for i := range int(rec.NumRows()) {
				id := cell(rec, "id", i)
				v := want[id]
				if v == nil {
					return fmt.Errorf("visitor %s is there twice, or not in the chats", id)
				}
				delete(want, id)
				var got []string
				for c := range int(rec.NumCols()) {
					got = append(got, rec.Column(c).ValueStr(i))
				}
				texts := v.newest.visitor[4:]
				expect := []string{id, texts[0], texts[1], texts[2], texts[3], v.newest.visitor[1], v.at, v.first, v.last, fmt.Sprint(v.chats)}
				if !slices.Equal(got, expect) {
					return fmt.Errorf("visitor %v, want %v", got, expect)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(want) > 0 {
		return fmt.Errorf("%d visitors are missing", len(want))
	}
	return nil
}

// holdings counts the rows of every table and the entries of the ledger by the record that they come from, and compares
// the digests of every file with the log.
func (w *world) holdings(ctx context.Context, d *checkpoint.Dataset) (map[string]int64, error) {
	store := local.New(w.fsys)
	got := map[string]int64{}
	for _, f := range d.Inventory() {
		ofAll := f.Kind == chatferry.FileRows && transform.Schema(f.Table) == nil // derived from whole tables
		if ofAll {
			got["rows "+string(f.Table)] += f.Rows
		}
		if f.Kind == chatferry.FileQuarantine || f.Kind == chatferry.FileReplayed || ofAll {
			continue
		}
		var e, v chatferry.Digest
		err := eachRecord(ctx, store, &f, nil, func(rec arrow.Record) error {
			part, err := chatferry.ValuesDigest(rec)
			v.Merge(part)
			for i := range int(rec.NumRows()) {
				name := string(f.Table) + " " + cell(rec, transform.ColumnSourceShard, i) + "/" + cell(rec, transform.ColumnSourceOffset, i)
				stream, sum := f.Stream, transform.ColumnRawSHA256
				if f.Kind == chatferry.FileLedger {
					stream, sum = chatferry.Stream(cell(rec, load.LedgerStream, i)), "raw_sha256"
					kind := cell(rec, load.LedgerDisposition, i)
					if reason := cell(rec, "reason", i); reason != "" {
						kind += ":" + reason
					}
					name = "ledger " + kind + " " + string(stream) + " " + cell(rec, load.LedgerKey, i) + name
				} else {
					got["rows "+string(f.Table)]++
				}
				if at := rec.Schema().FieldIndices(sum); len(at) == 1 {
					raw := chatferry.SHA256(rec.Column(at[0]).(*array.FixedSizeBinary).Value(i))
					term := chatferry.Entry(stream, (*[32]byte)(&raw))
					e.Add(&term)
					if f.Kind == chatferry.FileLedger {
						name += " " + raw.String()
					}
				}
				got[name]++
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if e != f.E || v != f.V {
			return nil, fmt.Errorf("%s has the digests %s and %s, its record says %s and %s", f.Name, e, v, f.E, f.V)
		}
	}
	return got, nil
}

func cell(rec arrow.Record, column string, i int) string {
	return rec.Column(rec.Schema().FieldIndices(column)[0]).ValueStr(i)
}

// checkDisk looks whether exactly the files of the Inventory, whole, are where readers see them, and whether the keys
// that lie there are those of files that are.
func (w *world) checkDisk(d *checkpoint.Dataset) error {
	names := map[string]bool{}
	var errs []error
	for _, f := range d.Inventory() {
		names[f.Name] = true
		b, err := atomicfile.ReadAll(w.fsys, f.Name)
		if err == nil && sha256.Sum256(b) != f.SHA256 {
			err = fmt.Errorf("%s is not whole", f.Name)
		}
		errs = append(errs, err)
		if f.Table != ChatVisitors {
			names[path.Join(keysFolder, keysKind.name(f.SHA256))] = true
		}
		if hasVisits(&f) {
			names[path.Join(keysFolder, visitsKind.name(f.SHA256))] = true
		}
	}
	names[path.Join(keysFolder, stateName)] = true
	reader := &settler{derived: newDerivedFiles(w.fsys)}
	if err := reader.loadState(context.Background()); err != nil {
		return err
	}
	if was := reader.state.Visitors; was != nil {
		for _, sum := range was.Chats {
			names[path.Join(keysFolder, visitsKind.name(sum))] = true
		}
	}
	there, err := tree(w.fsys, "tables", checkpoint.Folder+"/ledger", checkpoint.Folder+"/quarantine", checkpoint.Folder+"/replayed", checkpoint.Folder+"/staging", keysFolder)
	if err != nil {
		return err
	}
	for name := range there {
		if !names[name] {
			errs = append(errs, fmt.Errorf("%s does not belong there", name))
		}
	}
	return errors.Join(errs...)
}

// tree reads all files in some folders.
func tree(fsys atomicfile.FS, folders ...string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, folder := range folders {
		names, err := fsys.ReadDir(folder)
		if err != nil {
			continue // it is not there
		}
		for _, name := range names {
			full := path.Join(folder, name)
			if strings.HasSuffix(name, "/") {
				below, err := tree(fsys, full)
				if err != nil {
					return nil, err
				}
				maps.Copy(files, below)
				continue
			}
			if files[full], err = atomicfile.ReadAll(fsys, full); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// differ names what differs between two trees.
func differ(want, got map[string][]byte) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if b, ok := got[name]; !ok {
			errs = append(errs, fmt.Errorf("%s is missing", name))
		} else if string(b) != string(want[name]) {
			errs = append(errs, fmt.Errorf("%s differs", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			errs = append(errs, fmt.Errorf("%s is too much", name))
		}
	}
	return errors.Join(errs...)
}
