package doctor

import (
	"net/url"
	"slices"
	"strings"
)

var integrationQuestions = []question{
	{
		"oauth.clients", "Nothing is integrated by OAuth",
		"OAuth clients come along, but no token does; and integrations of third parties with Chat stop.", oauthClients,
	},
	{"apps.installed", "The apps go on working", "Public and private apps go on working after the upgrade.", appsInstalled},
}

// place is where a client sends people back to: the host alone, since paths may tell more than needed.
func (c *Client) place() string {
	var hosts []string
	for uri := range strings.FieldsFuncSeq(string(c.Redirects), func(r rune) bool { return r == ' ' || r == ',' || r == '\n' }) {
		host := "an address of another form"
		if u, err := url.Parse(uri); err == nil && u.Hostname() != "" {
			host = u.Hostname()
		}
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return strings.Join(hosts, ", ")
}

// title names a client.
func (c *Client) title() string {
	if c.Name == "" {
		return "client " + idText(c.ID)
	}
	return string(c.Name)
}

func oauthClients(l *look) {
	clients, ok := take(l, &l.f.Clients)
	if !ok {
		return
	}
	l.see("%s", counted(int64(len(clients)), "OAuth client"))
	if len(clients) == 0 {
		return
	}
	agents, _ := take(l, &l.f.Agents)
	for i := range clients {
		c := &clients[i]
		var note []string
		for _, s := range []string{string(c.Type), string(c.Scopes), c.place()} {
			if s != "" {
				note = append(note, s)
			}
		}
		at := slices.IndexFunc(agents, func(a Agent) bool { return a.ID == c.AgentID })
		switch {
		case at < 0:
			note = append(note, "of nobody who is an agent")
		case bool(agents[at].Enabled):
			note = append(note, "of "+agents[at].who())
		default:
			note = append(note, "of "+agents[at].who()+", disabled")
		}
		l.name(c.title(), strings.Join(note, "; "))
	}
	if k, _ := l.f.kind(); k == Phase4 {
		l.warn("Tokens from before the upgrade are void, and integrations of third parties with Chat have stopped.",
			"see that each was authorised again, with SUBDOMAIN.zendesk.com/api/v2/chat, by each agent and administrator who uses it")
		return
	}
	l.warn("Every token is void after the upgrade: whoever uses these clients must authorise again. An integration of a third party with Chat stops for good, and so does all that reads www.zopim.com.",
		"find out what each is for, and look in the dashboard for integrations without a client, which the API does not tell; before: tell who runs it, and replace what is a third party's; after: authorise again, with SUBDOMAIN.zendesk.com/api/v2/chat")
}

func appsInstalled(l *look) {
	apps, ok := take(l, &l.f.Apps)
	if !ok {
		return
	}
	l.see("%s in Support", counted(int64(len(apps)), "app"))
	chat := 0
	for i := range apps {
		a := &apps[i]
		note := "of " + string(a.Product)
		if a.Product == "" {
			note = ""
		}
		if a.Enabled != nil && !*a.Enabled {
			note = strings.TrimPrefix(note+", off", ", ")
		}
		if a.Product == "chat" {
			chat++
		}
		l.name(a.name(), note)
	}
	sorted(l.Named)
	if chat > 0 {
		l.warn("Apps go on working; of Chat's, the owner of Support manages those only with Chat permission.", "look at each after the upgrade")
	}
}
