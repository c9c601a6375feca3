package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// Every verb has a short text, a real example, and a help that a terminal of 100 columns shows without wrapping; and
// every flag says what it does.
func TestHelpOfEveryVerb(t *testing.T) {
	root := newRoot(&app{environment: &environment{}})
	seen := 0
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		t.Run(cmd.CommandPath(), func(t *testing.T) {
			seen++
			var b strings.Builder
			writeHelp(&b, cmd)
			for line := range strings.Lines(b.String()) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 {
					t.Errorf("a line of %d columns: %s", n, line)
				}
			}
			if cmd.Short == "" || (cmd.Name() != "help" && !strings.Contains(cmd.Example, "chatferry "+strings.TrimPrefix(cmd.CommandPath(), "chatferry "))) && cmd.HasParent() {
				t.Errorf("short %q, example %q", cmd.Short, cmd.Example)
			}
			for _, row := range append(flagRows(cmd.LocalNonPersistentFlags()), flagRows(cmd.InheritedFlags())...) {
				if row[1] == "" {
					t.Errorf("%s has no help", row[0])
				}
			}
		})
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(root)
	if seen < 15 {
		t.Errorf("only %d verbs were seen", seen)
	}
}
