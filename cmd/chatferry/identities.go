package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"chatferry"
	"chatferry/cmd/chatferry/identity"
	"chatferry/cmd/chatferry/progress"
	"chatferry/cmd/chatferry/settle"
)

// identityFlags are the options of every verb that can fill the ids of the upgraded account.
var identityFlags = []string{
	"fill-identities", "upgraded", "agent-map", "department-map", "upgraded-token-file", "upgraded-token-command",
}

// accountPlace is the URI of an account; "": none.
type accountPlace string

func (p *accountPlace) Set(text string) error {
	if text != "" {
		if !isAccount(text) {
			return fmt.Errorf("%q is no account; write zendesk://SUBDOMAIN or https://HOST", redactURI(text))
		}
		if _, err := accountRoots(text); err != nil {
			return err
		}
	}
	*p = accountPlace(text)
	return nil
}

func (p accountPlace) String() string { return string(p) }

// filePath is the path of a file, absolute, so that it is found again from another folder; "": none.
type filePath string

func (f *filePath) Set(text string) error {
	if text == "" {
		*f = ""
		return nil
	}
	abs, err := filepath.Abs(text)
	*f = filePath(abs)
	return err
}

func (f filePath) String() string { return string(f) }

// identifies reports whether this call is to make the maps between the ids before and after an upgrade. A call of compact
// does what it is told alone, not what the last run was told.
func (c *carriage) identifies() bool {
	if c.compacts() {
		return c.wantsIdentities()
	}
	return bool(c.FillIdentities) || c.Upgraded != "" || c.AgentMap != "" || c.DepartmentMap != ""
}

// wantsIdentities reports whether this very call says so.
func (c *carriage) wantsIdentities() bool { return slices.ContainsFunc(identityFlags, c.given) }

// askIdentities asks the upgraded account and reads the files, before anything is written, so that what was mistyped shows
// at once and not after a day.
func (c *carriage) askIdentities(ctx context.Context) error {
	if !c.identifies() {
		return nil
	}
	c.who.Asked = true
	if c.Upgraded != "" {
		u, err := c.askUpgraded(ctx)
		if err != nil {
			return err
		}
		c.who.Upgraded = u
	}
	if c.AgentMap == "" && c.DepartmentMap == "" {
		return nil
	}
	files, err := identity.ReadFiles(string(c.AgentMap), string(c.DepartmentMap))
	if err == nil && c.who.Upgraded != nil {
		files = c.who.Upgraded.Join(files)
	}
	c.who.Upgraded = files
	return err
}

func (c *carriage) askUpgraded(ctx context.Context) (*identity.Upgraded, error) {
	roots, err := accountRoots(string(c.Upgraded))
	if err != nil {
		return nil, usage("", "--upgraded: %w", err)
	}
	own := *c.settings
	if c.UpgradedToken != "" || c.UpgradedTokenFile != "" || c.UpgradedTokenCommand != "" {
		own.Token, own.TokenFile, own.TokenCommand = c.UpgradedToken, c.UpgradedTokenFile, c.UpgradedTokenCommand
	}
	tokens, err := own.tokens()
	if err != nil {
		return nil, fmt.Errorf("--upgraded: %w", err)
	}
	client, err := c.dial(ctx, roots, tokens)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return identity.Ask(ctx, client)
}

// identityResult is what a result says about the agents or the departments of both accounts.
type identityResult struct {
	Matched    int64   `json:"matched"`
	Ambiguous  int64   `json:"ambiguous"`
	Missing    int64   `json:"missing"` // without a counterpart, an e-mail or a name
	New        int64   `json:"new"`     // in the upgraded account alone
	Unresolved []int64 `json:"unresolved_ids,omitempty"`
}

// identities says what the maps came to.
func identitiesOf(i *settle.Identified) map[chatferry.Stream]identityResult {
	if i == nil {
		return nil
	}
	out := map[chatferry.Stream]identityResult{}
	for of, n := range i.Counts {
		out[of] = identityResult{
			Matched: n[identity.Matched], Ambiguous: n[identity.Ambiguous], New: n[identity.New],
			Missing: n[identity.Missing] + n[identity.NoEmail] + n[identity.NoName], Unresolved: i.Unresolved[of],
		}
	}
	return out
}

// mostUnresolved is how many ids without a counterpart the summary names.
const mostUnresolved = 10

// writeIdentities says which agents and departments were found again in the upgraded account.
func writeIdentities(b *strings.Builder, of map[chatferry.Stream]identityResult) {
	if len(of) == 0 {
		return
	}
	b.WriteByte('\n')
	rows := [][]string{{"IN THE UPGRADED ACCOUNT", "MATCHED", "AMBIGUOUS", "MISSING", "NEW"}}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		n := of[name]
		rows = append(rows, []string{
			string(name), progress.Count(n.Matched), progress.Count(n.Ambiguous), progress.Count(n.Missing), progress.Count(n.New),
		})
	}
	writeColumns(b, rows, 1, 4)
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if n := of[name]; n.Ambiguous+n.Missing > 0 {
			fmt.Fprintf(b, "Which they are: the rows of %s with another status than matched.\n", identity.Table(name))
		}
		ids := of[name].Unresolved
		if len(ids) == 0 {
			continue
		}
		var texts []string
		for _, id := range ids[:min(len(ids), mostUnresolved)] {
			texts = append(texts, strconv.FormatInt(id, 10))
		}
		if len(ids) > mostUnresolved {
			texts = append(texts, "…")
		}
		fmt.Fprintf(b, "Ids of %s that rows name and the map does not resolve: %s\n", name, strings.Join(texts, ", "))
	}
}
