package doctor

import (
	"context"
	"time"

	"chatferry"
	"chatferry/extract/api"
	"chatferry/extract/dump"
)

// Options say what to look at. Of Client and Listing one is there, unless Refused says why the account does not answer.
type Options struct {
	From, To, Upgraded string // as they are shown

	Client  *api.Client
	Refused error
	Listing *dump.Listing

	Support        *api.Client // nil: not named, or SupportRefused
	SupportRefused error
	Users          Fact[[]User]
	Groups         Fact[[]string]
	Billing        Fact[Billing]
	Owner          string // e-mail address of the Support owner; "": not given

	// Accepted are the Streams that may be missing or forbidden.
	Accepted []chatferry.Stream

	Months    bool // count the chats of each month
	PerMinute float64

	// Target looks at the place that the dataset is to be written to, and Space at what is free there; nil: there is none.
	Target func(context.Context) (Target, error)
	Space  func() (Space, error)

	Now func() time.Time
}

// What is asked for in vain when the caller has not named it, with how to name it.
var (
	NoUsers   = notGiven[[]User]("the users of the Support account", "name them: --support-users FILE, or --upgraded zendesk://SUBDOMAIN")
	NoGroups  = notGiven[[]string]("the groups of the Support account", "name them: --support-groups FILE, or --upgraded zendesk://SUBDOMAIN")
	NoBilling = notGiven[Billing]("the billing details of the Support account", "write them into a file as JSON, and name it: --support-billing FILE")
	noApps    = notGiven[[]App]("the apps of the Support account", "name the account: --upgraded zendesk://SUBDOMAIN")
	noOwner   = notGiven[string]("the owner of the Support account", "name the owner: --support-owner EMAIL")
	noMonths  = notGiven[[]Month]("the chats of each month", "ask for it: --months; it takes four requests for each month of the account's life")
	noTarget  = notGiven[Target]("the place of the dataset", "name it: --to PLACE")
	noSpace   = notGiven[Space]("the free disk space", "name the place of the dataset: --to PLACE")
)

// Gather looks at everything. The error is that of ctx; what else goes wrong is a Gap of the Facts.
func Gather(ctx context.Context, o *Options) (*Facts, error) {
	f := &Facts{
		From: o.From, To: o.To, Upgraded: o.Upgraded, Dump: o.Listing != nil, Now: o.Now().UTC(), PerMinute: o.PerMinute, Accepted: o.Accepted,
		Users: o.Users, Groups: o.Groups, Billing: o.Billing, Owner: noOwner, Apps: noApps, Months: noMonths,
		Target: noTarget, Space: noSpace,
		Stored: unseen[int64]("the size of the dump", NotHeld, "the source is an account"),
	}
	var err error
	switch {
	case o.Listing != nil:
		err = f.gatherDump(ctx, o)
	case o.Refused != nil:
		f.bar(o.Refused)
	default:
		err = f.gatherAccount(ctx, o)
	}
	if err == nil {
		err = f.gatherSupport(ctx, o)
	}
	if err == nil && o.Target != nil {
		t, terr := o.Target(ctx)
		if f.Target = seen(t); terr != nil {
			f.Target = refused[Target]("a probe of "+o.To, terr)
		}
		s, serr := o.Space()
		if f.Space = seen(s); serr != nil {
			f.Space = refused[Space]("the free space of "+o.To, serr)
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return f, err
}

func (f *Facts) gatherAccount(ctx context.Context, o *Options) error {
	f.Root = seen(o.Client.Root())
	begun := o.Now()
	whole, first, sampling := newAccount(o.Client, 0), newAccount(o.Client, 1), newAccount(o.Client, sampleChats)
	steps := []func() error{
		func() error { return f.whoami(ctx, o.Client) },
		func() error { return f.setUp(ctx, whole) },
		func() error { return f.exports(ctx, first) },
		func() error { return f.sample(ctx, sampling) },
		func() error { return f.counts(ctx, o.Client) },
	}
	if o.Months {
		steps = append(steps, func() error { return f.months(ctx, o.Client) })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	server, here := o.Client.Now(), o.Now()
	if f.Clock = seen(here.Sub(server).Round(time.Second)); !o.Client.Dated() || here.Before(begun) {
		f.Clock = unseen[time.Duration]("the Date of the answers", Missing, "no answer bears one")
	}
	return nil
}

func (f *Facts) gatherDump(ctx context.Context, o *Options) error {
	d := newFolder(o.Listing)
	f.bar(nil)
	f.Stored = seen(o.Listing.Bytes())
	if err := f.setUp(ctx, d); err != nil {
		return err
	}
	return f.sampleDump(ctx, d)
}

// bar fills in what was not asked for: since the account did not answer, or since a dump has no such thing.
func (f *Facts) bar(err error) {
	const root = "the API of the account"
	why, reason := NotHeld, "a dump does not tell it"
	f.Root = unseen[string](root, why, reason)
	if err != nil {
		why, reason = Barred, "the account does not answer"
		f.Root = refused[string](root, err)
	}
	f.Clock = unseen[time.Duration]("the Date of the answers", why, reason)
	f.Me = unseen[Agent]("GET agents/me", why, reason)
	f.Account = unseen[Account]("GET account", why, reason)
	f.Agents = unseen[[]Agent]("GET agents", why, reason)
	f.Roles = unseen[[]Role]("GET roles", why, reason)
	f.Departments = unseen[[]Department]("GET departments", why, reason)
	f.Clients = unseen[[]Client]("GET oauth/clients", why, reason)
	f.Setup, f.Exports = map[chatferry.Stream]Fact[Snapshot]{}, map[chatferry.Stream]Fact[bool]{}
	for _, s := range setup {
		f.Setup[s] = unseen[Snapshot]("GET "+api.EndpointOf(s), why, reason)
	}
	for _, s := range growing() {
		f.Exports[s] = unseen[bool]("GET "+api.EndpointOf(s), why, reason)
	}
	f.Sample = unseen[Sample]("GET "+api.EndpointOf(chatferry.Chats), why, reason)
	f.Counts = unseen[Counts]("GET "+searchPath, why, reason)
	if f.Months.Gap.Why != NotGiven || err == nil {
		f.Months = unseen[[]Month]("GET "+searchPath+" for each month", why, reason)
	}
}

func (f *Facts) gatherSupport(ctx context.Context, o *Options) error {
	users, groups := o.Users, o.Groups
	switch {
	case o.SupportRefused != nil:
		const asked = "the Support API of the upgraded account"
		f.Users, f.Groups, f.Apps = refused[[]User](asked, o.SupportRefused), refused[[]string](asked, o.SupportRefused), refused[[]App](asked, o.SupportRefused)
	case o.Support != nil:
		if err := f.support(ctx, o.Support); err != nil {
			return err
		}
	}
	// A file that was given is what the caller wants to be looked at.
	if users.Gap == nil || users.Gap.Why != NotGiven {
		f.Users = users
	}
	if groups.Gap == nil || groups.Gap.Why != NotGiven {
		f.Groups = groups
	}
	if o.Owner != "" {
		f.Owner = seen(o.Owner)
		return nil
	}
	for i := range f.Users.Value {
		if u := &f.Users.Value[i]; u.Owner {
			f.Owner = Fact[string]{Value: string(u.Email), Known: true, Gap: f.Users.Gap}
		}
	}
	return nil
}
