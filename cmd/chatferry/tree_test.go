package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"chatferry/checkpoint"
)

// tree writes into a file what a folder holds, every file with its time and content, so that cmp shows whether any has
// changed: "tree before data". The lock of a dataset is taken by every run, and belongs to none.
func tree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: tree FILE FOLDER")
	}
	var list strings.Builder
	root := ts.MkAbs(args[1])
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(p)
		rel, _ := filepath.Rel(root, p)
		if filepath.ToSlash(rel) == checkpoint.Folder+"/lock" {
			return err
		}
		fmt.Fprintf(&list, "%s %s %x\n", rel, info.ModTime().UTC(), sha256.Sum256(text))
		return err
	})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(list.String()), 0o600))
}
