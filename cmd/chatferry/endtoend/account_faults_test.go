package endtoend

import (
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatferry"
	"chatferry/extract/rehearsal/chatapi"
	apifaults "chatferry/extract/rehearsal/faults"
)

var (
	accountAll  = flag.Bool("account-all", false, "every fault of the API on every page and as noise, instead of a sample")
	accountSeed = flag.Uint64("account-seed", 1, "seed of the faults of the API")
)

// faultyChats is how many chats the accounts have that go wrong.
const faultyChats = 500

// faultyWay is a way in which chats are read, and the pages of it that go wrong: a first, a middle and a last one. Runs
// ask for a page or two of some endpoints while they plan.
type faultyWay struct {
	name   string
	quirks chatapi.Quirks
	flags  []string
	pages  []string
}

var faultyWays = []faultyWay{
	{name: "export", pages: []string{
		"1@incremental/chats", "2@incremental/chats", "4@incremental/chats", "last@incremental/chats", "middle@incremental/agent_timeline", "first@agents",
	}},
	{name: "list", quirks: chatapi.Quirks{NoIncremental: true}, pages: []string{"1@chats", "6@chats", "last@chats"}},
	{
		name: "search", quirks: chatapi.Quirks{NoIncremental: true}, flags: []string{"--until", "2021-09-20"},
		pages: []string{"first@chats/search", "last@chats/search", "first@chats?ids", "middle@chats?ids"},
	},
}

// faultyCase is one fault in one place.
type faultyCase struct {
	way   *faultyWay
	rule  string
	info  apifaults.Info
	noise bool
}

// virtual are Kinds that take minutes to be noticed: they are tried where time costs nothing.
var virtual = []apifaults.Kind{apifaults.StallHeaders, apifaults.StallBody}

// faultyCases are all faults on all pages, and as noise on all endpoints at once.
func faultyCases() (cases []faultyCase) {
	for _, info := range apifaults.Kinds() {
		if slices.Contains(virtual, info.Kind) {
			continue
		}
		for w := range faultyWays {
			way := &faultyWays[w]
			for _, page := range way.pages {
				cases = append(cases, faultyCase{way: way, rule: string(info.Kind) + "@" + page, info: info})
			}
			for _, share := range []string{"1%", "10%", "50%"} {
				cases = append(cases, faultyCase{way: way, rule: string(info.Kind) + "@" + share, info: info, noise: true})
			}
		}
	}
	return cases
}

// sampled are the cases of a usual run: each fault at least once where it can happen, and some noise.
var sampled = map[string]string{
	"export": "429-seconds@4@incremental/chats 429-date@1@incremental/chats 429-negative@last@incremental/chats " +
		"429-day@last@incremental/chats 500@first@agents 502@4@incremental/chats 503@last@incremental/chats " +
		"401@middle@incremental/agent_timeline 401-once@4@incremental/chats 403@middle@incremental/agent_timeline " +
		"404@2@incremental/chats 404@4@incremental/chats 404@last@incremental/chats login-page@4@incremental/chats redirect@last@incremental/chats " +
		"reset-headers@1@incremental/chats reset-body@4@incremental/chats length-long@last@incremental/chats " +
		"length-short@4@incremental/chats http10-cut@4@incremental/chats gzip-cut@last@incremental/chats json-cut@1@incremental/chats " +
		"json-garbage@4@incremental/chats page-repeated@4@incremental/chats page-empty@4@incremental/chats " +
		"page-larger@4@incremental/chats page-smaller@middle@incremental/agent_timeline record-moved@4@incremental/chats " +
		"record-twice@4@incremental/chats count-wrong@last@incremental/chats next-null@4@incremental/chats " +
		"next-absent@last@incremental/chats next-unchanged@4@incremental/chats field-unknown@4@incremental/chats " +
		"clock-ahead@last@incremental/chats clock-behind@1@incremental/chats reset-body@10% page-smaller@50% json-cut@10% count-wrong@50%",
	"list": "429-bare@6@chats slow@6@chats next-empty@6@chats next-unchanged@6@chats page-repeated@6@chats page-empty@6@chats",
	"search": "429-garbage@last@chats/search 504@first@chats/search page-repeated@last@chats/search bulk-missing@first@chats?ids " +
		"field-retyped@middle@chats?ids next-null@first@chats/search",
}

func (c *faultyCase) sampled() bool {
	return slices.Contains(strings.Fields(sampled[c.way.name]), c.rule)
}

func TestAccountWithFaults(t *testing.T) {
	t.Logf("seed %d", *accountSeed)
	want := map[string]records{}
	for i := range faultyWays {
		way := &faultyWays[i]
		a := serveAccount(t, accountOptions{seed: *accountSeed, chats: faultyChats, quirks: way.quirks})
		root := filepath.Join(t.TempDir(), "out")
		if _, e := a.carry(t, root, accountToken, way.flags...); e.code != 0 {
			t.Fatalf("%s: the undisturbed run ended with %d: %s", way.name, e.code, e.stderr)
		}
		want[way.name] = recordsOf(t, root)
	}
	ran := map[apifaults.Kind]bool{}
	for _, c := range faultyCases() {
		if !*accountAll && !c.sampled() {
			continue
		}
		ran[c.info.Kind] = true
		t.Run(c.way.name+"/"+strings.ReplaceAll(c.rule, "/", "-"), func(t *testing.T) {
			t.Parallel()
			c.try(t, want[c.way.name])
		})
	}
	for _, info := range apifaults.Kinds() {
		if !ran[info.Kind] && !slices.Contains(virtual, info.Kind) {
			t.Errorf("no case of %s", info.Kind)
		}
	}
}

