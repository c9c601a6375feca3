package identity

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"chatferry"
	"chatferry/transform"
)

// The columns of the files that a person makes. Their order is free, and others are not looked at.
//
//	upgraded_id   needed: the id of the agent in the upgraded account, or of the department, which is that of its group
//	legacy_id     the id that it had before; with it the two are one, whatever else is said
//	email, name   else the one by which it is found: the e-mail of an agent, the name of a department
//	role          of agents: owner, for the one who owns the unified account
const (
	fileUpgraded = "upgraded_id"
	fileLegacy   = "legacy_id"
	fileEmail    = "email"
	fileName     = "name"
	fileRole     = "role"
)

// ReadFiles reads the CSV files of --agent-map and --department-map, "" for one that was not given.
func ReadFiles(agents, departments string) (*Upgraded, error) {
	u := &Upgraded{members: map[chatferry.Stream][]Member{}, given: map[chatferry.Stream]map[int64]int64{}}
	for _, of := range Of() {
		name := agents
		if of == chatferry.Departments {
			name = departments
		}
		if name == "" {
			continue
		}
		if err := u.readFile(name, of); err != nil {
			return nil, &chatferry.Error{
				Kind: chatferry.KindUsage, Op: "read", Place: name, Err: err,
				Hint: "it is CSV with a header: upgraded_id, and legacy_id or " + keyColumn(of),
			}
		}
	}
	return u, nil
}

// Join adds what the files say to what an account was asked for.
func (u *Upgraded) Join(files *Upgraded) *Upgraded {
	out := &Upgraded{members: map[chatferry.Stream][]Member{}, given: files.given}
	for _, of := range Of() {
		if u.members[of] != nil || files.members[of] != nil {
			out.members[of] = merged(u.members[of], files.members[of])
		}
	}
	return out
}

func keyColumn(of chatferry.Stream) string {
	if of == chatferry.Departments {
		return fileName
	}
	return fileEmail
}

func (u *Upgraded) readFile(name string, of chatferry.Stream) error {
	file, err := os.Open(name)
	if err != nil {
		if p := (*os.PathError)(nil); errors.As(err, &p) {
			err = p.Err
		}
		return err
	}
	defer file.Close()
	text := bufio.NewReader(file)
	if mark, _ := text.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = text.Discard(3)
	}
	rows := csv.NewReader(text)
	rows.FieldsPerRecord = -1
	header, err := rows.Read()
	if err != nil {
		return fmt.Errorf("it has no header: %w", err)
	}
	at := map[string]int{}
	for i, column := range header {
		at[strings.ToLower(strings.TrimSpace(column))] = i
	}
	if _, ok := at[fileUpgraded]; !ok {
		return fmt.Errorf("it has no column %s", fileUpgraded)
	}
	members, given := []Member{}, map[int64]int64{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		line, _ := rows.FieldPos(0)
		m, legacy, err := memberIn(row, at, of)
		if err == nil && legacy != 0 && given[legacy] != 0 && given[legacy] != m.ID {
			err = fmt.Errorf("%s %d stands in an earlier line with another id", fileLegacy, legacy)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		if legacy != 0 {
			given[legacy] = m.ID
		}
		members = append(members, m)
	}
	u.members[of], u.given[of] = merged(nil, members), given
	return nil
}

// memberIn reads a row.
func memberIn(row []string, at map[string]int, of chatferry.Stream) (m Member, legacy int64, err error) {
	field := func(name string) string {
		if i, ok := at[name]; ok && i < len(row) {
			return strings.TrimSpace(row[i])
		}
		return ""
	}
	number := func(name string) int64 {
		text := field(name)
		if text == "" || err != nil {
			return 0
		}
		n, perr := strconv.ParseInt(text, 10, 64)
		if perr != nil || n <= 0 {
			err = fmt.Errorf("%s %q is no id", name, text)
		}
		return n
	}
	m.ID, legacy = number(fileUpgraded), number(fileLegacy)
	m.Key = field(fileName)
	if of == chatferry.Agents {
		m.Key, m.Name, m.Owner = fold(field(fileEmail)), m.Key, strings.EqualFold(field(fileRole), transform.RoleOwner)
	}
	switch {
	case err != nil:
	case m.ID == 0:
		err = fmt.Errorf("%s is empty", fileUpgraded)
	case legacy == 0 && m.Key == "":
		err = fmt.Errorf("%s and %s are both empty", fileLegacy, keyColumn(of))
	}
	return m, legacy, err
}
