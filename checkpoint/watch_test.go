package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// watcher holds a disk against the promises of the protocol after every operation, whoever did it.
type watcher struct {
	disk ground
	logs map[string]*watchedLog
	// owners are the commits that name a final file.
	owners map[string]*watchedCommit
	// lost is a staged file that a test took away behind everybody's back.
	lost string
	// vanished are staged files of replaces that a story took away.
	vanished map[string]bool

	replaces []*watchedReplace
	added    map[string]*watchedReplace // by the final name of a file
	retired  map[string]*watchedReplace // by the name of a file: the last that was announced to retire it
}

type watchedLog struct {
	name    string
	records [][]byte
	last    *Record
	head    chatferry.SHA256
	commits []*watchedCommit
}

type watchedCommit struct {
	rec      *Record
	reopened bool
	settled  bool // a later commit of its log proves that its removal must be complete
}

func watch(disk ground) *watcher {
	return &watcher{
		disk: disk, logs: map[string]*watchedLog{}, owners: map[string]*watchedCommit{},
		added: map[string]*watchedReplace{}, retired: map[string]*watchedReplace{},
	}
}

// after checks the disk if an operation can have changed what others see.
func (w *watcher) after(op faultfs.Op) error {
	switch op.Do {
	case "link", "remove":
		return w.check()
	}
	return nil
}

func (w *watcher) check() error {
	if err := w.readLogs(); err != nil {
		return err
	}
	for name, data := range dataFiles(w.disk) {
		if ours, err := w.checkVisible(name, data); ours {
			if err != nil {
				return err
			}
			continue
		}
		owner := w.owners[name]
		if owner == nil {
			return fmt.Errorf("%s is visible, but no record commits it", name)
		}
		if owner.settled {
			return fmt.Errorf("%s is visible, but was reopened, and its range was committed again", name)
		}
		for _, f := range owner.rec.Commit.Files {
			if f.Name == name && sha256.Sum256(data) != f.SHA256 {
				return fmt.Errorf("%s holds %q, which is not what was committed", name, data)
			}
		}
	}
	if err := w.checkReplaces(); err != nil {
		return err
	}
	return w.checkCommits()
}

// checkCommits: what a record names and no later one takes back can be had, and what it calls published is durable.
func (w *watcher) checkCommits() error {
	for _, l := range w.logs {
		for _, c := range l.commits {
			if c.reopened {
				continue
			}
			for _, f := range c.rec.Commit.Files {
				if retired, _ := w.isRetired(f.Name); retired {
					continue
				}
				final, durable := w.disk.Durable(f.Name)
				durable = durable && sha256.Sum256(final) == f.SHA256
				if l.last.Totals.PublishedTo >= c.rec.Commit.Seq && !durable {
					return fmt.Errorf("record %d of log %s says that %s is published, but it is not durable", l.last.N, l.name, f.Name)
				}
				staged, there := w.disk.Durable(f.Staging)
				if !durable && f.Staging != w.lost && !(there && sha256.Sum256(staged) == f.SHA256) && !w.takingBack(c) {
					return fmt.Errorf("record %d of log %s commits %s, which is durable neither there nor in staging", c.rec.N, l.name, f.Name)
				}
			}
		}
	}
	return nil
}

// takingBack reports whether another file of the Part is lost, so that this one may be gone too.
func (w *watcher) takingBack(c *watchedCommit) bool {
	for _, f := range c.rec.Commit.Files {
		if w.lost != "" && f.Staging == w.lost {
			return true
		}
	}
	return false
}

