package verify

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"chatferry"
	"chatferry/checkpoint"
)

// listing is what there is below the root, as far as the logs have a say in it.
type listing struct {
	sizes map[string]int64  // of tables, ledger and quarantine
	logs  map[string]string // the logs of Shards, with one of their records each
}

// dataFolders are those in which nothing may be but what the logs list.
var dataFolders = []string{"tables/", checkpoint.Folder + "/ledger/", checkpoint.Folder + "/quarantine/", checkpoint.Folder + "/replayed/"}

var recordForm = regexp.MustCompile(`^` + checkpoint.Folder + `/log/(dataset|\d{12})/(\d{12})\.json$`)

// recordOf splits the name of a record of a log.
func recordOf(name string) (log, n string, ok bool) {
	m := recordForm.FindStringSubmatch(name)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

func recordName(log string, n uint64) string {
	return fmt.Sprintf("%s/log/%s/%012d.json", checkpoint.Folder, log, n)
}

func (v *verifier) look(ctx context.Context) (*listing, error) {
	l := &listing{sizes: map[string]int64{}, logs: map[string]string{}}
	err := v.o.Contents(ctx, func(name string, size int64) {
		if slices.ContainsFunc(dataFolders, func(f string) bool { return strings.HasPrefix(name, f) }) {
			l.sizes[name] = size
		} else if log, _, ok := recordOf(name); ok && log != checkpoint.DatasetLog {
			l.logs[log] = name
		}
	})
	return l, err
}

// standing is what the logs say about a name.
type standing int

const (
	unknown standing = iota
	living           // it is in the Inventory
	awaited          // it may be there already or not yet
	leaving          // it may be there still or not any longer
	removed          // it was there, and is not any longer
)

// standings returns what the logs say about every name that they know.
func standings(d *checkpoint.Dataset) map[string]standing {
	out := map[string]standing{}
	for i := range d.Shards {
		s := &d.Shards[i]
		for j := range s.Commits {
			p := &s.Commits[j]
			is := living
			switch {
			case p.Reopened && len(s.Removing) > 0:
				is = leaving
			case p.Reopened:
				is = removed
			case !p.Published:
				is = awaited
			}
			for k := range p.Files {
				out[p.Files[k].Name] = is
			}
		}
	}
	for _, r := range d.Replaces() {
		gone := leaving
		if r.Removed {
			gone = removed
		}
		is := awaited
		switch {
		case r.Done:
			is = living
			for _, f := range r.Retire {
				out[f.Name] = gone
			}
		case r.Undone:
			is = gone
		}
		for i := range r.Add {
			out[r.Add[i].Name] = is
		}
	}
	return out
}

// suspects are files that are missing or left over by the logs as they were at the beginning. A run that works meanwhile
// may have retired or published them.
type suspects struct {
	missing []*checkpoint.InventoryFile
	others  []string // that should not be there
}

// list holds the names and sizes of what is there against the logs.
func (v *verifier) list(ctx context.Context) error {
	l, err := v.look(ctx)
	if err != nil {
		return err
	}
	v.listed = l
	inventory := v.d.Inventory()
	for i := range inventory {
		f := &inventory[i]
		v.report.Files++
		v.report.ListBytes += f.Size
		switch size, there := l.sizes[f.Name]; {
		case !there:
			v.suspect(f)
		case size != f.Size:
			v.fail(f, Finding{Kind: Size, What: "its size is wrong", Expected: fmt.Sprintf("%d bytes", f.Size), Found: fmt.Sprintf("%d bytes", size)})
		}
	}
	known := standings(v.d)
	for _, name := range slices.Sorted(maps.Keys(l.sizes)) {
		switch known[name] {
		case unknown, removed:
			v.unsure.others = append(v.unsure.others, name)
		case leaving:
			v.report.Leaving++
		}
	}
	for _, log := range slices.Sorted(maps.Keys(l.logs)) {
		if !hasLog(v.d, log) {
			v.unsure.others = append(v.unsure.others, l.logs[log])
		}
	}
	return nil
}

// suspect enters a file that is not there.
func (v *verifier) suspect(f *checkpoint.InventoryFile) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.broken[f.Name] {
		v.broken[f.Name] = true
		v.unsure.missing = append(v.unsure.missing, f)
	}
}

func hasLog(d *checkpoint.Dataset, log string) bool {
	return slices.ContainsFunc(d.Shards, func(s checkpoint.ShardState) bool { return s.Shard.ID.String() == log })
}

// confirm looks again at what is suspect, with the logs as they are now.
func (v *verifier) confirm(ctx context.Context) error {
	if len(v.unsure.missing) == 0 && len(v.unsure.others) == 0 {
		return nil
	}
	// What is there is listed before the logs are read again: whatever a run made by then is in them.
	now, err := v.look(ctx)
	if err != nil {
		return err
	}
	d, err := v.o.Load(ctx)
	switch {
	case chatferry.KindOf(err) == chatferry.KindIncompatible:
		v.corrupt(err)
		return nil
	case err != nil:
		return err
	case d == nil:
		d = v.d // it was discarded meanwhile, and so all files are missing
	}
	known := standings(d)
	for _, f := range v.unsure.missing {
		if err := v.confirmMissing(ctx, f, known[f.Name], now); err != nil {
			return err
		}
	}
	for _, name := range v.unsure.others {
		log, _, isRecord := recordOf(name)
		_, there := now.sizes[name]
		switch {
		case isRecord && now.logs[log] != "" && !hasLog(d, log):
			v.found.add(Finding{Kind: DamagedLog, Place: name, What: "it is of a shard that the log of the dataset does not know"})
		case isRecord || !there:
		case known[name] == unknown:
			v.found.add(Finding{Kind: Extra, Place: name, What: "no log knows this file"})
		case known[name] == removed:
			v.found.add(Finding{Kind: Stale, Place: name, What: "it was replaced or given up, and removed, and is there again"})
		}
	}
	return nil
}

func (v *verifier) confirmMissing(ctx context.Context, f *checkpoint.InventoryFile, is standing, now *listing) error {
	_, there := now.sizes[f.Name]
	switch {
	case is == leaving || is == removed:
		v.report.Moved++
		return nil
	case there:
		v.report.Awaited++ // it was published meanwhile
		return nil
	case is == awaited:
		staged, err := v.isStaged(ctx, f)
		if err != nil {
			return err
		}
		if staged {
			v.report.Awaited++
			return nil
		}
	}
	v.found.add(Finding{Kind: Missing, Place: f.Name, What: fmt.Sprintf("it is missing, with its %d rows", f.Rows)})
	return nil
}

// isStaged reports whether a file that was committed and not published before its run ended still can be.
func (v *verifier) isStaged(ctx context.Context, f *checkpoint.InventoryFile) (bool, error) {
	all, err := v.o.Store.ListStaged(ctx, f.Shard)
	return slices.ContainsFunc(all, func(s chatferry.Staged) bool { return s.Ref == f.Staging }), err
}
