package doctor

import (
	"fmt"
	"io"
	"strings"
	"time"

	"chatferry/cmd/chatferry/progress"
)

// Markdown writes the Sheet as a checklist: what is to be done before the upgrade, on the day, and after it.
func (s *Sheet) Markdown(w io.Writer, style Style) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Upgrade of %s\n\n**%s.** The account is %s.\nLooked at on %s by `chatferry doctor`.\n",
		plain(s.From), upper(s.Sentence()), s.Kind.words(), s.Made.UTC().Format(time.RFC3339))
	b.WriteString("\n## Before the upgrade\n")
	for _, v := range urgency {
		list := s.of(v)
		if len(list) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s\n\n", map[Verdict]string{
			Fail: "To be put right:", Warn: "To know of:", Unknown: "To be looked at by hand, since it could not be told:", Pass: "As it should be:",
		}[v])
		for _, c := range list {
			c.item(&b, style)
		}
	}
	b.WriteString("\nIn any case:\n\n")
	tasks(&b,
		"Request the upgrade as the owner, and tell the agents its date and hour: Chat alone is down, for about an hour; Support is not.",
		"Carry the account over: `chatferry run --from "+s.From+" --to …`, and prove it: `chatferry verify …`.",
		"Keep the reports that were mailed, and the answer of `chatferry doctor --months --json`.")
	b.WriteString("\n## After the upgrade\n\n")
	tasks(&b,
		"Make a new token, as an administrator. The old one must be refused with 401, and the new one work at SUBDOMAIN.zendesk.com/api/v2/chat.")
	if len(s.clients) > 0 {
		b.WriteString("- [ ] Have authorised again, by each agent and administrator who uses it:\n")
		for i := range s.clients {
			fmt.Fprintf(&b, "  - [ ] %s\n", plain(style.Printable(s.clients[i].title())))
		}
	} else {
		tasks(&b, "Have every integration that uses OAuth authorised again, by each agent and administrator who uses it.")
	}
	tasks(&b,
		"See that the owner of Support is the owner of the account, and the owner of Chat a Chat administrator; give the owner of Support Chat permission if apps of Chat are to be managed.",
		"See that each agent signs in with one e-mail address, and that departments are groups with their members.",
		"Look at each app, and at the widget: chat moves to the Web Widget (Classic).",
		"Compare shortcuts, triggers, goals, skills and routing with what they were.",
		"Wait for at least 24 hours before records count as lost: chats, visitors and analytics come in after the switch.",
		"Compare the counts of each month with those before. Conversations of Message are not among them.",
		"If the upgrade failed nothing is lost or changed: a new date is set, and all of this holds again.")
	if len(s.Months) > 0 {
		b.WriteString("\n## Chats of each month before the upgrade\n\n| Month | Chats | Offline messages | Rated good | Rated bad |\n| --- | ---: | ---: | ---: | ---: |\n")
		for _, m := range s.Months {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", m.Month, progress.Count(m.Chats), progress.Count(m.Offline), progress.Count(m.Good), progress.Count(m.Bad))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// item writes one check.
func (c *Check) item(b *strings.Builder, style Style) {
	plain := func(text string) string { return plain(style.Printable(text)) }
	box := " "
	if c.Verdict == Pass {
		box = "x"
	}
	fmt.Fprintf(b, "- [%s] **%s** (`%s`)", box, plain(c.Title), c.ID)
	if c.Verdict != Pass {
		fmt.Fprintf(b, ": %s", plain(c.Verdict.String()))
	}
	b.WriteByte('\n')
	if c.Verdict == Pass {
		if c.Do != "" {
			fmt.Fprintf(b, "  - Do: %s\n", plain(c.Do))
		}
		return
	}
	for _, text := range c.Seen {
		fmt.Fprintf(b, "  - Seen: %s\n", plain(text))
	}
	for _, g := range c.NotSeen {
		fmt.Fprintf(b, "  - Not seen: %s (%s)\n", plain(g.Asked), plain(g.Reason))
	}
	fmt.Fprintf(b, "  - Means: %s\n", plain(c.Means))
	if c.Do != "" {
		fmt.Fprintf(b, "  - Do: %s\n", plain(c.Do))
	}
	for _, n := range c.Named {
		fmt.Fprintf(b, "  - [ ] %s\n", plain(n.String()))
	}
}

func tasks(b *strings.Builder, texts ...string) {
	for _, t := range texts {
		b.WriteString("- [ ] " + t + "\n")
	}
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// plain keeps a text on its line, and escapes what Markdown, or HTML inside it, would take for more than text.
func plain(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", `\<`, "`", "\\`", "*", `\*`, "[", `\[`, "]", `\]`, "&", `\&`, "_", `\_`).Replace(text)
}
