package checkpoint

import (
	"crypto/sha256"
	"fmt"

	"chatferry"
)

// watchedReplace is a replace as its records tell it.
type watchedReplace struct {
	body                 *Replace
	done, undone, remove bool
}

// file returns what a replace adds under a name.
func (r *watchedReplace) file(name string) *chatferry.PartFile {
	for i := range r.body.Add {
		if r.body.Add[i].Name == name {
			return &r.body.Add[i].PartFile
		}
	}
	return nil
}

// takeReplace folds a record of a replace.
func (w *watcher) takeReplace(r *Record) error {
	var last *watchedReplace
	if n := len(w.replaces); n > 0 {
		last = w.replaces[n-1]
	}
	inProgress := last != nil && !last.done && !last.undone
	switch r.Kind {
	case KindReplace:
		if inProgress {
			return fmt.Errorf("a replace was announced while another is in progress")
		}
		next := &watchedReplace{body: r.Replace}
		w.replaces = append(w.replaces, next)
		for _, f := range r.Replace.Add {
			if w.owners[f.Name] != nil || w.added[f.Name] != nil {
				return fmt.Errorf("two records add %s", f.Name)
			}
			w.added[f.Name] = next
		}
		for _, f := range r.Replace.Retire {
			if by := w.retired[f.Name]; by != nil && by.done {
				return fmt.Errorf("%s is retired twice", f.Name)
			}
			w.retired[f.Name] = next
		}
	case KindReplaceDone:
		if !inProgress {
			return fmt.Errorf("no replace is in progress")
		}
		last.done = true
	case KindReplaceUndone:
		if !inProgress {
			return fmt.Errorf("no replace is in progress")
		}
		last.undone = true
	case KindRemoved:
		for _, g := range r.Removed.Generations {
			w.replaces[g-1].remove = true
		}
	}
	return nil
}

// isRetired reports whether a file has left the inventory, and whether it must be gone.
func (w *watcher) isRetired(name string) (retired, gone bool) {
	by := w.retired[name]
	return by != nil && by.done, by != nil && by.done && by.remove
}

// checkVisible holds a visible file against the replaces. It is false if no replace adds it.
func (w *watcher) checkVisible(name string, data []byte) (bool, error) {
	if _, gone := w.isRetired(name); gone {
		return true, fmt.Errorf("%s is visible, but was retired and removed", name)
	}
	by := w.added[name]
	if by == nil {
		return false, nil
	}
	if by.undone && by.remove {
		return true, fmt.Errorf("%s is visible, but its replace was undone and its files removed", name)
	}
	if sha256.Sum256(data) != by.file(name).SHA256 {
		return true, fmt.Errorf("%s holds %q, which is not what was to be added", name, data)
	}
	return true, nil
}

func (w *watcher) durable(name string, want *chatferry.SHA256) bool {
	data, ok := w.disk.Durable(name)
	return ok && (want == nil || sha256.Sum256(data) == *want)
}

// checkReplaces: at every instant the inventory is durable under its names, so that whoever lists or globs sees every row:
// what is to be retired until replace-done, what is added from then on. What was removed cannot come back.
func (w *watcher) checkReplaces() error {
	for i, r := range w.replaces {
		g := i + 1
		for _, f := range r.body.Retire {
			switch retired, gone := w.isRetired(f.Name); {
			case gone && w.durable(f.Name, nil):
				return fmt.Errorf("%s was removed, but a power loss would bring it back", f.Name)
			case !retired && !w.durable(f.Name, nil):
				return fmt.Errorf("%s is to be retired by replace %d, which is not done, but is not durable any more", f.Name, g)
			}
		}
		for i := range r.body.Add {
			f := &r.body.Add[i].PartFile
			final := w.durable(f.Name, &f.SHA256)
			retired, _ := w.isRetired(f.Name)
			switch {
			case retired:
			case r.done && !final:
				return fmt.Errorf("replace %d is done, but %s is not durable", g, f.Name)
			case r.undone && r.remove && final:
				return fmt.Errorf("replace %d was undone and cleared, but a power loss would bring %s back", g, f.Name)
			case !r.done && !r.undone && !final && f.Staging != w.lost && !w.vanished[f.Staging] && !w.durable(f.Staging, &f.SHA256):
				return fmt.Errorf("replace %d adds %s, which is durable neither there nor in staging", g, f.Name)
			}
		}
	}
	return nil
}

// replacedWell checks a replace whose Replace returned nil.
func (w *watcher) replacedWell(r *Replace) error {
	if err := w.check(); err != nil {
		return err
	}
	if n := len(w.replaces); n == 0 || !w.replaces[n-1].done || w.replaces[n-1].body.Generation != r.Generation {
		return fmt.Errorf("replace %d returned well, but it is not done", r.Generation)
	}
	for _, f := range r.Retire {
		if _, there := w.disk.Files("tables")[f.Name]; there != (r.KeepS > 0) {
			return fmt.Errorf("replace %d returned well, and %s is there: %v", r.Generation, f.Name, there)
		}
	}
	return nil
}
