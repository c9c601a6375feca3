package doctor

import (
	"context"
	"fmt"
	"net/url"

	"chatferry/extract/api"
)

// User is a user of the Support account.
type User struct {
	ID        number `json:"id"`
	Name      text   `json:"name"`
	Email     text   `json:"email"`
	Role      text   `json:"role"` // end-user, agent or admin
	Owner     flag   `json:"owner"`
	Suspended flag   `json:"suspended"`
}

// endUser reports whether the user is one who asks rather than answers.
func (u *User) endUser() bool { return u.Role == "end-user" || u.Role == "end_user" }

// App is an app that is installed in the Support account.
type App struct {
	ID       number `json:"id"`
	Product  text   `json:"product"`
	Enabled  *flag  `json:"enabled"`
	Settings struct {
		Name  text `json:"name"`
		Title text `json:"title"`
	} `json:"settings"`
}

func (a *App) name() string {
	for _, name := range []text{a.Settings.Title, a.Settings.Name} {
		if name != "" {
			return string(name)
		}
	}
	return "app " + idText(a.ID)
}

// SupportProbe is what tells that a Support account answers.
const SupportProbe = "users/me"

const (
	supportPage = "100"
	mostPages   = 1000
)

// support gathers what the Support side of the account is.
func (f *Facts) support(ctx context.Context, client *api.Client) error {
	f.Users = pages[User](ctx, client, "users", "users", url.Values{"role[]": {"agent", "admin"}})
	groups := pages[struct {
		Name    text `json:"name"`
		Deleted flag `json:"deleted"`
	}](ctx, client, "groups", "groups", nil)
	f.Groups = Fact[[]string]{Known: groups.Known, Gap: groups.Gap}
	for _, g := range groups.Value {
		if !g.Deleted {
			f.Groups.Value = append(f.Groups.Value, string(g.Name))
		}
	}
	f.Apps = pages[App](ctx, client, "apps/installations", "installations", nil)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// pages reads a list of the Support API to its end: by cursor, or by the page's number where the answer has none.
func pages[T any](ctx context.Context, client *api.Client, path, member string, query url.Values) Fact[[]T] {
	asked := "GET " + path + " of the Support account"
	q := url.Values{"page[size]": {supportPage}}
	for k, v := range query {
		q[k] = v
	}
	var all []T
	for n := 1; ; n++ {
		if n > mostPages {
			return refused[[]T](asked, fmt.Errorf("%w: the list does not end", errForm))
		}
		page, err := get[map[string]rawMessage](ctx, client, path, q)
		if err != nil {
			return refused[[]T](asked, err)
		}
		var list []rawMessage
		var meta struct {
			More   flag `json:"has_more"`
			Cursor text `json:"after_cursor"`
		}
		var next text
		for name, into := range map[string]any{member: &list, "meta": &meta, "next_page": &next} {
			if err := page.Value[name].into(into); err != nil || name == member && page.Value[name] == nil {
				return refused[[]T](asked, fmt.Errorf("%w: the member %s of its answer", errForm, name))
			}
		}
		for _, raw := range list {
			var v T
			if err := raw.into(&v); err != nil {
				return refused[[]T](asked, fmt.Errorf("%w: a record of %s", errForm, member))
			}
			all = append(all, v)
		}
		switch {
		case bool(meta.More) && meta.Cursor != "" && string(meta.Cursor) != q.Get("page[after]"):
			q.Set("page[after]", string(meta.Cursor))
		case bool(meta.More):
			return refused[[]T](asked, fmt.Errorf("%w: it has more, but does not say where", errForm))
		case next != "" && page.Value["meta"] == nil:
			q.Del("page[size]")
			q.Set("page", fmt.Sprint(n+1))
		default:
			return seen(all)
		}
	}
}
