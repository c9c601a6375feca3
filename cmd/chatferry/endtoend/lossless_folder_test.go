package endtoend

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chatferry"
)

// recordsVariable names a folder of JSON files: real records that cannot be kept with the sources.
const recordsVariable = "CHATFERRY_RECORDS"

// Every JSON file of a folder is carried over as a dump of every Stream: what becomes a row is rebuilt, and what does not
// is in quarantine. A file that is named after one record of a Stream (chat.json, agent.json, …) must be loaded as that.
func TestLosslessFolder(t *testing.T) {
	dir := os.Getenv(recordsVariable)
	if dir == "" {
		t.Skipf("%s is not set", recordsVariable)
	}
	dump := t.TempDir()
	own := map[string]chatferry.Stream{} // path in the dump → the Stream that its name tells
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(name) != ".json" && filepath.Ext(name) != ".ndjson" {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		for _, s := range chatferry.Given() {
			if s.CSV() {
				continue
			}
			to := string(s) + "/" + strings.ReplaceAll(filepath.ToSlash(rel), "/", "-")
			writeFile(t, dump, to, data)
			base := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
			if base+"s" == string(s) || base == string(chatferry.Account) && s == chatferry.Account {
				own[to] = s
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &proof{
		carried: carryFolder(t, dump, smallCuts()), spaced: true,
		columns: func(file string) bool { return own[file] != "" },
	}
	p.prove(t)
	for path, s := range own {
		t.Logf("%s: %d records loaded as %s", path, p.rowsOf[path], s)
		if p.rowsOf[path] == 0 {
			t.Errorf("nothing of %s was loaded as %s", path, s)
		}
	}
	for s, rejects := range p.quarantined {
		codes := map[chatferry.Code]int{}
		for r, n := range rejects {
			codes[r.code] += n
		}
		t.Logf("%s: %d different records loaded, in quarantine %v", s, len(p.loaded[s]), codes)
	}
}
