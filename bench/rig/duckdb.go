package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	"chatferry"
)

//go:embed duckdb.mjs
var duckScript []byte

// duckdb is DuckDB as an npm package: a prebuilt library in a node process.
type duckdb struct{ node, script string }

// duckPackage is the version that is measured.
const duckPackage = "@duckdb/node-api@1.5.6-r.1"

// installDuckDB puts the package into a folder, unless it is there.
func (r *rig) installDuckDB(ctx context.Context, dir string) (*duckdb, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, errors.New("there is no node in PATH; install Node.js 20 or newer with npm (Debian: apt install nodejs npm)")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	d := &duckdb{node: node, script: filepath.Join(dir, "duckdb.mjs")}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	// The script stands beside the package, where node looks for it.
	if err := os.WriteFile(d.script, duckScript, 0o644); err != nil {
		return nil, err
	}
	stamp := filepath.Join(dir, "installed")
	if was, err := os.ReadFile(stamp); err == nil && string(was) == duckPackage {
		return d, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return nil, errors.New("there is no npm in PATH; install it beside node (Debian: apt install npm)")
	}
	r.say("installing %s into %s", duckPackage, dir)
	if _, _, err := child(ctx, nil, npm, "install", "--no-audit", "--no-fund", "--no-save", "--prefix", dir, duckPackage); err != nil {
		return nil, err
	}
	return d, os.WriteFile(stamp, []byte(duckPackage), 0o644)
}

// schema has DuckDB find out what columns the dump has, which is measured with neither program.
func (d *duckdb) schema(ctx context.Context, dump string) error {
	_, err := d.do(ctx, "schema", dump, "")
	return err
}

// call has DuckDB write the files of a form into a new folder.
func (d *duckdb) call(ctx context.Context, form, dump, out string) (cost, error) {
	if err := os.Mkdir(out, 0o700); err != nil {
		return cost{}, err
	}
	return d.do(ctx, form, dump, out)
}

func (d *duckdb) do(ctx context.Context, form, dump, out string) (cost, error) {
	_, c, err := child(ctx, nil, d.node, d.script, form, filepath.Join(dump, "chats", "*"), out, strconv.Itoa(runtime.NumCPU()), dump+".schema")
	return c, err
}

// holds fails unless the files have the rows that chatferry's tables have. Another table, chat_visitors, chatferry makes out
// of these.
func (d *duckdb) holds(ctx context.Context, out string, want *carried) error {
	text, _, err := child(ctx, nil, d.node, d.script, "count", "", out, "1")
	if err != nil {
		return err
	}
	var got map[string]int64
	if err := json.Unmarshal(text, &got); err != nil {
		return err
	}
	for _, t := range chatferry.Chats.Tables() {
		table := string(t)
		if got[table] != want.Tables[table].Rows {
			return fmt.Errorf("DuckDB wrote %d rows of %s, chatferry %d: they did not do the same work", got[table], table, want.Tables[table].Rows)
		}
	}
	return nil
}