// readLogs reads what is new, and sees that nothing old has changed.
func (w *watcher) readLogs() error {
	files := w.disk.Files(logFolder)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if _, temp := atomicfile.IsTemp(path.Base(name)); temp {
			continue
		}
		log := path.Base(path.Dir(name))
		l := w.logs[log]
		if l == nil {
			format := w.disk.Files(Folder)[formatName]
			l = &watchedLog{name: log, head: sha256.Sum256(format)}
			w.logs[log] = l
		}
		n, err := strconv.Atoi(strings.TrimSuffix(path.Base(name), ".json"))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		switch {
		case n <= len(l.records):
			if !bytes.Equal(l.records[n-1], files[name]) {
				return fmt.Errorf("%s was changed from\n%s to\n%s", name, l.records[n-1], files[name])
			}
		case n == len(l.records)+1:
			if err := w.take(l, files[name]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		default:
			return fmt.Errorf("record %d of log %s appeared, but not %d", n, log, len(l.records)+1)
		}
	}
	return nil
}

func (w *watcher) take(l *watchedLog, data []byte) error {
	r, err := decodeOnce(data)
	if err != nil {
		return err
	}
	switch {
	case r.Prev != l.head:
		return fmt.Errorf("the chain is broken")
	case l.last != nil && r.Epoch < l.last.Epoch:
		return fmt.Errorf("epoch %d wrote after epoch %d", r.Epoch, l.last.Epoch)
	case l.last != nil && l.last.Kind == KindDone:
		return fmt.Errorf("written after done")
	case l.last != nil && r.Kind == KindRunOpen && r.Epoch == l.last.Epoch:
		return fmt.Errorf("two runs have epoch %d", r.Epoch)
	}
	switch r.Kind {
	case KindCommit:
		if l.last.Totals.Position != r.Commit.From || r.Commit.Seq != l.last.Totals.Seq+1 {
			return fmt.Errorf("part %d from %q does not follow part %d to %q",
				r.Commit.Seq, r.Commit.From, l.last.Totals.Seq, l.last.Totals.Position)
		}
		for _, c := range l.commits {
			c.settled = c.settled || c.reopened
		}
		c := &watchedCommit{rec: r}
		l.commits = append(l.commits, c)
		for _, f := range r.Commit.Files {
			if w.owners[f.Name] != nil {
				return fmt.Errorf("two records commit %s", f.Name)
			}
			w.owners[f.Name] = c
		}
	case KindReplace, KindReplaceDone, KindReplaceUndone, KindRemoved:
		if err := w.takeReplace(r); err != nil {
			return err
		}
	case KindReopen:
		for _, c := range l.commits {
			c.reopened = c.reopened || c.rec.Commit.Seq >= r.Reopen.Seq
		}
	}
	l.records, l.last, l.head = append(l.records, data), r, sha256.Sum256(data)
	return nil
}

// decoded keeps what was decoded before: the same records are met in thousands of runs. Nobody changes them.
var decoded sync.Map

func decodeOnce(data []byte) (*Record, error) {
	key := string(data)
	if r, ok := decoded.Load(key); ok {
		return r.(*Record), nil
	}
	r, err := DecodeRecord(data)
	if err == nil {
		decoded.Store(key, r)
	}
	return r, err
}

// acknowledged checks that a Part whose Commit returned nil is durable, record and files.
func (w *watcher) acknowledged(l *ShardLog, p *chatferry.Part) error {
	if _, ok := w.disk.Durable(recordName(l.w.log, l.w.n)); !ok {
		return fmt.Errorf("part %d was committed, but its record is not durable", p.Seq)
	}
	for _, f := range p.Files {
		if b, ok := w.disk.Durable(f.Name); !ok || sha256.Sum256(b) != f.SHA256 {
			return fmt.Errorf("part %d was committed, but %s is not durable", p.Seq, f.Name)
		}
	}
	return nil
}

// finished checks a dataset that was carried to its end: complete, equal to the undisturbed one, nothing left over. The
// names of files are compared unless Parts were reopened.
func finished(disk *faultfs.Disk, load workload, want map[string][]byte) error {
	for name := range disk.Files(".") {
		if strings.HasPrefix(name, stagingFolder) || strings.Contains(name, atomicfile.TempPrefix) {
			return fmt.Errorf("%s was left behind", name)
		}
	}
	return carriedOver(disk, NewDiskLogs(disk.Process(nil)), load, want)
}