// try carries an account with the fault, and goes on without it where the run ended early.
func (c *faultyCase) try(t *testing.T, want records) {
	a := serveAccount(t, accountOptions{seed: *accountSeed, chats: faultyChats, quirks: c.way.quirks, rules: c.rule})
	root := filepath.Join(t.TempDir(), "out")
	o, e := a.carry(t, root, accountToken, c.way.flags...)
	injected := int(a.faults.Stats().Injected[c.info.Kind])
	if injected == 0 && c.sampled() {
		t.Errorf("the fault did not happen")
	}
	if codes := c.codes(injected); !slices.Contains(codes, e.code) {
		t.Errorf("exit code %d after %d faults, want one of %v: %s", e.code, injected, codes, e.stderr)
	}
	c.tells(t, &o, &e)
	if e.code != 0 {
		if err := a.faults.SetRules(nil); err != nil {
			t.Fatal(err)
		}
		token := accountToken
		if e.code == 3 {
			a.api.SetToken(accountTokenNew)
			token = accountTokenNew
		}
		if _, e = a.carry(t, root, token, c.way.flags...); e.code != 0 {
			t.Errorf("without the fault it ended with %d: %s", e.code, e.stderr)
		}
	}
	c.hold(t, recordsOf(t, root), want, injected)
}

// codes are the exit codes that a run may end with after so many faults.
func (c *faultyCase) codes(injected int) []int {
	switch {
	case injected == 0, strings.HasSuffix(c.rule, "first@agents"): // the account is found at its other root
		return []int{0}
	case c.info.Ends == apifaults.Later:
		return []int{6}
	case c.info.Ends == apifaults.Authorise:
		return []int{3}
	case c.info.Ends == apifaults.Unavailable:
		return []int{0, 4, 3} // 0: chats are read otherwise, or it was asked once more; 3: there is no API at all
	case c.noise && (c.info.Kind == apifaults.LoginPage || c.info.Kind == apifaults.Redirect):
		return []int{0, 3, 6}
	case c.noise:
		return []int{0, 6}
	}
	return []int{0}
}

// tells holds what a run says at its end.
func (c *faultyCase) tells(t *testing.T, o *outcome, e *ending) {
	if e.code == 0 {
		return
	}
	if o.ResumeCommand == "" && len(o.Streams) > 0 {
		t.Errorf("exit code %d without the command that goes on", e.code)
	}
	if e.code == 4 {
		absent := 0
		for s, x := range o.Streams {
			if x.State == "missing" || x.State == "forbidden" {
				absent++
				if x.State == "missing" != (c.info.Kind == apifaults.Status404) {
					t.Errorf("%s is %s after %s", s, x.State, c.info.Kind)
				}
			}
		}
		if absent == 0 {
			t.Errorf("exit code 4, but no stream is missing or forbidden: %v", o.Streams)
		}
		return
	}
	if o.Error == nil || o.Error.Message == "" || o.Error.Hint == "" {
		t.Errorf("exit code %d without a sentence and what to do: %+v", e.code, o.Error)
		return
	}
	switch {
	case c.info.Ends == apifaults.Later && !strings.Contains(o.Error.Hint, "resume after"):
		t.Errorf("it does not say when to go on: %+v", o.Error)
	case c.info.Ends == apifaults.Authorise && !strings.Contains(o.Error.Hint, "CHATFERRY_TOKEN"):
		t.Errorf("it does not say how to authorise again: %+v", o.Error)
	}
}

// hold compares the dataset in the end with the undisturbed one.
func (c *faultyCase) hold(t *testing.T, got, want records, injected int) {
	t.Helper()
	lacks, beyond := got.differences(want)
	odd := 0
	switch {
	case c.info.Kind == apifaults.RecordMoved:
		odd = lacks["chats"] // changed only now, which is behind what was asked for
		delete(lacks, "chats")
	case c.info.Kind == apifaults.RecordTwice:
		for key, n := range got {
			if want[key] > 0 && n > want[key] {
				s, _, _ := strings.Cut(key, " ")
				odd += n - want[key]
				beyond[s] -= n - want[key]
			}
		}
	case c.info.Ends == apifaults.SameFields:
		for s, n := range beyond {
			if n >= lacks[s] { // what begins a page was given once more, as it should be
				odd += n
				delete(lacks, s)
				delete(beyond, s)
			}
		}
	case c.noise && c.info.Ends == apifaults.Unavailable:
		// Chats may be read in another way, in which some look different, and agents' settings may be left out: not every
		// account has them.
		if n := lacks["chats"]; n == beyond["chats"] {
			delete(lacks, "chats")
			delete(beyond, "chats")
		}
		delete(lacks, string(chatferry.RoutingSettings))
	case c.way.name == "list" && c.info.Ends == apifaults.Counted && injected > 0:
		delete(lacks, "chats") // an end that is said too early cannot be told from the end
		delete(lacks, "attachments")
	}
	for s, n := range beyond {
		if n == 0 {
			delete(beyond, s)
		}
	}
	if len(lacks)+len(beyond) > 0 || odd > injected {
		t.Errorf("after %d faults it lacks %v, has %v beyond, and %d are odd", injected, lacks, beyond, odd)
	}
}
