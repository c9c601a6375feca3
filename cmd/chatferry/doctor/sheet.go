package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"chatferry"
	"chatferry/extract/api"
)

// Sheet is all that was found.
type Sheet struct {
	From     string    `json:"from"`
	To       string    `json:"to,omitempty"`
	Upgraded string    `json:"upgraded,omitempty"`
	Made     time.Time `json:"made"`
	Kind     Kind      `json:"account_kind"`
	Checks   []Check   `json:"checks"`
	Months   []Month   `json:"months,omitempty"`

	clients  []Client
	accepted []chatferry.Stream
}

// Count is how many checks have a Verdict.
func (s *Sheet) Count(v Verdict) int {
	return len(s.of(v))
}

func (s *Sheet) of(v Verdict) (list []*Check) {
	for i := range s.Checks {
		if s.Checks[i].Verdict == v {
			list = append(list, &s.Checks[i])
		}
	}
	return list
}

// urgency is the order in which checks are told to a person.
var urgency = []Verdict{Fail, Warn, Unknown, Pass}

// Sentence is the outcome in words.
func (s *Sheet) Sentence() string {
	fails, warns, unknown := s.Count(Fail), s.Count(Warn), s.Count(Unknown)
	var parts []string
	add := func(n int, one, many string) {
		switch {
		case n == 1:
			parts = append(parts, "1 "+one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	add(fails, "thing must be put right first", "things must be put right first")
	add(warns, "thing to know of", "things to know of")
	add(unknown, "could not be told", "could not be told")
	if len(parts) == 0 {
		return "nothing stands in the way"
	}
	return strings.Join(parts, ", ")
}

// Style is how a Sheet is written for a person.
type Style struct {
	Printable func(string) string                     // makes a text of the account fit for a terminal
	Wrap      func(text, indent string, w int) string // breaks lines
	Width     int
}

// Table writes the verdicts, and then what is to be done, the gravest first.
func (s *Sheet) Table(w io.Writer, style Style) error {
	var b strings.Builder
	width := 0
	for i := range s.Checks {
		width = max(width, len(s.Checks[i].ID))
	}
	fmt.Fprintf(&b, "account: %s\n\n", s.Kind.words())
	for i := range s.Checks {
		c := &s.Checks[i]
		fmt.Fprintf(&b, "  %-14s  %-*s  %s\n", c.Verdict, width, c.ID, c.Title)
	}
	for _, v := range urgency[:3] {
		list := s.of(v)
		if len(list) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s\n", headings[v])
		barred := 0
		for _, c := range list {
			if c.barred() {
				barred++
				continue
			}
			c.write(&b, style)
		}
		if barred > 0 {
			fmt.Fprintf(&b, "  %s, since the account does not answer\n", counted(int64(barred), "check"))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// barred reports whether a check could look at nothing, since something before it failed.
func (c *Check) barred() bool {
	return c.Verdict == Unknown && len(c.Seen) == 0 && len(c.NotSeen) > 0 &&
		!slices.ContainsFunc(c.NotSeen, func(g Gap) bool { return g.Why != Barred })
}

var headings = map[Verdict]string{
	Fail:    "To be put right before the upgrade:",
	Warn:    "To know of:",
	Unknown: "Could not be told:",
}

// mostNamed is how many persons or things a table names for a check.
const mostNamed = 20

func (c *Check) write(b *strings.Builder, style Style) {
	line := func(label, text string) {
		const indent = "           "
		wrapped := style.Wrap(style.Printable(text), indent, style.Width)
		fmt.Fprintf(b, "    %-7s%s\n", label, strings.TrimPrefix(wrapped, indent))
	}
	fmt.Fprintf(b, "  %s\n", c.ID)
	for i, text := range c.Seen {
		line(labelOf(i, "seen"), text)
	}
	for i, g := range c.NotSeen {
		line(labelOf(i, "asked"), g.Asked+": "+g.Reason)
	}
	for i, n := range c.Named {
		if i == mostNamed && len(c.Named) > mostNamed+1 {
			line("", fmt.Sprintf("and %d more; --json lists them", len(c.Named)-i))
			break
		}
		line(labelOf(i, "named"), n.String())
	}
	line("means", c.Means)
	if c.Do != "" {
		line("do", c.Do)
	}
}

func labelOf(i int, label string) string {
	if i > 0 {
		return ""
	}
	return label
}

// Trouble says what the checks mean for whoever called: how many failed because of the machine or the credentials, how many
// others failed, and how many the source refused to answer, for good or for now.
type Trouble struct{ Environment, Failed, Refused, Later []string }

// Trouble sorts the checks by what they mean for whoever called.
func (s *Sheet) Trouble() (t Trouble) {
	accepted := func(asked string) bool {
		return slices.ContainsFunc(s.accepted, func(a chatferry.Stream) bool { return asked == "GET "+api.EndpointOf(a) })
	}
	for i := range s.Checks {
		c := &s.Checks[i]
		switch {
		case c.Verdict == Fail && c.environment:
			t.Environment = append(t.Environment, c.ID)
		case c.Verdict == Fail:
			t.Failed = append(t.Failed, c.ID)
		}
		for _, g := range c.NotSeen {
			switch {
			case slices.Contains(slices.Concat(t.Environment, t.Later, t.Refused), g.Asked) || c.Verdict == Fail && c.environment:
			case g.Why == Failed && chatferry.KindOf(g.err) == chatferry.KindEnvironment:
				t.Environment = append(t.Environment, g.Asked)
			case g.Why == Failed:
				t.Later = append(t.Later, g.Asked)
			case (g.Why == Forbidden || g.Why == Missing || g.Why == Unreadable) && !accepted(g.Asked):
				t.Refused = append(t.Refused, g.Asked)
			}
		}
	}
	return t
}
