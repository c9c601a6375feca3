package chatapi

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"chatferry/extract/rehearsal"
)

// supportEndpoints are the addresses of the Support API that are there, below its root: who belongs to the account, and
// what is installed. They know the same tokens.
var supportEndpoints = []endpoint{
	{"/users/me", supportMe},
	{"/users", supportList("users", usersOfRoles)},
	{"/groups", supportList("groups", func(c *call) []string { return c.s.support().Groups })},
	{"/apps/installations", supportList("installations", func(c *call) []string { return c.s.support().Apps })},
}

const supportPage = 100

// supportMe answers with the first user, who is an administrator.
func supportMe(c *call) *failure {
	c.text(`{"user":` + c.s.support().Users[0] + `}`)
	return nil
}

// usersOfRoles are the users, or those whose role is asked for.
func usersOfRoles(c *call) []string {
	roles := c.query["role[]"]
	if len(roles) == 0 {
		return c.s.support().Users
	}
	var list []string
	for _, raw := range c.s.support().Users {
		if slices.ContainsFunc(roles, func(role string) bool { return strings.Contains(raw, `"role":"`+role+`"`) }) {
			list = append(list, raw)
		}
	}
	return list
}

// supportList answers with a page of a list, which leads on by a cursor.
func supportList(member string, list func(*call) []string) handler {
	return func(c *call) *failure {
		all := list(c)
		size, bad := c.integer("page[size]", supportPage, 1)
		if bad != nil {
			return bad
		}
		from, bad := c.integer("page[after]", 0, 0)
		if bad != nil {
			return bad
		}
		to := min(from+min(size, supportPage), int64(len(all)))
		c.text(`{"` + member + `":[`)
		for k := from; k < to; k++ {
			if k > from {
				c.text(`,`)
			}
			c.text(all[k])
		}
		if to >= int64(len(all)) {
			c.text(`],"meta":{"has_more":false,"after_cursor":null},"links":{"next":null}}`)
			return nil
		}
		cursor := strconv.FormatInt(to, 10)
		c.text(`],"meta":{"has_more":true,"after_cursor":"` + cursor + `"},"links":{"next":`)
		c.quoted(c.origin() + zopimRoot + "/" + member + "?" + url.Values{"page[after]": {cursor}, "page[size]": {strconv.FormatInt(size, 10)}}.Encode())
		c.text(`}}`)
		return nil
	}
}

// Support returns the Support account that is served.
func (s *Server) Support() *rehearsal.Support { return s.support() }
