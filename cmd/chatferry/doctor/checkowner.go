package doctor

var ownerQuestions = []question{
	{"owner.one", "The Chat account has one owner", "It is clear who becomes a Chat administrator in place of the owner.", ownerOne},
	{
		"owner.support", "The owner of Chat owns Support too",
		"One person owns the unified account, and goes on managing Chat and its apps.", ownerSupport,
	},
	{
		"owner.chat-permission", "The owner of Support may manage Chat",
		"The owner of the unified account can manage Chat and its apps.", ownerPermission,
	},
}

// owners are the agents who own the account. ok says that the records tell.
func owners(agents []Agent) (list []*Agent, ok bool) {
	for i := range agents {
		ok = ok || agents[i].Roles != nil
		if agents[i].owner() {
			list = append(list, &agents[i])
		}
	}
	return list, ok
}

func ownerOne(l *look) {
	agents, ok := take(l, &l.f.Agents)
	if !ok {
		return
	}
	list, told := owners(agents)
	l.see("%s of %s", counted(int64(len(list)), "owner"), counted(int64(len(agents)), "agent"))
	const look = "look into the dashboard: Settings > Agents, and have Zendesk put it right"
	switch {
	case !told:
		l.unsure("The records do not say who the owner is.", look)
	case len(list) == 0 && len(l.NotSeen) > 0:
		l.unsure("The owner is not among the agents that could be read.", look)
	case len(list) == 0:
		l.fail("Without an owner nobody can request the upgrade.", look)
	case len(list) > 1:
		for _, a := range list {
			l.name(a.who(), "owner")
		}
		l.fail("The upgrade takes one owner; which, is not known.", look)
	case !bool(list[0].Enabled):
		l.name(list[0].who(), "owner, disabled")
		l.fail("The owner cannot sign in, and so cannot request the upgrade.", "enable the owner, or change the owner of the Chat account")
	case list[0].Email == "":
		l.name(list[0].who(), "owner, without an e-mail address")
		l.fail("The owner cannot be told from others in the unified account.", "give the owner an e-mail address")
	default:
		l.name(list[0].who(), "owner")
	}
}

// theOwner is the one owner of the Chat account, or nil.
func theOwner(l *look) *Agent {
	agents, ok := take(l, &l.f.Agents)
	if !ok {
		return nil
	}
	list, _ := owners(agents)
	if len(list) != 1 || list[0].Email == "" {
		l.unsure("Who owns the Chat account is not clear.", "put right what owner.one found")
		return nil
	}
	return list[0]
}

func ownerSupport(l *look) {
	chat := theOwner(l)
	if chat == nil {
		return
	}
	support, ok := take(l, &l.f.Owner)
	switch {
	case !ok:
	case string(chat.Email) == support:
		l.see("both have the same e-mail address")
		return
	case folded(chat.Email) == folded(support):
		l.see("the e-mail addresses differ in case only")
		l.name(string(chat.Email), "in Chat")
		l.name(support, "in Support")
		l.warn("They count as one person, but whoever compares letter by letter will miss it.", "spell the address alike in both")
		return
	default:
		l.see("the e-mail addresses are two")
		l.name(chat.who(), "owns Chat, and becomes a Chat administrator")
		l.name(support, "owns Support, and will own the unified account")
		l.warn("The owner of Support owns the unified account; the owner of Chat becomes a Chat administrator and cannot change the plan any more.",
			"tell both; if it is to be one person, change the owner of the Chat account before the upgrade")
	}
	users, ok := take(l, &l.f.Users)
	if !ok {
		return
	}
	for i := range users {
		if folded(users[i].Email) != folded(chat.Email) {
			continue
		}
		if users[i].endUser() || bool(users[i].Suspended) {
			l.see("the owner of Chat is an end user, or suspended, in Support")
			l.fail("The owner of Chat would not come to be an administrator of the unified account.", "make the user an agent or administrator in Support")
		}
		return
	}
	l.see("the owner of Chat is no agent of Support")
	l.fail("The owner of Chat has no agent in Support to be joined with.", "make an agent in Support with the e-mail address of the owner of Chat")
}

func ownerPermission(l *look) {
	chat := theOwner(l)
	if chat == nil {
		return
	}
	support, ok := take(l, &l.f.Owner)
	if !ok {
		l.unsure("The owner of Support can manage Chat and its apps only once given Chat permission.", "")
		return
	}
	agents, _ := take(l, &l.f.Agents)
	for i := range agents {
		a := &agents[i]
		if folded(a.Email) != folded(support) {
			continue
		}
		switch {
		case !bool(a.Enabled):
			l.see("the owner of Support is an agent of Chat who is disabled")
			l.name(a.who(), "owner of Support, disabled in Chat")
			l.fail("The owner of Support cannot manage Chat apps.", "enable the agent, or give the owner of Support the Chat permission after the upgrade")
		case !a.owner() && !a.administrator():
			l.see("the owner of Support is an agent of Chat who is no administrator")
			l.name(a.who(), "owner of Support")
			l.warn("The owner of Support cannot manage Chat apps as an agent.", "make the owner of Support an administrator of Chat")
		default:
			l.see("the owner of Support is the owner or an administrator of Chat")
		}
		return
	}
	l.see("the owner of Support is no agent of Chat")
	l.name(support, "owner of Support")
	l.warn("The owner of Support can manage Chat apps only once given Chat permission.", "after the upgrade, give the owner of Support the Chat permission: Admin Center > Team members > Chat")
}
