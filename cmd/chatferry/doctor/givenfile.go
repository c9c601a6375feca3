package doctor

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// The files that a person may give: CSV with a header row, a JSON array, an object that holds one, or an object a line.
//
//	users    id, name, email, role (end-user, agent, admin), owner, suspended; other columns do not matter
//	groups   name; other columns do not matter
//	billing  one JSON object: the members of the Chat account's billing that are known, and cycle
//
// In the header of a CSV file case, spaces and hyphens do not matter: "E-mail", "User ID" and "Is owner" are read as well.

// mostGiven bounds a file that is read whole.
const mostGiven = 256 << 20

// Billing are billing details by name.
type Billing map[string]string

// ReadUsers reads a list of Support users.
func ReadUsers(name string) Fact[[]User] {
	list, err := readList[User](name, map[string]string{
		"id": "id", "userid": "id", "name": "name", "fullname": "name", "email": "email", "emailaddress": "email",
		"role": "role", "owner": "owner", "isowner": "owner", "accountowner": "owner", "suspended": "suspended",
	}, "users", "email")
	if err != nil {
		return refused[[]User](name, err)
	}
	return seen(list)
}

// ReadGroups reads a list of Support groups.
func ReadGroups(name string) Fact[[]string] {
	list, err := readList[struct {
		Name text `json:"name"`
	}](name, map[string]string{"name": "name", "group": "name", "groupname": "name"}, "groups", "name")
	if err != nil {
		return refused[[]string](name, err)
	}
	var names []string
	for _, g := range list {
		names = append(names, string(g.Name))
	}
	return seen(names)
}

// ReadBilling reads the billing details of the Support account.
func ReadBilling(name string) Fact[Billing] {
	data, err := readGiven(name)
	if err == nil {
		var members map[string]anyText
		if json.Unmarshal(data, &members) != nil || members == nil {
			err = fmt.Errorf("%w: it is not one JSON object", errForm)
		}
		if err == nil {
			b := Billing{}
			for k, v := range members {
				b[k] = string(v)
			}
			return seen(b)
		}
	}
	return refused[Billing](name, err)
}

func readGiven(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostGiven+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > mostGiven:
		return nil, fmt.Errorf("%w: it is larger than 256 MiB", errForm)
	}
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	switch {
	case !utf8.Valid(data):
		return nil, fmt.Errorf("%w: it is not UTF-8", errForm)
	case len(data) == 0:
		return nil, fmt.Errorf("%w: it is empty", errForm)
	}
	return data, nil
}

// readList reads records. columns are what the columns of a CSV file may be called; one must be there.
func readList[T any](name string, columns map[string]string, member, one string) ([]T, error) {
	data, err := readGiven(name)
	if err != nil {
		return nil, err
	}
	var records [][]byte
	switch data[0] {
	case '[', '{':
		records, err = jsonRecords(data, member)
	default:
		records, err = csvRecords(data, columns, one)
	}
	if err != nil {
		return nil, err
	}
	list := make([]T, 0, len(records))
	for i, raw := range records {
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, fmt.Errorf("%w: record %d", errForm, i+1)
		}
		list = append(list, v)
	}
	return list, nil
}

// jsonRecords finds the records of one array, of an object that holds one, or of an object a line.
func jsonRecords(data []byte, member string) (records [][]byte, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	for {
		var v rawMessage
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return records, nil
		} else if err != nil {
			return nil, fmt.Errorf("%w: it is not JSON", errForm)
		}
		var object map[string]rawMessage
		var list []rawMessage
		switch {
		case v[0] == '[':
			err = v.into(&list)
		case v.into(&object) == nil && object[member] != nil:
			err = object[member].into(&list)
		default:
			list = []rawMessage{v}
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s is not a list", errForm, member)
		}
		for _, r := range list {
			records = append(records, r)
		}
	}
}

// csvRecords makes records of rows.
func csvRecords(data []byte, columns map[string]string, one string) (records [][]byte, err error) {
	r := csv.NewReader(bytes.NewReader(data))
	head, _, _ := bytes.Cut(data, []byte("\n"))
	if bytes.Count(head, []byte(";")) > bytes.Count(head, []byte(",")) {
		r.Comma = ';'
	}
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errForm, err)
	}
	at := map[int]string{}
	there := false
	for i, title := range header {
		key := strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(strings.TrimSpace(title)))
		if name, ok := columns[key]; ok {
			at[i] = name
			there = there || name == one
		}
	}
	if !there {
		return nil, fmt.Errorf("%w: it has no column %q", errForm, one)
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return records, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errForm, err)
		}
		v := map[string]string{}
		for i, name := range at {
			v[name] = strings.TrimSpace(row[i])
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		records = append(records, raw)
	}
}

// rawMessage is a JSON value that was not read yet; nil is one that is not there.
type rawMessage []byte

func (m *rawMessage) UnmarshalJSON(b []byte) error {
	*m = bytes.Clone(b)
	return nil
}

func (m rawMessage) into(v any) error {
	if m == nil {
		return nil
	}
	return json.Unmarshal(m, v)
}
