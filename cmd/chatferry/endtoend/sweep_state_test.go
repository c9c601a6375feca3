package endtoend

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"chatferry/checkpoint"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// published are the folders whose files a resumed dataset must have byte for byte as an undisturbed one has them.
var published = []string{"tables", "_chatferry/ledger", "_chatferry/quarantine"}

// visible are the files in them.
func visible(d *faultfs.Disk) map[string][]byte {
	files := map[string][]byte{}
	for _, folder := range published {
		maps.Copy(files, d.Files(folder))
	}
	return files
}

// logRecord is what the sweep reads of a record of a Shard's log, with nothing but encoding/json.
type logRecord struct {
	Kind   string `json:"kind"`
	Epoch  uint64 `json:"epoch"`
	Log    string `json:"log"`
	Commit *struct {
		Seq   uint64 `json:"seq"`
		Files []struct {
			Staging string `json:"staging"`
			Name    string `json:"name"`
			Size    int64  `json:"size"`
			SHA256  string `json:"sha256"`
		} `json:"files"`
	} `json:"commit"`
}

// readLogs reads every log record on the disk.
func readLogs(d *faultfs.Disk) (map[string]logRecord, error) {
	records := map[string]logRecord{}
	for name, data := range d.Files("_chatferry/log") {
		if path.Ext(name) != ".json" {
			continue
		}
		var r logRecord
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, fmt.Errorf("%s is not a whole record: %w", name, err)
		}
		records[name] = r
	}
	return records, nil
}

// whole looks whether everything that readers see is named by a commit record and is the file that it names.
func whole(d *faultfs.Disk) error {
	records, err := readLogs(d)
	if err != nil {
		return err
	}
	sums := map[string]string{}
	for _, r := range records {
		if r.Commit != nil {
			for _, f := range r.Commit.Files {
				sums[f.Name] = f.SHA256
			}
		}
	}
	for name, data := range visible(d) {
		sum := sha256.Sum256(data)
		switch want, named := sums[name]; {
		case !named:
			return fmt.Errorf("%s is visible, but no commit names it", name)
		case want != hex.EncodeToString(sum[:]):
			return fmt.Errorf("%s is visible, but is not whole", name)
		}
	}
	return nil
}

// finished looks whether the dataset is complete and equal to an undisturbed one, and stays so when the power goes.
func finished(d *faultfs.Disk, want map[string][]byte) error {
	for _, loss := range []bool{false, true} {
		if loss {
			d.PowerLoss(faultfs.KeepNothing, nil)
		}
		got := visible(d)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if b, ok := got[name]; !ok {
				return fmt.Errorf("%s is missing (power lost: %v)", name, loss)
			} else if !bytes.Equal(b, want[name]) {
				return fmt.Errorf("%s differs from an undisturbed run's (power lost: %v)", name, loss)
			}
			delete(got, name)
		}
		for name := range got {
			return fmt.Errorf("%s is not in an undisturbed run's dataset (power lost: %v)", name, loss)
		}
		// What was removed from staging may come back with a power loss; nobody reads it.
		if staged := d.Files("_chatferry/staging"); len(staged) > 0 && !loss {
			return fmt.Errorf("%v is left in staging", slices.Sorted(maps.Keys(staged)))
		}
		dataset, err := checkpoint.Load(context.Background(), checkpoint.NewDiskLogs(d.Process(nil)))
		if err != nil {
			return fmt.Errorf("read the logs (power lost: %v): %w", loss, err)
		}
		for _, s := range dataset.Shards {
			if !s.Done {
				return fmt.Errorf("shard %s is not done (power lost: %v)", s.Shard.ID, loss)
			}
		}
		if runs := dataset.Runs(); len(runs) == 0 || runs[len(runs)-1].Done == nil {
			return errors.New("the last run has no run-done")
		}
		if files := dataset.Inventory(); len(files) != len(want) {
			return fmt.Errorf("the logs list %d files, an undisturbed run's %d", len(files), len(want))
		}
	}
	return nil
}

var nonce = regexp.MustCompile(`[0-9a-f]{16,}`)

// state names what is on a disk, so that disks on which a resumed run has the same to do have one name: nonces and
// times are left out, and so is the content of files that no record names.
func state(d *faultfs.Disk) string {
	records, err := readLogs(d)
	if err != nil {
		return err.Error()
	}
	staged := map[string]bool{}
	for _, r := range records {
		if r.Commit != nil {
			for _, f := range r.Commit.Files {
				staged[f.Staging] = true
			}
		}
	}
	sum := sha256.New()
	files := d.Files(".")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasPrefix(path.Base(name), ".tmp-test-") {
			continue // what a killed probe left
		}
		fmt.Fprintf(sum, "%s ", nonce.ReplaceAllString(name, "N"))
		if r, ok := records[name]; ok {
			fmt.Fprintf(sum, "%s %d", r.Kind, r.Epoch)
		} else if staged[name] || !strings.HasPrefix(name, "_chatferry/") {
			fmt.Fprintf(sum, "%x", sha256.Sum256(files[name]))
		}
		fmt.Fprintln(sum)
	}
	fmt.Fprintln(sum, folders(d.Process(nil), "."))
	return string(sum.Sum(nil))
}

// folders lists all folders.
func folders(p *faultfs.Process, at string) []string {
	names, err := p.ReadDir(at)
	if err != nil {
		return []string{err.Error()}
	}
	var all []string
	for _, name := range names {
		if below, ok := strings.CutSuffix(name, "/"); ok {
			all = append(all, path.Join(at, below))
			all = append(all, folders(p, path.Join(at, below))...)
		}
	}
	return all
}

// lasting names what is on a disk, and what a power loss would leave of it.
func lasting(d *faultfs.Disk) string {
	c := d.Clone()
	c.PowerLoss(faultfs.KeepNothing, nil)
	return state(d) + state(c)
}
