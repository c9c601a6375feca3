package settle

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"testing"
	"time"

	"chatferry"
	"chatferry/checkpoint/atomicfile"
)

// A visitor whose newest chat goes without a newer one has what an older chat says, of a file that did not change.
func TestNewestChatGoes(t *testing.T) {
	f := newFeed()
	f.page, f.part = 2, 2
	older := chat{id: "a", version: 3, visitor: "v"}
	f.add(chatferry.Chats, texts(older, chat{id: "b", version: 1, visitor: "w"})...)
	f.add(chatferry.Chats, texts(chat{id: "c", version: 5, visitor: "v"}, chat{id: "d", version: 1, visitor: "x"})...)
	w := newWorld(t, f)
	if _, err := w.carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.add(chatferry.Chats, chat{id: "c", version: 6, channel: "facebook"}.String())
	report, err := w.carry(t.Context())
	if err == nil {
		err = w.check(t.Context())
	}
	if err != nil || report.Touched != 1 || report.Visitors != 3 {
		t.Errorf("%+v, %v", report, err)
	}
}

// A damaged file of visits is noticed when it is used; then the table is derived from all chats, and the file is whole again.
func TestDamagedVisits(t *testing.T) {
	w := newWorld(t, smallAccount())
	if _, err := w.carry(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := newDerivedFiles(w.fsys)
	if err := d.list(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(d.have)) {
		if path.Ext(name) != visitsKind.ext {
			continue
		}
		damage(t, w.fsys, d, name, func() error {
			if _, err := d.scan(t.Context(), &visitsKind, name, nil); err != nil {
				return err
			}
			f, err := d.openVisits(t.Context(), name)
			if err != nil {
				return err
			}
			defer f.Close()
			for i := range f.count {
				if _, err := f.at(i); err != nil {
					return err
				}
			}
			return nil
		})
		data, err := atomicfile.ReadAll(w.fsys, path.Join(keysFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)-keysTail-1] ^= 1 // an offset
		if err := d.write(t.Context(), name, data); err != nil {
			t.Fatal(err)
		}
	}
	w.feed.add(chatferry.Chats, texts(chat{id: "n", version: 9, visitor: "v1"}, chat{id: "c0", version: 9, visitor: "v2"})...)
	report, err := w.carry(t.Context())
	if err == nil {
		err = w.check(t.Context())
	}
	if err != nil || report.Superseded[chatferry.Chats] == 0 || report.Touched > 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	// Each settle finds one of them at least.
	for i := 0; report.Touched == 0; i++ {
		if i > len(d.have) {
			t.Fatalf("the visits are not whole again: %+v", report)
		}
		w.feed.add(chatferry.Chats, chat{id: fmt.Sprint("m", i), version: 9, visitor: "v1"}.String())
		if report, err = w.carry(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.check(t.Context()); err != nil {
		t.Error(err)
	}
}

// A time at or before the beginning of 1970 is one like others, whatever is known of the settle before.
func TestTimesBefore1970(t *testing.T) {
	at := func(year int) int { return int(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Sub(epoch) / time.Minute) }
	nights := [][]chat{
		{{id: "1", visitor: "a", begun: at(1960)}, {id: "2", visitor: "b", begun: at(1970)}, {id: "3", visitor: "c", begun: at(2020)}},
		{{id: "4", visitor: "a", begun: at(1961)}, {id: "5", visitor: "b", begun: at(1950)}, {id: "6", visitor: "d", begun: at(1970)}},
	}
	var trees []map[string][]byte
	for _, forgetful := range []bool{false, true} {
		w := newWorld(t, newFeed())
		for night, chats := range nights {
			if forgetful {
				if err := forget(t.Context(), w.fsys); err != nil {
					t.Fatal(err)
				}
			}
			w.feed.add(chatferry.Chats, texts(chats...)...)
			report, err := w.carry(t.Context())
			if err == nil {
				err = w.check(t.Context())
			}
			if err != nil || night > 0 && (report.Touched > 0) == forgetful {
				t.Fatalf("forgetful %v, night %d: %+v, %v", forgetful, night, report, err)
			}
		}
		files, err := tree(w.fsys, settled...)
		if err != nil {
			t.Fatal(err)
		}
		trees = append(trees, files)
	}
	if err := differ(trees[0], trees[1]); err != nil {
		t.Error(err)
	}
}

// A file of visits that says a wrong number of them is made again, wherever that is noticed.
func TestDamagedCountOfVisits(t *testing.T) {
	for _, by := range []int64{-1, 1} {
		f := newFeed()
		f.page, f.part = 4, 4
		var chats []chat
		for i := range 12 {
			chats = append(chats, chat{id: fmt.Sprintf("c%d", i), version: 1, visitor: fmt.Sprintf("v%d", i%5), begun: i})
		}
		f.add(chatferry.Chats, texts(chats...)...)
		w := newWorld(t, f)
		if _, err := w.carry(t.Context()); err != nil {
			t.Fatal(err)
		}
		d := newDerivedFiles(w.fsys)
		if err := d.list(t.Context()); err != nil {
			t.Fatal(err)
		}
		damaged := 0
		for _, name := range slices.Sorted(maps.Keys(d.have)) {
			if path.Ext(name) != visitsKind.ext {
				continue
			}
			data, err := atomicfile.ReadAll(w.fsys, path.Join(keysFolder, name))
			if err != nil {
				t.Fatal(err)
			}
			count := binary.LittleEndian.Uint64(data[magicSize:])
			binary.LittleEndian.PutUint64(data[magicSize:], uint64(int64(count)+by))
			if err := d.write(t.Context(), name, data); err != nil {
				t.Fatal(err)
			}
			damaged++
		}
		if err := d.Remove(t.Context(), stateName); err != nil {
			t.Fatal(err)
		}
		f.add(chatferry.Chats, chat{id: "n", version: 9, visitor: "v1"}.String())
		report, err := w.carry(t.Context())
		if err == nil {
			err = w.check(t.Context())
		}
		if err != nil || damaged < 4 || report.Touched > 0 {
			t.Errorf("%d more: %d files were damaged: %+v, %v", by, damaged, report, err)
		}
	}
}

// However often visitors come, the files of chat_visitors are not many and not large.
func TestFilesOfVisitors(t *testing.T) {
	f := newFeed()
	w := newWorld(t, f)
	limits := limitsOf(0)
	limits.visitorsPerFile, limits.visitorsJoin = 16, 4
	w.options.limits = &limits
	rng := rand.New(rand.NewPCG(1, 6))
	most := 0
	for round := range 30 {
		var chats []chat
		for i := range 6 {
			visitor := rng.IntN(1 + round*3)
			if i < 3 {
				visitor = round*3 + i
			}
			chats = append(chats, chat{id: fmt.Sprintf("c%d-%d", round, i), version: round, visitor: fmt.Sprintf("v%d", visitor)})
		}
		f.add(chatferry.Chats, texts(chats...)...)
		report, err := w.carry(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if round > 0 && report.Touched == 0 {
			t.Errorf("round %d: all visitors were looked at: %+v", round, report)
		}
		d, err := w.dataset(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		files, rows := 0, int64(0)
		for _, file := range d.Inventory() {
			if file.Table == ChatVisitors {
				files++
				rows += file.Rows
				if file.Rows > 2*limits.visitorsPerFile {
					t.Errorf("round %d: %s has %d rows", round, file.Name, file.Rows)
				}
			}
		}
		if bound := int(rows/(limits.visitorsPerFile/2)) + limits.visitorsJoin + 1; files > bound {
			t.Errorf("round %d: %d visitors are in %d files, not in %d", round, rows, files, bound)
		}
		most = max(most, files)
	}
	if err := w.check(t.Context()); err != nil {
		t.Error(err)
	}
	if most < 8 {
		t.Errorf("there were never more than %d files: too few to tell", most)
	}
}
