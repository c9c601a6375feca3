package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"net"
	"net/http"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/cmd/chatferry/progress"
	"chatferry/extract/rehearsal"
	"chatferry/extract/rehearsal/chatapi"
	"chatferry/extract/rehearsal/faults"
)

// rehearseOptions say what account is served, and how.
type rehearseOptions struct {
	listen                    string
	chats, seed, rate         count
	agents, shortcuts         count   // at least
	touches, inserts, deletes decimal // an hour
	speed                     decimal
	kind                      string
	tokenTTL                  period
	quirks, faults            string
	cases                     string // what an upgrade of the account meets
	tickets                   string // where an export of the ticket system is written; "": nowhere
}

const (
	rehearseChats  = 20_000
	rehearseRate   = 200
	rehearseListen = "127.0.0.1:8080"
	// rehearseToken and rehearseRefresh are what clients of the rehearsal have to know. They guard nothing.
	rehearseToken   = "rehearsal"
	rehearseRefresh = "rehearsal-refresh"
	// listFaults is the value of --faults that only tells what faults there are.
	listFaults = "list"
	mostSpeed  = 100_000
	// mostObjects bounds what one answer of the server holds.
	mostObjects = 100_000

	tellEvery     = 30 * time.Second
	rehearseGrace = 2 * time.Second
)

func newRehearseCommand(a *app) *cobra.Command {
	o := rehearseOptions{listen: rehearseListen, chats: rehearseChats, seed: 1, rate: rehearseRate, speed: 1, kind: "legacy_chat_only"}
	cmd := &cobra.Command{
		Use:   "rehearse",
		Short: "Serve a made-up account as the Chat API does, to rehearse a migration against",
		Long: "Serve a seeded, realistic legacy account on this machine as the Chat API serves a real one: its paths, pages, " +
			"rate limit, tokens and oddities, with records that change while they are read, and with faults on request. " +
			"It runs until it is stopped, and then says what clients did.\n\n" +
			"A fault is a kind and, each behind an @, where and how often: first, middle, last or the number of a page; a " +
			"share of the answers as 5%; always; x3 for three times; an endpoint as incremental/chats. Without, it hits one " +
			"answer in twenty. --faults list explains the kinds.",
		Example: `  chatferry rehearse
  chatferry rehearse --chats 100000 --touches 600 --deletes 30
  chatferry rehearse --faults 429-seconds@5%,reset-body@first,403@oauth/clients
  chatferry rehearse --faults list
  chatferry rehearse --account-kind legacy_linked --case owner-elsewhere,shared-email,lite-plan`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := resolve(a.environment, cmd.Flags(), nil)
			if err != nil {
				return err
			}
			if o.faults == listFaults {
				return a.listFaults()
			}
			return a.rehearse(cmd.Context(), s, &o)
		},
	}
	f := cmd.Flags()
	f.Var(&plainFlag{&o.listen, "HOST:PORT"}, "listen", "where to serve; port 0 takes any that is free (default "+rehearseListen+")")
	f.Var(&numberFlag{&o.chats}, "chats", "chats of the account (default "+strconv.Itoa(rehearseChats)+")")
	f.Var(&numberFlag{&o.agents}, "agents", "agents of the account, 25 or more (default 25)")
	f.Var(&numberFlag{&o.shortcuts}, "shortcuts", "shortcuts of the account, 6 or more (default 6)")
	f.Var(&numberFlag{&o.seed}, "seed", "another number makes another account (default 1)")
	f.Var(&numberFlag{&o.rate}, "rate", "requests a minute that the account allows, 0 for any number; the default is "+strconv.Itoa(rehearseRate))
	f.Var(&plainFlag{&o.faults, "RULES"}, "faults", "what goes wrong, and where; or list")
	f.Var(&o.speed, "speed", "how many times as fast the server's clock runs, its rate limit and tokens included (default 1)")
	f.Var(&o.touches, "touches", "chats that are changed an hour (default 0)")
	f.Var(&o.inserts, "inserts", "chats that are added an hour (default 0)")
	f.Var(&o.deletes, "deletes", "chats that are deleted an hour (default 0)")
	f.Var(&plainFlag{&o.kind, "KIND"}, "account-kind", "legacy_chat_only, legacy_linked, phase3 or phase4, which is upgraded and has other ids (default legacy_chat_only)")
	f.Var(&periodFlag{&o.tokenTTL}, "token-ttl", "how long a token is valid, 0 for ever (default 0)")
	f.Var(&plainFlag{&o.quirks, "A,B"}, "quirks", "how the server differs from others of its kind: "+strings.Join(quirkNames(), ", "))
	f.Var(&plainFlag{&o.cases, "A,B"}, "case", "what an upgrade of the account meets: "+strings.Join(caseNames(), ", "))
	f.Var(&plainFlag{&o.tickets, "FILE"}, "tickets-out", "write there what the account's tickets say of its chats, as CSV for run --tickets")
	addFlag(f, "json")
	return cmd
}

