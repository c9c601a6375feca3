package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newRoot makes the tree of verbs.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "chatferry",
		Short: "Carry a legacy Zendesk Chat account into a Parquet dataset",
		Long: "chatferry carries a legacy Zendesk Chat account, or a dump of one, into a Parquet dataset. A run can be killed " +
			"at any instant and resumed without losing or doubling a record.",
		Example: `  chatferry run --from zendesk://acme --to /data/acme  carry an account over; run it again to go on
  chatferry run --from /dumps/acme --to /data/acme     the same from a dump
  chatferry status /data/acme                          how far it is
  chatferry quarantine list /data/acme                 which records could not be converted, and why`,
		Args:              func(cmd *cobra.Command, args []string) error { return unknownVerb(cmd, args) },
		RunE:              noVerb,
		SilenceErrors:     true,
		SilenceUsage:      true,
		Version:           programVersion().String(),
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetArgs(a.args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(explainFlagError)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { writeHelp(a.stdout, cmd) })
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [VERB]",
		Short: "Explain a verb",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return unknownVerb(cmd, rest)
			}
			writeHelp(a.stdout, cmd)
			return nil
		},
	})
	root.PersistentFlags().String(configFlag, "", "YAML file of options; an option is written as its flag without the dashes")
	root.PersistentFlags().Lookup(configFlag).Value = &rawFlag{kind: "FILE"}
	for _, name := range []string{"log-format", "log-level"} {
		addFlag(root.PersistentFlags(), name)
	}
	root.AddCommand(
		newDemoCommand(a),
		newDoctorCommand(a),
		newPlanCommand(a),
		newRunCommand(a),
		newRehearseCommand(a),
		newBenchCommand(a),
		newResumeCommand(a),
		newCompactCommand(a),
		newStatusCommand(a),
		newVerifyCommand(a),
		newReportCommand(a),
		newFilesCommand(a),
		newQuarantineCommand(a),
		newInspectCommand(a),
		newDiscardCommand(a),
		newConfigCommand(a),
		newVersionCommand(a),
		newScheduleCommand(a),
		newCompletionCommand(a),
	)
	quiet(root)
	return root
}

// quiet keeps flags in the order in which they were added and words the flag that cobra adds by itself.
func quiet(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	cmd.PersistentFlags().SortFlags = false
	cmd.InitDefaultHelpFlag()
	cmd.Flags().Lookup("help").Usage = "this text"
	if !cmd.HasParent() {
		cmd.InitDefaultVersionFlag()
		cmd.Flags().Lookup("version").Usage = "print the version"
	}
	for _, c := range cmd.Commands() {
		quiet(c)
	}
}

// noVerb is what a command does that only groups verbs.
func noVerb(cmd *cobra.Command, _ []string) error {
	return usage(cmd.CommandPath()+" --help explains them", "%s needs a verb: %s", cmd.CommandPath(), joinOr(verbs(cmd)))
}

// unknownVerb refuses what is not a verb of cmd.
func unknownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := didYouMean(args[0], cmd.CommandPath()+" ", verbs(cmd))
	if hint == "" {
		hint = cmd.CommandPath() + " --help lists the verbs"
	}
	return usage(hint, "unknown verb %q", args[0])
}

// verbs returns the names of the visible verbs below cmd.
func verbs(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	return names
}

// takes checks the number of arguments; names says what they are called: "ROOT", "[FILE]".
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return usage(cmd.CommandPath()+" --help shows what it takes", "unknown argument %q of %s", args[len(names)], cmd.CommandPath())
		}
		if len(args) < len(names) && !strings.HasPrefix(names[len(args)], "[") {
			return usage("for example: "+firstExample(cmd), "%s needs %s", cmd.CommandPath(), names[len(args)])
		}
		return nil
	}
}

func firstExample(cmd *cobra.Command) string {
	line, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n")
	line, _, _ = strings.Cut(line, "   ")
	return line
}

// explainFlagError turns what pflag says into a sentence that names the flag and the nearest right one.
func explainFlagError(cmd *cobra.Command, err error) error {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	slices.Sort(names)
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return usage(cmd.CommandPath()+" --help lists the flags", "unknown flag -%s", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if o := optionNamed(name); o != nil && o.secret {
			return usage("set "+o.env(), "--%s is not a flag, since others can read the arguments of a process", name)
		}
		hint := cmd.CommandPath() + " --help lists the flags"
		if near := nearest(name, names); near != "" {
			hint = "did you mean --" + near + "?"
		}
		if optionNamed(name) != nil {
			return usage(hint, "%s has no flag --%s", cmd.CommandPath(), name)
		}
		return usage(hint, "unknown flag --%s of %s", name, cmd.CommandPath())
	case errors.As(err, &bare):
		return usage("", "--%s needs a value: --%s %s", bare.GetSpecifiedName(), bare.GetSpecifiedName(), bare.GetFlag().Value.Type())
	}
	if errors.As(err, &invalid) {
		return usage("", "--%s: %w", invalid.GetFlag().Name, errors.Unwrap(invalid))
	}
	return usage(cmd.CommandPath()+" --help lists the flags", "%w", err)
}
