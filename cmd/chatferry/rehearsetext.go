package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"chatferry"
	"chatferry/cmd/chatferry/progress"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/faults"
)

// rehearseResult is what clients did, as programs read it.
type rehearseResult struct {
	Command  string  `json:"command"`
	OK       bool    `json:"ok"`
	ExitCode int     `json:"exit_code"`
	Address  string  `json:"address"`
	ElapsedS float64 `json:"elapsed_s"`
	Requests int64   `json:"requests"`
	// Endpoints counts what the server itself answered, by status; of these faults have spoiled some.
	Endpoints    map[string]map[int]int64 `json:"endpoints"`
	Busiest      int64                    `json:"most_in_60_s"` // by the server's clock
	Refused      int64                    `json:"refused_429"`
	Rotated      int64                    `json:"tokens_rotated"`
	WithoutToken int64                    `json:"without_token"`
	WrongToken   int64                    `json:"wrong_token"`
	Writes       int64                    `json:"writes_refused"`
	Spoiled      int64                    `json:"spoiled"`
	Faults       map[faults.Kind]int64    `json:"faults"`
	// Extra requests are those of the faults themselves, which Endpoints holds as well.
	Extra int64 `json:"extra_requests"`
}

func (r *rehearsalServer) result(now time.Time) *rehearseResult {
	api, spoiled := r.api.Stats(), r.faults.Stats()
	return &rehearseResult{
		Command: "rehearse", OK: true, ExitCode: exitDone, Address: r.address, ElapsedS: seconds(now.Sub(r.begun)),
		Requests: spoiled.Requests, Endpoints: api.Requests, Busiest: api.Busiest, Refused: api.Refused, Rotated: api.Rotated,
		WithoutToken: api.NoToken, WrongToken: api.WrongToken, Writes: api.Writes,
		Spoiled: spoiled.Spoiled(), Faults: spoiled.Injected, Extra: spoiled.Extra,
	}
}

// line is what clients did so far, on one line.
func (r *rehearsalServer) line() string {
	x := r.result(time.Time{})
	parts := []string{countOf(x.Requests, "request"), "at most " + progress.Count(x.Busiest) + " in 60 s"}
	for _, p := range []struct {
		n    int64
		text string
	}{{x.Refused, "refused for the rate"}, {x.WithoutToken + x.WrongToken, "without a valid token"}, {x.Spoiled, "spoiled"}} {
		if p.n > 0 {
			parts = append(parts, progress.Count(p.n)+" "+p.text)
		}
	}
	return strings.Join(parts, ", ")
}

// announce says what is served where, and how to try it.
func (r *rehearsalServer) announce(e *environment) string {
	o := r.options
	run := []string{"run", "--from", r.address, "--to", "rehearsal-data"}
	switch {
	case o.rate == 0:
		run = append(run, "--rate", "60000")
	case o.rate != rehearseRate:
		run = append(run, "--rate", o.rate.String())
	}
	if o.touches == 0 && o.inserts == 0 && o.deletes == 0 {
		run = append(run, "--overlap", "0s") // nothing changes, so that no sweep has to be waited for
	}
	var b strings.Builder
	fmt.Fprintf(&b, "A legacy account of %s chats, seed %s, served as the Chat API does\n\n", progress.Count(int64(o.chats)), o.seed)
	fmt.Fprintf(&b, "  address   %s\n  token     %s\n", r.address, rehearseToken)
	if o.tokenTTL > 0 {
		fmt.Fprintf(&b, "            valid for %s; then give the refresh token %s to %s/oauth2/token\n", o.tokenTTL, rehearseRefresh, r.address)
	}
	limit := "any number of requests"
	if o.rate > 0 {
		limit = countOf(int64(o.rate), "request") + " a minute"
	}
	fmt.Fprintf(&b, "  limit     %s\n", limit)
	if o.faults != "" {
		fmt.Fprintf(&b, "  faults    %s\n", printable(o.faults))
	}

	look := []string{"doctor", "--from", r.address, "--upgraded", r.address, "--support-owner", r.supportOwner}
	fmt.Fprintf(&b, "\nSee what stands between it and an upgrade:\n  CHATFERRY_TOKEN=%[1]s %[3]s=%[1]s %[2]s\n", rehearseToken,
		e.command(look...), envUpgradedToken)
	fmt.Fprintf(&b, "\nCarry it over:\n")
	if o.tokenTTL > 0 {
		pair := fmt.Sprintf(`{"access_token":"%s","refresh_token":"%s"}`, rehearseToken, rehearseRefresh)
		fmt.Fprintf(&b, "  (umask 077 && echo %s > rehearsal-token.json)\n", shellQuote(pair))
		fmt.Fprintf(&b, "  %s\n", e.command(append(run, "--token-file", "rehearsal-token.json")...))
	} else {
		fmt.Fprintf(&b, "  CHATFERRY_TOKEN=%s %s\n", rehearseToken, e.command(run...))
	}
	fmt.Fprintf(&b, "\nAsk it by hand:\n")
	for _, path := range []string{"chats", "incremental/chats?start_time=0&limit=2&fields=chats(*)", "chats/search?q=type:offline_msg"} {
		fmt.Fprintf(&b, "  curl --compressed -gH %s %s\n", shellQuote("Authorization: Bearer "+rehearseToken), shellQuote(r.address+"/api/v2/"+path))
	}
	fmt.Fprintf(&b, "\nRead it with the public Singer tap for Zendesk Chat:\n")
	fmt.Fprintf(&b, "  echo %s > tap.json\n", shellQuote(`{"access_token":"`+rehearseToken+`","start_date":"2017-04-01T00:00:00Z"}`))
	fmt.Fprintf(&b, "  python3 -c %s --config tap.json --discover\n\n",
		shellQuote(fmt.Sprintf(`import tap_zendesk_chat as t, tap_zendesk_chat.http as h; h.BASE_URL = "%s"; t.main()`, r.address)))
	b.WriteString("Ctrl-C ends it and says what clients did.\n")
	return b.String()
}

