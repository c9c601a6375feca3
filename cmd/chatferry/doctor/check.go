package doctor

import (
	"fmt"
	"slices"
)

// Verdict is the answer to a check.
type Verdict string

// The Verdicts.
const (
	Pass    Verdict = "pass"
	Warn    Verdict = "warn"    // the upgrade goes well if somebody knows of this
	Fail    Verdict = "fail"    // it has to be put right before the upgrade
	Unknown Verdict = "unknown" // it could not be told
)

// String is the Verdict for a person.
func (v Verdict) String() string {
	if v == Unknown {
		return "could not tell"
	}
	return string(v)
}

// Check is a question and its answer. The ids are for programs, and never change.
type Check struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Verdict Verdict  `json:"verdict"`
	Seen    []string `json:"seen"`
	Named   []Named  `json:"named,omitempty"`
	NotSeen []Gap    `json:"not_seen,omitempty"` // what was asked for in vain
	Means   string   `json:"means"`              // for the upgrade
	Do      string   `json:"do,omitempty"`

	environment bool // its failure is one of the machine or of the credentials
}

// Named is a person, client, department or the like that somebody has to act on.
type Named struct {
	Name string `json:"name"`
	Note string `json:"note,omitempty"`
}

func (n Named) String() string {
	if n.Note == "" {
		return n.Name
	}
	return n.Name + ": " + n.Note
}

// question is a check before it is asked.
type question struct {
	id, title string
	means     string // where the answer does not say more
	ask       func(*look)
}

// questions are all checks, in the order in which they are told.
var questions = slices.Concat(
	accessQuestions, kindQuestions, planQuestions, ownerQuestions, agentQuestions, departmentQuestions,
	integrationQuestions, dataQuestions, targetQuestions,
)

// look is one check at work.
type look struct {
	f *Facts
	Check
}

// take gives a Fact to a check, and writes down what is not there of it. ok says that there is something.
func take[T any](l *look, f *Fact[T]) (v T, ok bool) {
	if f.Gap != nil && !slices.ContainsFunc(l.NotSeen, func(g Gap) bool { return g == *f.Gap }) {
		l.NotSeen = append(l.NotSeen, *f.Gap)
	}
	if f.Gap == nil && !f.Known {
		l.NotSeen = append(l.NotSeen, Gap{Asked: "nothing", Why: Barred, Reason: "it was not looked for"})
	}
	return f.Value, f.Known
}

// see adds to what was seen.
func (l *look) see(format string, args ...any) { l.Seen = append(l.Seen, fmt.Sprintf(format, args...)) }

// name adds somebody or something to act on.
func (l *look) name(name, note string) { l.Named = append(l.Named, Named{name, note}) }

// warn and fail answer the check. Of several answers the gravest counts, and of equal ones the first.
func (l *look) warn(means, do string) { l.answer(Warn, means, do) }
func (l *look) fail(means, do string) { l.answer(Fail, means, do) }

// unsure answers that what was seen does not decide.
func (l *look) unsure(means, do string) { l.answer(Unknown, means, do) }

var gravity = []Verdict{Pass, Unknown, Warn, Fail}

func (l *look) answer(v Verdict, means, do string) {
	if slices.Index(gravity, v) > slices.Index(gravity, l.Verdict) {
		l.Verdict, l.Means, l.Do = v, means, do
	}
}

// run asks a question.
func (q *question) run(f *Facts) Check {
	l := &look{f: f, Check: Check{ID: q.id, Title: q.title, Verdict: Pass, Means: q.means, Seen: []string{}}}
	q.ask(l)
	if l.Verdict == Pass && len(l.NotSeen) > 0 {
		l.Verdict, l.Means = Unknown, "Not known to be so: "+l.Means
	}
	if l.Verdict == Unknown && l.Do == "" {
		l.Do = l.remedy()
	}
	return l.Check
}

// remedy says how to make a check see what it did not.
func (l *look) remedy() string {
	for _, g := range l.NotSeen {
		switch g.Why {
		case NotGiven:
			return g.do
		case NotHeld:
			return "ask the account itself: --from zendesk://SUBDOMAIN"
		case Forbidden:
			return "use a token of the account's owner, or of an administrator whose role sees the whole account"
		case Missing:
			return "look in the dashboard: the account does not give it through the API"
		case Failed:
			return "run it again later"
		case Unreadable:
			return "look at it by hand"
		}
	}
	return "put right what failed before it, and run it again"
}

// Examine judges what was seen.
func Examine(f *Facts) *Sheet {
	s := &Sheet{From: f.From, To: f.To, Upgraded: f.Upgraded, Kind: kindUnknown, Made: f.Now}
	if k, ok := f.kind(); ok {
		s.Kind = k
	}
	for i := range questions {
		s.Checks = append(s.Checks, questions[i].run(f))
	}
	s.clients, s.accepted = f.Clients.Value, f.Accepted
	s.Months = f.Months.Value
	return s
}
