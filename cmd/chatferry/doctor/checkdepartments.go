package doctor

import (
	"slices"
	"strings"
)

var departmentQuestions = []question{
	{"departments.names", "No two departments have one name", "Departments can be joined by name before and after the upgrade.", departmentNames},
	{"departments.groups", "No department is called like a Support group", "Departments become groups of their own.", departmentGroups},
	{"departments.members", "Every department is enabled and has members", "Every department can take chats after the upgrade.", departmentMembers},
	{"roles.custom", "There are no roles of the account's own", "The roles of the unified account do all that the ones here do.", customRoles},
}

func departmentNames(l *look) {
	list, ok := take(l, &l.f.Departments)
	if !ok {
		return
	}
	by := map[string][]string{}
	for i := range list {
		by[folded(list[i].Name)] = append(by[folded(list[i].Name)], string(list[i].Name))
	}
	for _, key := range sortedKeys(by) {
		if len(by[key]) > 1 || key == "" {
			l.name(strings.Join(by[key], ", "), counted(int64(len(by[key])), "department"))
		}
	}
	l.see("%s, %d of their names shared or empty", counted(int64(len(list)), "department"), len(l.Named))
	if len(l.Named) > 0 {
		l.fail("Departments get other ids by the upgrade, so that those of one name cannot be told apart afterwards.", "give each a name of its own")
	}
}

func departmentGroups(l *look) {
	list, ok := take(l, &l.f.Departments)
	if !ok {
		return
	}
	if len(list) > 0 && !slices.ContainsFunc(list, func(d Department) bool { return d.Settings.Group == 0 }) {
		l.see("every department is a group already")
		return
	}
	groups, ok := take(l, &l.f.Groups)
	if !ok {
		return
	}
	by := map[string]string{}
	for _, g := range groups {
		by[folded(g)] = g
	}
	for i := range list {
		if g, ok := by[folded(list[i].Name)]; ok && list[i].Settings.Group == 0 {
			l.name(string(list[i].Name), "the group "+g)
		}
	}
	l.see("%d of %s %s called like one of %s", len(l.Named), counted(int64(len(list)), "department"), are(len(l.Named)), counted(int64(len(groups)), "group"))
	if len(l.Named) > 0 {
		l.warn("A department becomes a group. One that is called like a group there is joined with it, or stands beside it under the same name.",
			"rename the department or the group, unless they are to be one")
	}
}

func departmentMembers(l *look) {
	list, ok := take(l, &l.f.Departments)
	if !ok {
		return
	}
	for i := range list {
		d := &list[i]
		switch {
		case !bool(d.Enabled):
			l.name(string(d.Name), "disabled")
		case len(d.Members) == 0:
			l.name(string(d.Name), "without members")
		}
	}
	l.see("%d of %s", len(l.Named), counted(int64(len(list)), "department"))
	if len(l.Named) > 0 {
		l.warn("Such departments become groups that take no chats.", "remove them, or leave them for the sake of their history")
	}
}

// builtIn are the names of the roles that every account has.
var builtIn = []string{"owner", "administrator", "admin", "agent"}

func customRoles(l *look) {
	roles, ok := take(l, &l.f.Roles)
	if !ok {
		return
	}
	for i := range roles {
		if !slices.Contains(builtIn, folded(roles[i].Name)) {
			l.name(string(roles[i].Name), counted(int64(roles[i].Members), "member"))
		}
	}
	l.see("%d of %s %s the account's own", len(l.Named), counted(int64(len(roles)), "role"), are(len(l.Named)))
	if len(l.Named) > 0 {
		l.warn("Roles of the account's own do not come along into the Agent Workspace.",
			"write down what they permit (chatferry run --streams roles), and give their members roles after the upgrade")
	}
}