func caseNames() []string {
	var names []string
	for _, c := range rehearsal.Cases() {
		names = append(names, string(c))
	}
	return names
}

// account is what account is served.
func (o *rehearseOptions) account(kind chatapi.Kind) (rehearsal.Options, error) {
	options := rehearsal.Options{Seed: uint64(o.seed), Chats: int64(o.chats), Upgraded: kind == chatapi.Phase4}
	if kind == chatapi.LegacyChatOnly {
		options.Cases = append(options.Cases, rehearsal.Unlinked)
	}
	for name := range strings.SplitSeq(o.cases, ",") {
		switch name = strings.TrimSpace(name); {
		case name == "":
		case !slices.Contains(caseNames(), name):
			return options, usage(didYouMean(name, "", caseNames()), "--case: %q is not known", name)
		default:
			options.Cases = append(options.Cases, rehearsal.Case(name))
		}
	}
	return options, nil
}

// plainFlag is a flag of one verb whose value is a text; kind is what the help calls it.
type plainFlag struct {
	word *string
	kind string
}

// Set implements pflag.Value.
func (f *plainFlag) Set(text string) error {
	*f.word = text
	return nil
}

// String implements pflag.Value.
func (f *plainFlag) String() string { return "" }

// Type implements pflag.Value.
func (f *plainFlag) Type() string { return f.kind }

// periodFlag is a flag of one verb whose value is a length of time.
type periodFlag struct{ *period }

// Type implements pflag.Value.
func (f *periodFlag) Type() string { return "TIME" }

// decimal is a number that is not negative, as a flag of one verb.
type decimal float64

// Set implements pflag.Value.
func (d *decimal) Set(text string) error {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f < 0 || math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Errorf("%q is not a number from 0 on", text)
	}
	*d = decimal(f)
	return nil
}

// String implements pflag.Value.
func (d *decimal) String() string { return strconv.FormatFloat(float64(*d), 'f', -1, 64) }

// Type implements pflag.Value.
func (d *decimal) Type() string { return "N" }

// quirk is a way in which servers differ, by its name.
type quirk struct {
	name string
	set  func(*chatapi.Quirks)
}

func quirks() []quirk {
	return []quirk{
		{"no-incremental", func(q *chatapi.Quirks) { q.NoIncremental = true }},
		{"no-timeline", func(q *chatapi.Quirks) { q.NoTimeline = true }},
		{"no-agent-events", func(q *chatapi.Quirks) { q.Limited = http.StatusNotFound }},
		{"account-forbidden", func(q *chatapi.Quirks) { q.AccountForbidden = true }},
		{"no-zopim", func(q *chatapi.Quirks) { q.NoZopim = true }},
		{"no-subdomain", func(q *chatapi.Quirks) { q.NoSubdomain = true }},
		{"drop-start-id", func(q *chatapi.Quirks) { q.DropStartID = true }},
		{"ignore-since-id", func(q *chatapi.Quirks) { q.IgnoreSinceID = true }},
		{"missing-null", func(q *chatapi.Quirks) { q.MissingNull = true }},
		{"broken-records", func(q *chatapi.Quirks) { q.Broken = true }},
	}
}

func quirkNames() []string {
	var names []string
	for _, q := range quirks() {
		names = append(names, q.name)
	}
	return names
}

// settle turns what the flags say into what the server and the faults are told, all but what depends on the address.
func (o *rehearseOptions) settle(now func() time.Time) (chatapi.Options, []faults.Rule, error) {
	options := chatapi.Options{
		Token: rehearseToken, Support: true, TokenTTL: time.Duration(o.tokenTTL), Rate: int(o.rate), Now: now,
		Change: chatapi.Changes{Seed: uint64(o.seed), Touches: float64(o.touches), Inserts: float64(o.inserts), Deletes: float64(o.deletes)},
	}
	if o.tokenTTL > 0 {
		options.RefreshToken = rehearseRefresh
	}
	switch {
	case o.chats > mostChats:
		return options, nil, usage("", "--chats: the most is %s", progress.Count(mostChats))
	case max(o.agents, o.shortcuts) > mostObjects:
		return options, nil, usage("", "--agents, --shortcuts: the most is %s", progress.Count(mostObjects))
	case o.rate > math.MaxInt32:
		return options, nil, usage("0 sets no limit", "--rate: %s is too much", progress.Count(int64(o.rate)))
	case o.speed == 0 || o.speed > mostSpeed:
		return options, nil, usage("", "--speed: give a number above 0 and up to %s", progress.Count(mostSpeed))
	}
	if o.speed != 1 {
		options.Now = chatapi.Clock(float64(o.speed), now())
	}
	if err := options.Kind.UnmarshalText([]byte(o.kind)); err != nil {
		return options, nil, usage(chatferry.HintOf(err), "--account-kind: %w", err)
	}
	for name := range strings.SplitSeq(o.quirks, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		known := false
		for _, q := range quirks() {
			if known = q.name == name; known {
				q.set(&options.Quirks)
				break
			}
		}
		if !known {
			return options, nil, usage(didYouMean(name, "", quirkNames()), "--quirks: %q is not known", name)
		}
	}
	rules, err := faults.Parse(o.faults)
	if err != nil {
		return options, nil, usage(chatferry.HintOf(err), "--faults: %w", err)
	}
	return options, rules, nil
}

