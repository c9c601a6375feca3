package local_test

import (
	"errors"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
	"chatferry/load"
	"chatferry/load/local"
)

// A damaged record must not make the store touch files that are not a Part's.
func TestNamesOutsideOfTheDatasetAreRefused(t *testing.T) {
	const good = "_chatferry/staging/000000000007.e000000000001.000000000001.visitors.aa.tmp"
	store := local.New(faultfs.NewDisk().Process(nil))
	for _, name := range []string{
		"", "tables", "tables/", "tables/../_chatferry/FORMAT", "_chatferry/FORMAT", "_chatferry/log/dataset/000000000001.json",
		"/etc/passwd", "../x", "tables//x", "_chatferry/staging/x",
	} {
		f := chatferry.PartFile{Name: name, Staging: good}
		for what, err := range map[string]error{
			"publish":   store.Publish(t.Context(), f),
			"unpublish": store.Unpublish(t.Context(), f),
		} {
			if chatferry.KindOf(err) != chatferry.KindIncompatible {
				t.Errorf("%s %q: %v", what, name, err)
			}
		}
		if _, err := store.Create(t.Context(), load.Target{Label: "visitors", Nonce: "aa", Name: name}); chatferry.KindOf(err) != chatferry.KindIncompatible {
			t.Errorf("create %q: %v", name, err)
		}
	}
	for _, ref := range []string{
		"", "_chatferry/staging", "_chatferry/FORMAT", "_chatferry/staging/../FORMAT", "_chatferry/staging/x.tmp",
		"_chatferry/staging/7.e1.1.visitors.aa.json", "_chatferry/staging/7.1.1.visitors.aa.tmp", "/" + good,
	} {
		for what, err := range map[string]error{
			"publish": store.Publish(t.Context(), chatferry.PartFile{Name: load.LedgerName(7, 1), Staging: ref}),
			"unstage": store.Unstage(t.Context(), chatferry.Staged{Ref: ref}),
		} {
			if chatferry.KindOf(err) != chatferry.KindIncompatible {
				t.Errorf("%s %q: %v", what, ref, err)
			}
		}
	}
	gone := chatferry.PartFile{Name: load.LedgerName(7, 1), Staging: good}
	if err := store.Publish(t.Context(), gone); !errors.Is(err, chatferry.ErrStagingGone) {
		t.Errorf("publish what never was: %v", err)
	}
}

// A process that was taken over looks at the staging file, and the newcomer publishes it before the link.
func TestPublishedByAnotherBetweenLookingAndLinking(t *testing.T) {
	disk := faultfs.NewDisk()
	part, err := seal(t, disk.Process(nil), 1)
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	old := disk.Process(func(op faultfs.Op) faultfs.Fault {
		if op.Do == "link" {
			links++
			if err := publish(t, disk.Process(nil), part); err != nil {
				t.Error(err)
			}
		}
		return faultfs.Fault{}
	})
	if err := publish(t, old, part); err != nil {
		t.Error(err)
	}
	if want, _ := undisturbed(t); links == 0 || !sameFiles(disk.Files("."), want) {
		t.Errorf("%d links, files %v", links, disk.Files("."))
	}
}