// summary says what clients did, for people.
func (r *rehearsalServer) summary() string {
	x := r.result(time.Time{})
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", r.line())
	var rows [][]string
	for _, endpoint := range slices.Sorted(maps.Keys(x.Endpoints)) {
		statuses := x.Endpoints[endpoint]
		all, parts := int64(0), []string(nil)
		for _, status := range slices.Sorted(maps.Keys(statuses)) {
			all += statuses[status]
			if status != 200 {
				parts = append(parts, fmt.Sprintf("%s × %d", progress.Count(statuses[status]), status))
			}
		}
		rows = append(rows, []string{endpoint, progress.Count(all), strings.Join(parts, ", ")})
	}
	columns(&b, "answered", rows)
	rows = rows[:0]
	for _, kind := range slices.Sorted(maps.Keys(x.Faults)) {
		rows = append(rows, []string{string(kind), progress.Count(x.Faults[kind]), ""})
	}
	columns(&b, "spoiled", rows)
	if x.Rotated > 0 {
		fmt.Fprintf(&b, "\ntokens renewed %s times\n", progress.Count(x.Rotated))
	}
	if x.Extra > 0 {
		fmt.Fprintf(&b, "\n%s of the faults themselves, which the server counts as well\n", countOf(x.Extra, "request"))
	}
	return b.String()
}

// columns prints names, numbers to the right, and remarks.
func columns(b *strings.Builder, title string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	widths := [2]int{}
	for _, row := range rows {
		for k := range widths {
			widths[k] = max(widths[k], len(row[k]))
		}
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, row := range rows {
		line := fmt.Sprintf("  %-*s  %*s  %s", widths[0], row[0], widths[1], row[1], row[2])
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// listFaults explains the kinds of faults, by what a client that does the right thing comes to.
func (a *app) listFaults() error {
	var ends []faults.End
	byEnd := map[faults.End][][2]string{}
	for _, info := range faults.Kinds() {
		if byEnd[info.Ends] == nil {
			ends = append(ends, info.Ends)
		}
		what := info.What
		if info.Standing {
			what += "; always, unless the rule says how often"
		}
		byEnd[info.Ends] = append(byEnd[info.Ends], [2]string{string(info.Kind), what})
	}
	var b strings.Builder
	b.WriteString(wrap("What can go wrong, by what a client that does the right thing comes to. "+
		"A rule that does not say how often hits one answer in twenty.", "", helpWidth) + "\n")
	for _, end := range ends {
		section(&b, strings.ToUpper(string(end[:1]))+string(end[1:]), byEnd[end])
	}
	_, err := fmt.Fprint(a.stdout, b.String())
	return printError(err)
}

// writeTickets writes the export of the ticket system into a file that is not there yet, if it is named.
func writeTickets(account *rehearsal.Account, name string) error {
	if name == "" {
		return nil
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err == nil {
		err = errors.Join(account.WriteTickets(file), file.Close())
	}
	if err != nil {
		return &chatferry.Error{
			Kind: chatferry.KindEnvironment, Op: "write the tickets", Place: name, Err: bare(err), Hint: "give --tickets-out a file that is not there yet",
		}
	}
	return nil
}