// carriedOver is finished without what the kind of ground may leave behind.
func carriedOver(disk ground, logs LogStore, load workload, want map[string][]byte) error {
	if err := watch(disk).check(); err != nil {
		return err
	}
	visible := dataFiles(disk)
	if want != nil {
		if err := sameBytes(want, visible); err != nil {
			return err
		}
	}
	d, err := Load(context.Background(), logs)
	if err != nil {
		return err
	}
	inventory := map[string][]byte{}
	for _, f := range d.Inventory() {
		inventory[f.Name] = visible[f.Name]
		if !f.Published {
			return fmt.Errorf("%s is not known to be published", f.Name)
		}
	}
	if err := sameBytes(inventory, visible); err != nil {
		return fmt.Errorf("inventory: %w", err)
	}
	return load.complete(d, visible)
}

// complete checks that every range is there exactly once, and that the books say so.
func (w workload) complete(d *Dataset, visible map[string][]byte) error {
	var want chatferry.Books
	gone := supersededNow(d)
	books, tables, err := d.Books()
	if err != nil {
		return err
	}
	for _, table := range stubTables {
		count, marked := rangesIn(visible, table)
		for i := range w.shards {
			for k := range w.parts {
				if text := string(w.bytes(w.shard(i).ID, k, table)); count[text] != 1 {
					return fmt.Errorf("%q are there %d times", text, count[text])
				}
			}
		}
		n := w.shards * w.parts
		if len(count) != n || int64(marked) != gone {
			return fmt.Errorf("table %s has rows of %d ranges, want %d; of %d a row is superseded, want %d", table, len(count), n, marked, gone)
		}
		files := int64(0)
		for _, f := range d.Inventory() {
			if f.Table == table {
				files++
			}
		}
		if tables[table].Files != files || tables[table].Rows != 2*int64(n)-gone {
			return fmt.Errorf("table %s has totals %+v", table, tables[table])
		}
	}
	var parts, shards chatferry.Books
	for i := range w.shards {
		id := w.shard(i).ID
		for k := range w.parts {
			want.Add(w.books(id, k))
		}
		shards.Add(d.ShardBooks(id))
	}
	for _, s := range d.Shards {
		for _, p := range s.Commits {
			b, ok := d.PartBooks(PartID{s.Shard.ID, p.Seq})
			if ok == p.Reopened || b.Close() != nil {
				return fmt.Errorf("part %d of shard %s, reopened %v, has the books %+v", p.Seq, s.Shard.ID, p.Reopened, b)
			}
			parts.Add(b)
		}
	}
	got := books[chatferry.Chats]
	if got.Read != want.Read || got.Quarantined != want.Quarantined || got.Superseded.N != gone || got.Loaded.N != want.Loaded.N-gone || got.Close() != nil {
		return fmt.Errorf("the books say %+v, want %+v with %d superseded", got, want, gone)
	}
	if !reflect.DeepEqual(got, parts) || !reflect.DeepEqual(got, shards) {
		return fmt.Errorf("the books of the parts add up to %+v, of the shards to %+v, of the streams to %+v", parts, shards, got)
	}
	if done := len(w.replaces); done > 0 {
		n := 0
		for _, r := range d.Replaces() {
			if r.Done {
				n++
			}
		}
		if n != done {
			return fmt.Errorf("%d replaces are done, want %d", n, done)
		}
	}
	for _, s := range d.Shards {
		if !s.Done {
			return fmt.Errorf("shard %s is not done", s.Shard.ID)
		}
	}
	runs := d.Runs()
	if len(runs) == 0 || runs[len(runs)-1].Done == nil {
		return fmt.Errorf("the last run has not ended")
	}
	return nil
}
