package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newConfigCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the options in effect and where each comes from",
		Example: `  chatferry config show
  CHATFERRY_LANES=2 chatferry config show --config ferry.yaml --json`,
		Args: unknownVerb,
		RunE: noVerb,
	}
	show := &cobra.Command{
		Use:   "show",
		Short: "Print every option with its value and where it comes from",
		Long: "Print every option with its value, where it comes from, and its class. Secrets are not printed.\n\n" +
			"Options of the class shaping decide the bytes of a dataset: once something is committed, a change is refused. " +
			"Scope may grow, operation is free, and both are remembered by the dataset. Local options belong to one call.",
		Example: `  chatferry config show
  CHATFERRY_LANES=2 chatferry config show --config ferry.yaml --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.configShow(cmd) },
	}
	for _, name := range optionNames() {
		if name != "log-format" && name != "log-level" {
			addFlag(show.Flags(), name)
		}
	}
	cmd.AddCommand(show)
	return cmd
}

// shownOption is one line of `config show`.
type shownOption struct {
	Name   string `json:"name"`
	Value  any    `json:"value"` // a text, a list of texts, or true or false
	Origin string `json:"origin"`
	Class  class  `json:"class"`
	Env    string `json:"env"`
}

func (a *app) configShow(cmd *cobra.Command) error {
	s, err := resolve(a.environment, cmd.Flags(), nil)
	if err != nil {
		return err
	}
	a.warnUnknownVariables()
	var shown []shownOption
	for i := range options {
		o := &options[i]
		var v any
		switch x := o.value(&s.Config).(type) {
		case list:
			v = append([]string{}, x.Texts()...)
		case *toggle:
			v = bool(*x)
		default:
			v = x.String()
		}
		shown = append(shown, shownOption{Name: o.name, Value: v, Origin: s.origin[o.name], Class: o.class, Env: o.env()})
	}
	if s.JSON {
		return a.printJSON(struct {
			Command string        `json:"command"`
			OK      bool          `json:"ok"`
			Options []shownOption `json:"options"`
		}{"config show", true, shown})
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "OPTION\tVALUE\tORIGIN\tCLASS")
	for _, o := range shown {
		text := fmt.Sprint(o.Value)
		if texts, ok := o.Value.([]string); ok {
			text = strings.Join(texts, " ")
		}
		if text == "" {
			text = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", o.Name, printable(text), printable(o.Origin), o.Class)
	}
	if err := w.Flush(); err != nil {
		return printError(err)
	}
	return nil
}

// warnUnknownVariables tells of variables that look like options but are none: a misspelt one would do nothing.
func (a *app) warnUnknownVariables() {
	for _, w := range unknownVariables(a.environment) {
		fmt.Fprintln(a.stderr, "chatferry: "+w)
	}
}
