package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker; a program that `go install` built has that of its module instead.
var version string

// build describes the program.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from a tree with changes that no revision has
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// programVersion reads what the Go toolchain stamped into the program.
func programVersion() build {
	v := build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	switch {
	case version != "":
		v.Version = version
	case info.Main.Version != "":
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (v build) String() string {
	text := "chatferry " + v.Version
	if v.Revision != "" {
		text += " (" + v.Revision[:min(12, len(v.Revision))]
		if v.Modified {
			text += ", modified"
		}
		text += ")"
	}
	return text + " " + v.Go + " " + v.Platform
}

func newVersionCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  chatferry version --json",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := resolve(a.environment, cmd.Flags(), nil)
			if err != nil {
				return err
			}
			if s.JSON {
				return a.printJSON(programVersion())
			}
			_, err = fmt.Fprintln(a.stdout, programVersion())
			return printError(err)
		},
	}
	addFlag(cmd.Flags(), "json")
	return cmd
}

func newCompletionCommand(a *app) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a completion script for a shell",
		Example: `  chatferry completion bash > /etc/bash_completion.d/chatferry
  source <(chatferry completion zsh)`,
		ValidArgs: shells,
		Args:      takes("SHELL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return printError(root.GenBashCompletionV2(a.stdout, true))
			case "zsh":
				return printError(root.GenZshCompletion(a.stdout))
			case "fish":
				return printError(root.GenFishCompletion(a.stdout, true))
			case "powershell":
				return printError(root.GenPowerShellCompletionWithDesc(a.stdout))
			}
			return usage(didYouMean(args[0], "", shells), "there is no completion for %q", args[0])
		},
	}
}
