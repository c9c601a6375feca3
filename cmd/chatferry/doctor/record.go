package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The records, with what the checks look at. What the account writes in several ways is read in all of them.

// Agent is a member of the Chat account.
type Agent struct {
	ID        number `json:"id"`
	Email     text   `json:"email"`
	First     text   `json:"first_name"`
	Last      text   `json:"last_name"`
	Display   text   `json:"display_name"`
	Enabled   flag   `json:"enabled"`
	RoleID    number `json:"role_id"`
	LastLogin text   `json:"last_login"`
	Roles     *struct {
		Owner         flag `json:"owner"`
		Administrator flag `json:"administrator"`
	} `json:"roles"`
}

// owner and administrator report what the deprecated flags say, which not every record has.
func (a *Agent) owner() bool         { return a.Roles != nil && bool(a.Roles.Owner) }
func (a *Agent) administrator() bool { return a.Roles != nil && bool(a.Roles.Administrator) }

// who names an agent to a person who has to act.
func (a *Agent) who() string {
	name := strings.TrimSpace(string(a.First) + " " + string(a.Last))
	if name == "" {
		name = string(a.Display)
	}
	if name == "" {
		name = "agent " + strconv.FormatInt(int64(a.ID), 10)
	}
	if a.Email != "" {
		name += " <" + string(a.Email) + ">"
	}
	return name
}

// Account is the record of the account.
type Account struct {
	Status  text               `json:"status"`
	Billing map[string]anyText `json:"billing"`
	Plan    struct {
		Name        text  `json:"name"`
		RestAPI     *flag `json:"rest_api"`
		HistoryDays text  `json:"max_history_search_days"`
		Analytics   *flag `json:"analytics"`
		Short       text  `json:"short_desc"`
		Long        text  `json:"long_desc"`
	} `json:"plan"`
}

// Role is what agents may do.
type Role struct {
	ID          number             `json:"id"`
	Name        text               `json:"name"`
	Members     number             `json:"members_count"`
	Enabled     *flag              `json:"enabled"`
	Permissions map[string]anyText `json:"permissions"`
}

// Department is a department.
type Department struct {
	ID       number   `json:"id"`
	Name     text     `json:"name"`
	Enabled  flag     `json:"enabled"`
	Members  []number `json:"members"`
	Settings struct {
		Group number `json:"support_group_id"`
	} `json:"settings"`
}

// Client is an OAuth client, without its secrets.
type Client struct {
	ID        number `json:"id"`
	Name      text   `json:"name"`
	Company   text   `json:"company"`
	Type      text   `json:"client_type"`
	Redirects text   `json:"redirect_uris"`
	Scopes    text   `json:"scopes"`
	AgentID   number `json:"agent_id"`
	Updated   text   `json:"update_date"`
}

// chat is what is looked at in a sampled chat.
type chat struct {
	ID        text     `json:"id"`
	Timestamp text     `json:"timestamp"`
	Updated   text     `json:"update_timestamp"`
	Agents    []number `json:"agent_ids"`
	Ticket    number   `json:"zendesk_ticket_id"`
}

// decode reads records. Those that cannot be read are counted.
func decode[T any](records [][]byte) (list []T, odd int) {
	list = make([]T, 0, len(records))
	for _, raw := range records {
		var v T
		if json.Unmarshal(raw, &v) != nil {
			odd++
			continue
		}
		list = append(list, v)
	}
	return list, odd
}

// flag is a boolean, or 1 and 0.
type flag bool

func (f *flag) UnmarshalJSON(b []byte) error {
	switch strings.ToLower(strings.Trim(string(b), `"`)) {
	case "true", "1", "yes":
		*f = true
	case "false", "0", "null", "", "no":
		*f = false
	default:
		return fmt.Errorf("%s is no truth value", b)
	}
	return nil
}

// number is an integer, or text that holds one; 0 for null.
type number int64

func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "" || s == "null" {
		return nil
	}
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		*n = number(v)
		return nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v != float64(int64(v)) {
		return fmt.Errorf("%s is no integer", b)
	}
	*n = number(v)
	return nil
}

// text is a string, or another scalar as it is written; "" for null.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case bytes.Equal(b, []byte("null")):
		return nil
	case b[0] == '"':
		var s string
		err := json.Unmarshal(b, &s)
		*t = text(s)
		return err
	case b[0] == '{' || b[0] == '[':
		return fmt.Errorf("an object or list where a text is due")
	}
	*t = text(b)
	return nil
}

// anyText is any value: a scalar as text, something larger as its JSON.
type anyText string

func (t *anyText) UnmarshalJSON(b []byte) error {
	var s text
	if s.UnmarshalJSON(b) == nil {
		*t = anyText(s)
		return nil
	}
	*t = anyText(b)
	return nil
}