// rehearsalServer is the server at work.
type rehearsalServer struct {
	address string // URL of its origin
	options *rehearseOptions
	api     *chatapi.Server
	faults  *faults.Handler
	begun   time.Time
	// supportOwner is the e-mail address of who owns the Support account beside it.
	supportOwner string
}

// rehearse serves the account until a signal asks it to end.
func (a *app) rehearse(ctx context.Context, s *settings, o *rehearseOptions) error {
	options, rules, err := o.settle(a.now)
	if err != nil {
		return err
	}
	served, err := o.account(options.Kind)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	listener, err := listenAt(ctx, o.listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	r := &rehearsalServer{address: "http://" + listener.Addr().String(), options: o, begun: a.now()}
	if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		fmt.Fprintf(a.stderr, "chatferry: everybody who reaches %s can read this account and change its tokens; it holds made-up people only\n",
			listener.Addr())
	}
	served.Agents, served.Shortcuts = int(o.agents), int(o.shortcuts)
	served.Upgraded = options.Kind == chatapi.Phase4
	account := rehearsal.New(served)
	r.supportOwner = account.Support().Owner
	if err := writeTickets(account, o.tickets); err != nil {
		return err
	}
	options.Files = r.address + "/attachments/"
	if r.api, err = chatapi.New(account, options); err != nil {
		return err
	}
	r.faults, err = faults.New(r.api, faults.Options{Rules: rules, Seed: uint64(o.seed), Touch: func(id string) bool {
		i, ok := account.ChatNumber(id)
		return ok && r.api.Touch(i)
	}})
	if err != nil {
		return err
	}
	if s.JSON {
		fmt.Fprintf(a.stderr, "chatferry: serving at %s, token %s\n", r.address, rehearseToken)
	} else if _, err := fmt.Fprint(a.stdout, r.announce(a.environment)); err != nil {
		return printError(err)
	}
	if err := r.serve(ctx, stop, listener, a); err != nil {
		return err
	}
	if s.JSON {
		return a.printJSON(r.result(a.now()))
	}
	_, err = fmt.Fprint(a.stdout, r.summary())
	return printError(err)
}

// listenAt listens at an address; on this machine alone unless it names another host.
func listenAt(ctx context.Context, address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, usage("write for example --listen "+rehearseListen, "--listen: %q is not HOST:PORT", address)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, &chatferry.Error{
			Kind: chatferry.KindEnvironment, Op: "listen at", Place: address, Err: err, Hint: "give --listen a port that is free; port 0 takes any",
		}
	}
	return listener, nil
}

// serve answers requests until ctx ends; release then lets a second signal end the process.
func (r *rehearsalServer) serve(ctx context.Context, release func(), listener net.Listener, a *app) error {
	// Answers that hang on purpose end with this context.
	hanging, letGo := context.WithCancel(context.WithoutCancel(ctx))
	defer letGo()
	server := &http.Server{
		Handler:           r.faults,
		ReadHeaderTimeout: 30 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return hanging },
		ErrorLog:          log.New(a.stderr, "chatferry: ", 0),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	tell := time.NewTicker(tellEvery)
	defer tell.Stop()
	told := int64(0)
	for {
		select {
		case err := <-ended:
			return &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "serve at", Place: r.address, Err: err}
		case <-tell.C:
			if n := r.faults.Stats().Requests; n > told {
				told = n
				fmt.Fprintln(a.stderr, "chatferry: "+r.line())
			}
		case <-ctx.Done():
			release()
			letGo()
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), rehearseGrace)
			defer cancel()
			if err := server.Shutdown(late); err != nil {
				_ = server.Close() // what is still being sent breaks off
			}
			if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
				return &chatferry.Error{Kind: chatferry.KindEnvironment, Op: "serve at", Place: r.address, Err: err}
			}
			return nil
		}
	}
}
