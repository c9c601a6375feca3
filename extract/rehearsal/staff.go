package rehearsal

import "time"

// agent is a member of the legacy account's staff.
type agent struct {
	id          int64
	first, last string
	display     string
	email       string
	role        int // index into Account.roles
	departments []int
	skills      []int
	hired, left int64 // days since 1970; left 0: still there
	starts      int64 // of the working day, milliseconds after midnight
}

type department struct {
	id                int64
	name, description string
	enabled           bool
	weight            int // of its chats
}

type staffRole struct {
	id                int64
	name, description string
	all               bool // sees the whole account
}

// people are the names of the staff. Two of them share a display name, and one has a comma in the name, as it happens.
var people = []struct{ first, last, display string }{
	{"Ingrid", "Solheim", "Ingrid"},
	{"Tomás", "Albuquerque", "Tomás"},
	{"Ana", "Figueiredo", "Ana"},
	{"Marcus", "Whitfield", "Marcus"},
	{"Katharina", "Brandt", "Katharina B."},
	{"健一", "中村", "Kenichi"},
	{"Layla", "Haddad", "ليلى"},
	{"Owen", "Prichard, Jr.", "Owen"},
	{"Beatriz", "Nogueira", "Bia"},
	{"Jonas", "Feldmann", "Jonas"},
	{"Priya", "Raghunathan", "Priya"},
	{"Ana", "Kovačević", "Ana"},
	{"Sven", "Lindqvist", "Sven"},
	{"美咲", "佐藤", "Misaki"},
	{"Duarte", "Pacheco", "Duarte"},
	{"Yusuf", "El-Amin", "Yusuf"},
	{"Charlotte", "Dubois-Renard", "Charlotte"},
	{"Rafael", "Meireles", "Rafa"},
	{"Hannah", "O'Brien", "Hannah"},
	{"Matthias", "Groß", "Matthias"},
	{"Noor", "Aziz", "Noor ✨"},
	{"Felipe", "Andrade", "Felipe"},
	{"Siobhán", "Kearney", "Siobhán"},
	{"Lukas", "Hofer", "Lukas"},
	{"Test", "", "Test"},
}

var skillNames = []string{"Portuguese", "German", "Japanese", "Arabic", "Payments", "Tents"}

// hireStaff makes agents, departments, roles and skills.
func (a *Account) hireStaff() {
	r := a.rng(domStaff, 0)
	departmentID := int64(1_800_000_000 + r.intn(90_000_000))
	for i, d := range []department{
		{name: "Sales", description: "Before the purchase", enabled: true, weight: 34},
		{name: "Support", description: "After the purchase", enabled: true, weight: 38},
		{name: "Faturação", description: "Faturas e pagamentos", enabled: true, weight: 10},
		{name: "Deutschland", description: "Kundenservice DACH", enabled: true, weight: 10},
		{name: "日本サポート", description: "", enabled: true, weight: 6},
		{name: "Wholesale (old)", description: "Closed; kept for its history", enabled: false, weight: 2},
	} {
		departmentID += int64(r.between(1, 90_000))
		d.id = departmentID
		a.departments = append(a.departments, d)
		sum := d.weight
		if i > 0 {
			sum += a.departmentSums[i-1]
		}
		a.departmentSums = append(a.departmentSums, sum)
	}
	roleID := int64(1000 + r.intn(90_000))
	for i, role := range []staffRole{
		{name: "Owner", description: "Account owner", all: true},
		{name: "Administrator", description: "Full access", all: true},
		{name: "Agent", description: "Default role"},
		{name: "Team lead \"EMEA\"", description: "Custom: listens in, manages bans"},
		{name: "Trainee", description: "Custom: own chats only"},
	} {
		role.id = roleID + int64(i)
		a.roles = append(a.roles, role)
	}
	agentID := int64(3_000_000 + r.intn(1_000_000))
	length := int64(a.calendar.days())
	for i, p := range people {
		agentID += int64(r.between(7, 30_000))
		ag := agent{id: agentID, first: p.first, last: p.last, display: p.display, role: 2}
		ag.email = emailName(i) + "@fernweh.example.com"
		switch {
		case i == 0:
			ag.role = 0
		case i == 3 || i == 4:
			ag.role = 1
		case i == 8 || i == 12:
			ag.role = 3
		case i > 20:
			ag.role = 4
		}
		ag.departments = []int{i % len(a.departments)}
		if extra := r.intn(len(a.departments)); extra != ag.departments[0] {
			ag.departments = append(ag.departments, extra)
		}
		if i%3 != 2 {
			ag.skills = []int{r.intn(len(skillNames))}
		}
		ag.hired = a.calendar.firstDay - 200
		if i > 9 { // ten were there from the start, the others came with the growth
			ag.hired = a.calendar.firstDay + length*int64(i-9)/int64(len(people))
		}
		if i == 5 || i == 9 || i == 14 || i == 18 {
			ag.left = a.calendar.firstDay + length*int64(40+2*i)/100
		}
		ag.starts = 7*hour + int64(i%5)*90*minute
		a.agents = append(a.agents, ag)
	}
	if a.o.Upgraded {
		a.upgradeStaff()
	}
}

