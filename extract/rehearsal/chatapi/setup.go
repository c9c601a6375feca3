package chatapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"chatferry"
	"chatferry/extract/rehearsal"
)

const (
	streamAgents       = chatferry.Agents
	streamDepartments  = chatferry.Departments
	streamBans         = chatferry.Bans
	streamRoles        = chatferry.Roles
	streamSkills       = chatferry.Skills
	streamShortcuts    = chatferry.Shortcuts
	streamTriggers     = chatferry.Triggers
	streamGoals        = chatferry.Goals
	streamOAuthClients = chatferry.OAuthClients
)

const sinceLimit = 100

// object is one record of the account's configuration.
type object struct {
	id      int64
	name    string
	email   string
	address string // of a ban
	isIP    bool
	raw     []byte
}

// setup is how the account is set up, which does not change by itself.
type setup struct {
	lists map[chatferry.Stream]func() []object // by id, each made when it is first asked for

	mu   sync.Mutex
	left map[chatferry.Stream][]object // of Streams of which something was removed
}

func newSetup(a *rehearsal.Account, o *Options) *setup {
	s := &setup{lists: map[chatferry.Stream]func() []object{}, left: map[chatferry.Stream][]object{}}
	for _, stream := range []chatferry.Stream{
		streamAgents, streamDepartments, streamBans, streamRoles, streamSkills, streamShortcuts, streamTriggers, streamGoals,
		streamOAuthClients, chatferry.Account, chatferry.RoutingSettings,
	} {
		s.lists[stream] = sync.OnceValue(func() []object {
			var list []object
			for r := range a.Records(stream) {
				list = append(list, objectOf(&r, stream, o))
			}
			if stream == streamBans || stream == streamAgents {
				slices.SortStableFunc(list, func(x, y object) int { return cmp.Compare(x.id, y.id) })
			}
			return list
		})
	}
	return s
}

func objectOf(r *rehearsal.Record, stream chatferry.Stream, o *Options) object {
	x := object{raw: slices.Clone(r.Raw), isIP: r.IPBan}
	if stream == chatferry.Account && o.Kind.integrated() {
		x.raw = withoutBilling(x.raw)
	}
	var known struct {
		ID      json.RawMessage `json:"id"` // text, in shortcuts
		Name    string          `json:"name"`
		Email   string          `json:"email"`
		Address string          `json:"ip_address"`
	}
	if err := json.Unmarshal(x.raw, &known); err != nil {
		panic(fmt.Sprintf("a record of %s is not JSON: %v", stream, err))
	}
	if id, err := strconv.ParseInt(string(known.ID), 10, 64); err == nil {
		x.id = id
	}
	x.name, x.email, x.address = known.Name, known.Email, known.Address
	return x
}

// withoutBilling leaves out what belongs to the account of the ticket system.
func withoutBilling(raw []byte) []byte {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		panic(fmt.Sprintf("the account's record is not JSON: %v", err))
	}
	f := fields{}
	for name := range members {
		if name != "billing" {
			f.names = append(f.names, name)
		}
	}
	return f.append(nil, raw)
}

func (s *setup) list(stream chatferry.Stream) []object {
	s.mu.Lock()
	defer s.mu.Unlock()
	if left, ok := s.left[stream]; ok {
		return left
	}
	return s.lists[stream]()
}

// remove takes object i out of a list, and reports false if there is none.
func (s *setup) remove(stream chatferry.Stream, i int) bool {
	if s.lists[stream] == nil {
		return false
	}
	list := s.list(stream)
	if i < 0 || i >= len(list) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left[stream] = slices.Delete(slices.Clone(list), i, i+1) // answers may be under way with the old one
	return true
}

// agent returns the agent with an e-mail address, or nil.
func (s *setup) agent(email string) *object {
	list := s.list(streamAgents)
	for i := range list {
		if strings.EqualFold(list[i].email, email) {
			return &list[i]
		}
	}
	return nil
}

func (c *call) array(list []object) {
	c.text(`[`)
	for k := range list {
		if k > 0 {
			c.text(`,`)
		}
		c.body = append(c.body, list[k].raw...)
	}
	c.text(`]`)
}

// all answers with a whole list.
func all(stream chatferry.Stream) handler {
	return func(c *call) *failure {
		c.array(c.s.setup.list(stream))
		return nil
	}
}

// byID and byName answer with one object of a list.
func byID(stream chatferry.Stream) handler {
	return func(c *call) *failure {
		id, err := strconv.ParseInt(c.args[0], 10, 64)
		return c.one(stream, func(x *object) bool { return err == nil && x.id == id })
	}
}

func byName(stream chatferry.Stream) handler {
	return func(c *call) *failure {
		return c.one(stream, func(x *object) bool { return x.name == c.args[0] })
	}
}

