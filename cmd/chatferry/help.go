package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is the width of help texts, whatever the terminal: they are also read in pagers and tickets.
const helpWidth = 92

// writeHelp prints what a verb does, how it is called, and its flags.
func writeHelp(w io.Writer, cmd *cobra.Command) {
	var b strings.Builder
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	for paragraph := range strings.SplitSeq(long, "\n") {
		if !strings.HasPrefix(paragraph, "  ") { // a sample stays as it is
			paragraph = wrap(paragraph, "", helpWidth)
		}
		b.WriteString(paragraph + "\n")
	}
	use := cmd.UseLine()
	if len(verbs(cmd)) == 0 {
		use = strings.TrimSuffix(use, " [flags]") + " [flags]"
	} else {
		use = strings.TrimSuffix(use, " [flags]") + " VERB [flags]"
	}
	fmt.Fprintf(&b, "\nUsage:\n  %s\n", use)
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", strings.TrimRight(cmd.Example, "\n"))
	}
	var rows [][2]string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			rows = append(rows, [2]string{c.Name(), c.Short})
		}
	}
	section(&b, "Verbs", rows)
	section(&b, "Flags", flagRows(cmd.LocalNonPersistentFlags()))
	globals := flagRows(cmd.InheritedFlags())
	if !cmd.HasParent() {
		globals = flagRows(cmd.PersistentFlags())
	}
	section(&b, "Flags of every verb", globals)
	if !cmd.HasParent() {
		rows = rows[:0]
		for _, o := range outcomes {
			rows = append(rows, [2]string{fmt.Sprintf("%2d", o.code), o.meaning})
		}
		section(&b, "Exit codes", rows)
		b.WriteString("\n" + wrap("Every flag can also be set in the environment, --memory-limit as CHATFERRY_MEMORY_LIMIT, and in "+
			"the YAML file given by --config, as memory-limit. Flags go over the environment, the environment over the file.", "", helpWidth) + "\n")
	}
	_, _ = io.WriteString(w, b.String())
}

// flagRows lists the flags of a set in their order.
func flagRows(flags *pflag.FlagSet) [][2]string {
	var rows [][2]string
	flags.SortFlags = false
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if kind := f.Value.Type(); kind != "" && kind != "bool" {
			name += " " + kind
		}
		text := f.Usage
		if o := optionNamed(f.Name); o != nil && !o.isSwitch() {
			c := defaultConfig()
			if d := o.value(&c).String(); d != "" && !strings.Contains(text, "default is") && !(o.name == "limit") {
				text += " (default " + d + ")"
			}
		}
		rows = append(rows, [2]string{name, text})
	})
	return rows
}

// section prints rows in two columns under a title.
func section(b *strings.Builder, title string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	indent := strings.Repeat(" ", width+4)
	fmt.Fprintf(b, "\n%s:\n", title)
	for _, r := range rows {
		fmt.Fprintf(b, "  %-*s  %s\n", width, r[0], strings.TrimPrefix(wrap(r[1], indent, helpWidth), indent))
	}
}

// wrap breaks text at spaces so that no line is wider than width, each line behind indent.
func wrap(text, indent string, width int) string {
	var b strings.Builder
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line) > len(indent) && len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	b.WriteString(line)
	return b.String()
}
