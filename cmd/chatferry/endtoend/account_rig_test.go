package endtoend

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow/array"

	"chatferry"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
	apifaults "chatferry/extract/rehearsal/faults"
	"chatferry/load"
)

const (
	// accountToken is in use at first, accountTokenNew after somebody authorised again. What either leaves behind is looked
	// for by what both begin with.
	accountToken    = "toKEN-canary-7f3d1c-first"
	accountTokenNew = "toKEN-canary-7f3d1c-again"
	tokenCanary     = "toKEN-canary-7f3d1c"

	// accountUntil is behind all that the accounts hold: the last minutes, for which a run would wait, are not asked for.
	accountUntil = "2022-01-01"
)

// accountOptions say what account is served, and how it goes wrong. All pages of exports are small, so that a run meets
// first ones, last ones and others.
type accountOptions struct {
	seed    uint64
	chats   int64
	quirks  chatapi.Quirks
	kind    chatapi.Kind
	rules   string
	before  func(http.Handler) http.Handler // stands before everything; may be nil
	retry   time.Duration
	pageCap int
}

// servedAccount is an account on the network of this machine.
type servedAccount struct {
	url    string
	api    *chatapi.Server
	faults *apifaults.Handler
}

// serveAccount serves an account until the test ends.
func serveAccount(t *testing.T, o accountOptions) *servedAccount {
	t.Helper()
	if o.pageCap == 0 {
		o.pageCap = 100
	}
	o.quirks.PageCap = o.pageCap
	account := rehearsal.New(rehearsal.Options{Seed: o.seed, Chats: o.chats, From: from, To: from.AddDate(0, 2, 0)})
	a := &servedAccount{}
	var err error
	if a.api, err = chatapi.New(account, chatapi.Options{Kind: o.kind, Token: accountToken, Quirks: o.quirks}); err != nil {
		t.Fatal(err)
	}
	rules, err := apifaults.Parse(o.rules)
	if err != nil {
		t.Fatal(err)
	}
	a.faults, err = apifaults.New(a.api, apifaults.Options{
		Rules: rules, Seed: o.seed, RetryAfter: max(o.retry, time.Second), Slow: time.Second,
		Touch: func(id string) bool {
			i, ok := account.ChatNumber(id)
			return ok && a.api.Touch(i)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var handler http.Handler = a.faults
	if o.before != nil {
		handler = o.before(handler)
	}
	server := httptest.NewServer(handler)
	server.Config.ErrorLog = nil
	t.Cleanup(func() {
		server.CloseClientConnections() // ends answers that hang on purpose
		server.Close()
	})
	a.url = server.URL
	return a
}

// quicken makes a run ask as often as it can.
var quicken = []string{"--rate", "60000", "--rate-share", "100%"}

// command is the real program, ready to carry the account with a token.
func (a *servedAccount) command(t *testing.T, root, token string, flags ...string) *exec.Cmd {
	t.Helper()
	args := slices.Concat([]string{"run", "--from", a.url, "--to", root, "--until", accountUntil}, quicken,
		[]string{"--progress", "none", "--json", "--log-level", "debug"}, flags)
	cmd := command(t, "", args...)
	cmd.Env = append(cmd.Env, "CHATFERRY_TOKEN="+token, "NO_PROXY=127.0.0.1")
	return cmd
}

// carry carries the account into a dataset with the real program, and looks for the token in all that it leaves behind.
func (a *servedAccount) carry(t *testing.T, root, token string, flags ...string) (outcome, ending) {
	t.Helper()
	cmd := a.command(t, root, token, flags...)
	return settled(t, root, endOf(t, cmd, cmd.Run()))
}

// settled reads the result of a run that came to its end by itself.
func settled(t *testing.T, root string, e ending) (outcome, ending) {
	t.Helper()
	var o outcome
	if err := json.Unmarshal([]byte(e.stdout), &o); err != nil {
		t.Fatalf("%v in %q; stderr: %s", err, e.stdout, e.stderr)
	}
	if o.ExitCode != e.code {
		t.Errorf("the JSON says exit code %d, the process %d", o.ExitCode, e.code)
	}
	if strings.Contains(e.stderr, "goroutine ") {
		t.Errorf("the program panicked: %s", e.stderr)
	}
	lookForToken(t, root, e)
	return o, e
}

// lookForToken looks for the token in what a process said, and in the names and bytes of all files that it left.
func lookForToken(t *testing.T, root string, e ending) {
	t.Helper()
	for name, text := range map[string]string{"stdout": e.stdout, "stderr": e.stderr} {
		if strings.Contains(text, tokenCanary) {
			t.Errorf("%s holds the token", name)
		}
	}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if strings.Contains(filepath.Base(p), tokenCanary) {
			t.Errorf("a name holds the token: %s", p)
		}
		if d.IsDir() {
			return nil
		}
		b, err := os.ReadFile(p)
		if bytes.Contains(b, []byte(tokenCanary)) {
			t.Errorf("%s holds the token", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// records are those of a dataset or of an account: how often each is there, by its stream and the hash of its bytes, which
// holds its key and its version.
type records map[string]int

func recordOf(s chatferry.Stream, sum []byte) string { return fmt.Sprintf("%s %x", s, sum) }

// recordsOf reads what is visible of a dataset: rows, what the ledger lists and what is in quarantine.
func recordsOf(t *testing.T, root string) records {
	t.Helper()
	got := records{}
	for _, name := range glob(t, root, "tables/*/*.parquet") {
		table := chatferry.Table(filepath.Base(filepath.Dir(name)))
		if s, ok := streamOf(table); ok {
			readSums(t, name, func(sum []byte, _ string) { got[recordOf(s, sum)]++ }, load.ColumnRawSHA256)
		}
	}
	for _, name := range glob(t, root, "_chatferry/ledger/*.parquet") {
		readSums(t, name, func(sum []byte, s string) { got[recordOf(chatferry.Stream(s), sum)]++ }, "raw_sha256", load.LedgerStream)
	}
	for _, name := range glob(t, root, "_chatferry/quarantine/*.zst") {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range load.ReadQuarantine(bytes.NewReader(b)) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got[recordOf(r.Stream, r.RawSHA256[:])]++
		}
	}
	return got
}

func glob(t *testing.T, root, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// streamOf is the Stream whose records are the rows of a table.
func streamOf(table chatferry.Table) (chatferry.Stream, bool) {
	for _, s := range chatferry.Streams() {
		if s.Parent() == table {
			return s, true
		}
	}
	return "", false
}

// readSums reads a column of hashes and, if one is named, a column of texts beside it.
func readSums(t *testing.T, name string, each func(sum []byte, text string), columns ...string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := load.OpenColumns(bytes.NewReader(b), int64(len(b)), columns...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for {
		rec, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sums := rec.Column(0).(*array.FixedSizeBinary)
		for i := range sums.Len() {
			text := ""
			if len(columns) > 1 {
				text = rec.Column(1).(*array.String).Value(i)
			}
			each(sums.Value(i), text)
		}
		rec.Release()
	}
}

// unlisted are the Streams that a server's ledger cannot be held against: of OAuth clients the secrets are removed before
// they are hashed, of routing settings it lists the account's alone, not the agents', and attachments are parts of chats.
var unlisted = []chatferry.Stream{chatferry.OAuthClients, chatferry.RoutingSettings, chatferry.Visitors, chatferry.Attachments}

// served is what a client that reads everything should have of an account, by the server's own ledger. listed: chats come
// from the list or the search rather than from the export.
func (a *servedAccount) served(listed bool) records {
	want := records{}
	for _, s := range chatferry.Streams() {
		if slices.Contains(unlisted, s) {
			continue
		}
		for e := range a.api.Ledger(s) {
			switch {
			case listed && e.Deleted && s == chatferry.Chats:
			case listed:
				want[recordOf(s, e.Listed[:])]++
			default:
				want[recordOf(s, e.SHA256[:])]++
			}
		}
	}
	return want
}

// without returns the records but those of some Streams.
func (r records) without(streams ...chatferry.Stream) records {
	out := maps.Clone(r)
	maps.DeleteFunc(out, func(key string, _ int) bool {
		s, _, _ := strings.Cut(key, " ")
		return slices.Contains(streams, chatferry.Stream(s))
	})
	return out
}

// differences counts by Stream what one lacks and what it has beyond the other.
func (r records) differences(want records) (lacks, beyond map[string]int) {
	lacks, beyond = map[string]int{}, map[string]int{}
	for key, n := range want {
		s, _, _ := strings.Cut(key, " ")
		if d := n - r[key]; d > 0 {
			lacks[s] += d
		}
	}
	for key, n := range r {
		s, _, _ := strings.Cut(key, " ")
		if d := n - want[key]; d > 0 {
			beyond[s] += d
		}
	}
	return lacks, beyond
}

// holdRecords complains about every difference.
func holdRecords(t *testing.T, what string, got, want records) {
	t.Helper()
	if lacks, beyond := got.differences(want); len(lacks)+len(beyond) > 0 {
		t.Errorf("%s: of %d records it lacks %v and has %v beyond them", what, len(want), lacks, beyond)
	}
}