// upgradeStaff gives agents the ids of users of the ticket system, and departments those of its groups. Neither follows
// from the id before.
func (a *Account) upgradeStaff() {
	r := a.rng(domUpgrade, 0)
	id := int64(360_000_000_000 + r.intn(900_000_000))
	for i := range a.agents {
		id += int64(r.between(11, 90_000_000))
		a.agents[i].id = id
	}
	id = int64(7_000_000_000_000 + r.intn(900_000_000_000))
	for d := range a.departments {
		id += int64(r.between(11, 90_000_000))
		a.departments[d].id = id
	}
}

// emailName is the local part of an agent's e-mail address. One is spelled with capitals.
func emailName(i int) string {
	names := [...]string{
		"ingrid.solheim", "tomas.albuquerque", "ana.figueiredo", "marcus.whitfield", "katharina.brandt",
		"k.nakamura", "layla.haddad", "Owen.Prichard", "beatriz.nogueira", "jonas.feldmann", "priya.r", "ana.kovacevic",
		"sven.lindqvist", "misaki.sato", "duarte.pacheco", "yusuf.elamin", "charlotte.dr", "rafael.meireles",
		"hannah.obrien", "matthias.gross", "noor.aziz", "felipe.andrade", "siobhan.kearney", "lukas.hofer", "test",
	}
	return names[i]
}

// shiftOf returns the working day of agent i on a day of the calendar, or false on a day off. Every agent has about one
// work day in seven off.
func (a *Account) shiftOf(i, d int) (shift, bool) {
	ag := &a.agents[i]
	date := a.calendar.firstDay + int64(d)
	if date < ag.hired || ag.left != 0 && date >= ag.left || i == len(a.agents)-1 {
		return shift{}, false // the last one is a test user, who never works
	}
	r := a.rng(domShift, date*64+int64(i))
	works := 0.86
	switch time.Weekday((date + 4) % 7) {
	case time.Saturday:
		works = 0.35
	case time.Sunday:
		works = 0.25
	}
	if !r.chance(works) {
		return shift{}, false
	}
	s := shift{agent: i, from: date*day + ag.starts + r.span(0, 900_000)}
	s.to = s.from + 8*hour + r.span(0, 3_600_000)
	s.lunchFrom = s.from + 4*hour + r.span(0, 1_200_000)
	s.lunchTo = s.lunchFrom + 30*minute + r.span(0, 1_800_000)
	return s, true
}

// shift is one agent's working day.
type shift struct {
	agent              int
	from, to           int64
	lunchFrom, lunchTo int64
}

// free reports whether new chats go to the agent at a time.
func (s *shift) free(at int64) bool {
	return at >= s.from && at < s.to-10*minute && (at < s.lunchFrom-2*minute || at >= s.lunchTo)
}

// roster returns who works on a day of the calendar.
func (a *Account) roster(d int, into []shift) []shift {
	into = into[:0]
	for i := range a.agents {
		if s, ok := a.shiftOf(i, d); ok {
			into = append(into, s)
		}
	}
	return into
}