func (c *call) one(stream chatferry.Stream, is func(*object) bool) *failure {
	list := c.s.setup.list(stream)
	for i := range list {
		if is(&list[i]) {
			c.body = append(c.body, list[i].raw...)
			return nil
		}
	}
	return notFound("there is no such record")
}

// since returns the part of a list, which is ordered by id, that since_id and limit ask for. since_id is inclusive.
func (c *call) since(list []object) ([]object, *failure) {
	from, bad := c.integer("since_id", 0, 0)
	if bad != nil {
		return nil, bad
	}
	limit, bad := c.integer("limit", sinceLimit, 1)
	if bad != nil {
		return nil, bad
	}
	if limit > sinceLimit {
		return nil, badRequest("limit must not be more than 100")
	}
	if c.s.o.Quirks.IgnoreSinceID {
		from = 0
	}
	at, _ := slices.BinarySearchFunc(list, from, func(x object, id int64) int { return cmp.Compare(x.id, id) })
	return list[at:min(len(list), at+int(limit))], nil
}

func listAgents(c *call) *failure {
	page, bad := c.since(c.s.setup.list(streamAgents))
	if bad == nil {
		c.array(page)
	}
	return bad
}

// listBans answers with two arrays, which share the ids and the limit.
func listBans(c *call) *failure {
	page, bad := c.since(c.s.setup.list(streamBans))
	if bad != nil {
		return bad
	}
	var visitors, addresses []object
	for _, x := range page {
		if x.isIP {
			addresses = append(addresses, x)
		} else {
			visitors = append(visitors, x)
		}
	}
	c.text(`{"visitor":`)
	c.array(visitors)
	c.text(`,"ip_address":`)
	c.array(addresses)
	c.text(`}`)
	return nil
}

func bannedAddresses(c *call) *failure {
	c.text(`[`)
	first := true
	for _, x := range c.s.setup.list(streamBans) {
		if x.isIP {
			if !first {
				c.text(`,`)
			}
			first = false
			c.quoted(x.address)
		}
	}
	c.text(`]`)
	return nil
}

// me returns who asks: an agent who gave a password, or else the one whose token it is.
func (c *call) me() *object {
	agents := c.s.setup.list(streamAgents)
	for i := range agents {
		if agents[i].id == c.agentID {
			return &agents[i]
		}
	}
	return &agents[min(c.s.account.TokenAgent(), len(agents)-1)]
}

func myself(c *call) *failure {
	c.body = append(c.body, c.me().raw...)
	return nil
}

func agentByEmail(c *call) *failure {
	return c.one(streamAgents, func(x *object) bool { return strings.EqualFold(x.email, c.args[0]) })
}

func account(c *call) *failure {
	if c.s.o.Quirks.AccountForbidden || c.s.o.Kind == Phase3 {
		return forbidden("the account is managed elsewhere")
	}
	c.body = append(c.body, c.s.setup.list(chatferry.Account)[0].raw...)
	return nil
}

func accountRouting(c *call) *failure {
	c.text(`{"data":`)
	c.body = append(c.body, c.s.setup.list(chatferry.RoutingSettings)[0].raw...)
	c.text(`}`)
	return nil
}

// routing writes how chats are given to an agent.
func (c *call) routing(x *object) {
	c.text(`{"agent_id":`)
	c.number(x.id)
	fmt.Fprintf((*appender)(&c.body), `,"chat_limit":{"enabled":%t,"limit":%d},"skill_routing":{"enabled":true}}`, x.id%3 == 0, 1+x.id%5)
}

// appender writes to the end of a slice.
type appender []byte

func (b *appender) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

func agentsRouting(c *call) *failure {
	c.text(`{"data":[`)
	agents := c.s.setup.list(streamAgents)
	for i := range agents {
		if i > 0 {
			c.text(`,`)
		}
		c.routing(&agents[i])
	}
	c.text(`]}`)
	return nil
}

func (c *call) routingOf(x *object) *failure {
	c.text(`{"data":`)
	c.routing(x)
	c.text(`}`)
	return nil
}

func myRouting(c *call) *failure { return c.routingOf(c.me()) }

func agentRouting(c *call) *failure {
	agents := c.s.setup.list(streamAgents)
	for i := range agents {
		if strconv.FormatInt(agents[i].id, 10) == c.args[0] {
			return c.routingOf(&agents[i])
		}
	}
	return notFound("there is no agent with this id")
}

// oauthTokens answers with the tokens of who asks. They are secrets, and fakes.
func oauthTokens(c *call) *failure {
	fmt.Fprintf((*appender)(&c.body), `[{"id":7101,"access_token":"%s-d","refresh_token":"%s-e","token_type":"Bearer","scopes":"read write chat",`+
		`"client_identifier":"fernweh_0","agent_id":%d,"create_date":"2021-06-01T08:30:00Z","expire_date":"2031-06-01T08:30:00Z"}]`,
		rehearsal.Canary, rehearsal.Canary, c.me().id)
	return nil
}
