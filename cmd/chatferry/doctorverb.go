package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chatferry"
	"chatferry/cmd/chatferry/doctor"
	"chatferry/extract/api"
)

// doctorOptions are what the verb alone is told.
type doctorOptions struct {
	users, groups, billing string // files
	owner                  string
	upgraded               string
	upgradedTokenFile      string
	months                 bool
	format                 string
}

var doctorFormats = []string{"table", "json", "markdown"}

// envUpgradedToken holds the token of the upgraded account's Support API.
const envUpgradedToken = envPrefix + "UPGRADED_TOKEN"

// doctorPatience is how long the account may give nothing, unless --patience says otherwise: a person waits for the answer.
const doctorPatience = 30 * time.Second

func newDoctorCommand(a *app) *cobra.Command {
	o := doctorOptions{format: doctorFormats[0]}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what stands between a legacy account and a clean upgrade",
		Long: "Look at an account, or a dump of one, and say what stands between it and a clean upgrade: the kind of account, its owner, " +
			"agents, departments and roles, what is integrated with it and will stop, billing, what a plan or role hides from exports, " +
			"how much there is, and whether a run could write to --to. It reads about forty answers of the account, and one more for every " +
			"hundred agents and bans, and writes nothing but a probe at --to that it removes again.\n\n" +
			"Each check passes, warns, fails, or could not be told. One that could not look never passes.\n\n" +
			"--support-users is a list of the users of the Support account: CSV with a header row, or JSON. Of its columns id, name, email, role " +
			"(end-user, agent, admin), owner and suspended are read. --support-groups is one of its groups, with name. --support-billing " +
			"holds one JSON object with its billing details, under the names that Chat gives them: company, first_name, last_name, email, address1, " +
			"address2, city, state, postal_code, country_code; and cycle, as yearly or monthly. --upgraded reads users, groups and apps from " +
			"the Support API instead, with the OAuth token of " + envUpgradedToken + " or --upgraded-token-file.\n\n" +
			"Persons and clients on whom somebody has to act are named, by name and e-mail address: keep the answer accordingly.\n\n" +
			"The exit code is 0 if nothing failed, whatever was not given; 3 if the token, its role, this machine's clock or the place of the dataset " +
			"is at fault; 6 if something did not answer, which is waited for no longer than 30 s unless --patience is given; and 4 if another check " +
			"failed, or the account refused to answer one.",
		Example: `  chatferry doctor --from zendesk://acme
  chatferry doctor --from zendesk://acme --to /data/acme --support-users users.csv
  chatferry doctor --from zopim: --upgraded zendesk://acme --format markdown > upgrade.md
  chatferry doctor --from zendesk://acme --months --json > before.json
  chatferry doctor --from /dumps/acme --support-users users.json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := resolve(a.environment, cmd.Flags(), nil)
			if err != nil {
				return err
			}
			if len(s.From) == 0 {
				return usage("for example: "+firstExample(cmd), "%s needs --from, the account or the place of the dump", cmd.CommandPath())
			}
			a.warnUnknownVariables()
			return a.doctor(cmd.Context(), s, &o)
		},
	}
	f := cmd.Flags()
	addFlags(f, []string{"from", "to"})
	f.Var(&plainFlag{&o.users, "FILE"}, "support-users", "users of the Support account, CSV or JSON")
	f.Var(&plainFlag{&o.groups, "FILE"}, "support-groups", "groups of the Support account, CSV or JSON")
	f.Var(&plainFlag{&o.billing, "FILE"}, "support-billing", "billing details of the Support account, one JSON object")
	f.Var(&plainFlag{&o.owner, "EMAIL"}, "support-owner", "e-mail address of the owner of the Support account, which its API does not tell")
	f.Var(&plainFlag{&o.upgraded, "ACCOUNT"}, "upgraded", "the upgraded account, or the Support account: zendesk://SUBDOMAIN or the URL of its API")
	f.Var(&plainFlag{&o.upgradedTokenFile, "FILE"}, "upgraded-token-file", "file with an OAuth token of that account; else "+envUpgradedToken)
	f.BoolVar(&o.months, "months", false, "count the chats of each month: four requests for each")
	f.Var(&wordFlag{put: func(word string) { o.format = word }, kind: "table|json|markdown", of: doctorFormats}, "format", "the form of the answer (default table)")
	addFlags(f, []string{
		"rate", "rate-share", "patience", "allow-missing", "token-file", "token-command", "single-writer", "tmp-dir", "json",
	})
	addFlags(f, placeFlags)
	return cmd
}

// doctor looks at an account or a dump and tells what it found.
func (a *app) doctor(ctx context.Context, s *settings, o *doctorOptions) error {
	ctx, request, finish := a.stoppableAtOnce(ctx)
	defer finish()
	begun := a.now()
	if account, _ := s.From.account(); account != "" && a.isTerminal(a.stderr) {
		fmt.Fprintf(a.stderr, "chatferry: asking some forty questions, %.0f a minute; --months asks more\n", float64(s.Rate)*float64(s.RateShare))
	}
	look, free, err := a.doctorLook(ctx, s, o)
	if err != nil {
		return request.reason(err)
	}
	defer free()
	facts, err := doctor.Gather(ctx, look)
	if err != nil {
		return request.reason(err)
	}
	return a.tellDoctor(s, o, doctor.Examine(facts), look, seconds(a.now().Sub(begun)))
}

// doctorLook opens what is to be looked at. A place that does not answer is no error of it: that is what is looked for.
func (a *app) doctorLook(ctx context.Context, s *settings, o *doctorOptions) (look *doctor.Options, free func(), err error) {
	account, err := s.From.account()
	if err != nil {
		return nil, nil, err
	}
	look = &doctor.Options{
		From: printable(redactURI(strings.Join(s.From.Texts(), ", "))), To: string(s.To), Months: o.months, Owner: o.owner, Now: a.now, Accepted: s.AllowMissing,
		PerMinute: float64(s.Rate) * float64(s.RateShare), Users: doctor.NoUsers, Groups: doctor.NoGroups, Billing: doctor.NoBilling,
	}
	if err := o.read(look); err != nil {
		return nil, nil, err
	}
	if !s.given("patience") {
		s.Patience = period(doctorPatience)
	}
	var clients []*api.Client
	free = func() {
		for _, c := range clients {
			c.Close()
		}
	}
	dial := func(uri string, tokens api.TokenSource, probe string, roots func(string) ([]string, error)) (*api.Client, error) {
		places, err := roots(uri)
		if err != nil {
			return nil, usage("", "%w", err)
		}
		c, err := api.Dial(ctx, api.Options{
			Roots: places, Token: tokens, Probe: probe, PerMinute: float64(s.Rate), Share: float64(s.RateShare), Patience: time.Duration(s.Patience),
			Transport: a.transport, Log: a.newLogger(s, a.stderr),
		})
		if err == nil {
			clients = append(clients, c)
		}
		return c, err
	}
	if account == "" {
		if look.Listing, err = s.listDump(ctx); err != nil {
			return nil, nil, err
		}
		look.From = printable(look.From)
	} else {
		tokens, err := s.tokens()
		if err != nil {
			return nil, nil, err
		}
		if look.Client, look.Refused = dial(account, tokens, "", accountRoots); chatferry.KindOf(look.Refused) == chatferry.KindUsage {
			return nil, nil, look.Refused
		}
	}
	if o.upgraded != "" {
		tokens, err := a.upgradedToken(o)
		if err != nil {
			free()
			return nil, nil, err
		}
		look.Upgraded = printable(redactURI(o.upgraded))
		if look.Support, look.SupportRefused = dial(o.upgraded, tokens, doctor.SupportProbe, supportRoots); chatferry.KindOf(look.SupportRefused) == chatferry.KindUsage {
			free()
			return nil, nil, look.SupportRefused
		}
	}
	if s.To != "" {
		a.lookAtTarget(s, look)
	}
	return look, free, nil
}

// read reads the files that were given. One that cannot be read is to be put right, not to be told of by a check.
func (o *doctorOptions) read(look *doctor.Options) error {
	if o.users != "" {
		look.Users = doctor.ReadUsers(o.users)
	}
	if o.groups != "" {
		look.Groups = doctor.ReadGroups(o.groups)
	}
	if o.billing != "" {
		look.Billing = doctor.ReadBilling(o.billing)
	}
	for _, file := range []struct {
		name string
		gap  *doctor.Gap
	}{{o.users, look.Users.Gap}, {o.groups, look.Groups.Gap}, {o.billing, look.Billing.Gap}} {
		if file.name != "" && file.gap != nil {
			return usage("chatferry doctor --help says what it may hold", "read %s: %s", printable(file.name), file.gap.Reason)
		}
	}
	return nil
}

// upgradedToken is the token of the Support API.
func (a *app) upgradedToken(o *doctorOptions) (api.TokenSource, error) {
	switch token := a.getenv(envUpgradedToken); {
	case token != "" && o.upgradedTokenFile != "":
		return nil, usage("keep one of them", "a token was given by %s and by --upgraded-token-file", envUpgradedToken)
	case token != "":
		return api.StaticToken(api.NewSecret(token))
	case o.upgradedTokenFile != "":
		return api.FileToken(o.upgradedTokenFile), nil
	}
	return nil, usage("set "+envUpgradedToken+", or name a file with --upgraded-token-file", "--upgraded is read with a token, and none was given")
}

// supportRoots returns the root of the Support API of an account.
func supportRoots(text string) ([]string, error) {
	if !isAccount(text) {
		return nil, fmt.Errorf("--upgraded: %s is not an account; write zendesk://SUBDOMAIN", redactURI(text))
	}
	roots, err := accountRoots(text)
	if err != nil {
		return nil, fmt.Errorf("--upgraded: %w", err)
	}
	root := strings.TrimSuffix(roots[0], "/chat")
	if root == zopimRoot {
		return nil, errors.New("--upgraded: an account of zopim.com has no Support API; write zendesk://SUBDOMAIN")
	}
	if !strings.HasSuffix(root, "/api/v2") {
		root += "/api/v2"
	}
	return []string{root}, nil
}

// tellDoctor prints the sheet, and returns the error that decides the exit code.
func (a *app) tellDoctor(s *settings, o *doctorOptions, sheet *doctor.Sheet, look *doctor.Options, elapsed float64) error {
	err := doctorVerdict(sheet, look)
	if bool(s.JSON) || o.format == "json" {
		return errors.Join(err, a.printJSON(struct {
			Command  string `json:"command"`
			OK       bool   `json:"ok"`
			ExitCode int    `json:"exit_code"`
			*doctor.Sheet
			Count    map[doctor.Verdict]int `json:"count"`
			ElapsedS float64                `json:"elapsed_s"`
			Error    *resultError           `json:"error"`
		}{"doctor", err == nil, exitCode(err), sheet, map[doctor.Verdict]int{
			doctor.Pass: sheet.Count(doctor.Pass), doctor.Warn: sheet.Count(doctor.Warn), doctor.Fail: sheet.Count(doctor.Fail), doctor.Unknown: sheet.Count(doctor.Unknown),
		}, elapsed, resultErrorOf(err)}))
	}
	var b bytes.Buffer
	style := doctor.Style{Printable: printable, Wrap: wrap, Width: tableWidth}
	perr := error(nil)
	if o.format == "markdown" {
		perr = sheet.Markdown(&b, style)
	} else {
		fmt.Fprintf(&b, "doctor %s: %s (exit code %d)\n", sheet.From, sheet.Sentence(), exitCode(err))
		perr = sheet.Table(&b, style)
	}
	if perr == nil {
		_, perr = io.Copy(a.stdout, &b)
	}
	return errors.Join(err, printError(perr))
}

// tableWidth is the width of the table, whatever the terminal: it is also read in tickets.
const tableWidth = 110

// doctorVerdict is the error that decides the exit code.
func doctorVerdict(sheet *doctor.Sheet, look *doctor.Options) error {
	t := sheet.Trouble()
	var errs []error
	if len(t.Environment) > 0 {
		errs = append(errs, chatferry.Errorf(chatferry.KindEnvironment, "do what is said there", "%s failed", joinAnd(t.Environment)))
	}
	if len(t.Later) > 0 {
		errs = append(errs, chatferry.Errorf(chatferry.KindTemporary, "run it again later", "no answer that can be used from %s", joinAnd(t.Later)))
	}
	if len(t.Failed) > 0 {
		errs = append(errs, &partialError{joinAnd(t.Failed) + " failed"})
	}
	if len(t.Refused) > 0 && look.Refused == nil {
		errs = append(errs, &partialError{"refused, missing or in a form that is not known: " + joinAnd(t.Refused)})
	}
	return errors.Join(errs...)
}

// joinAnd writes "a, b and c".
func joinAnd(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}
