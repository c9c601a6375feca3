package transform

import (
	"strings"

	"chatferry"
)

// upgradedSuffix is what the name of a twin column ends with.
const upgradedSuffix = "_upgraded"

// Twin is a column of ids that change in an upgrade, and the one beside it for the ids behind it. A Transformer leaves that
// null: no record says what its ids become. It is an int64, or a list of them where the column is a list.
type Twin struct {
	Column   string
	Upgraded string
	Of       chatferry.Stream // Agents or Departments, whose ids they are
}

// Twins returns the twin columns of a table, in its order.
func Twins(t chatferry.Table) []Twin {
	l := newLayout(t)
	if l == nil {
		return nil
	}
	var out []Twin
	for _, c := range l.columns {
		column, ok := strings.CutSuffix(c.name, upgradedSuffix)
		if !ok || !c.empty {
			continue
		}
		w := Twin{Column: column, Upgraded: c.name, Of: chatferry.Agents}
		if strings.Contains(column, "department") || t == chatferry.Departments.Parent() && column == "id" {
			w.Of = chatferry.Departments
		}
		out = append(out, w)
	}
	return out
}
