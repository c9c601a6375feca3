package main

import (
	"embed"

	"github.com/spf13/cobra"
)

// schedules are ready-made files for the usual schedulers, for whoever has only the program. Each of them treats every exit
// code; a test holds them against the README's advice.
//
//go:embed schedules
var schedules embed.FS

// scheduleFiles are the files by the names that the verb gives them.
var scheduleFiles = []struct{ name, file string }{
	{"cron", "crontab"},
	{"service", "chatferry.service"},
	{"timer", "chatferry.timer"},
	{"kubernetes", "cronjob.yaml"},
}

// scheduleText returns the file with that name of the verb, or nil.
func scheduleText(name string) ([]byte, error) {
	for _, s := range scheduleFiles {
		if s.name == name {
			return schedules.ReadFile("schedules/" + s.file)
		}
	}
	return nil, nil
}

func newScheduleCommand(a *app) *cobra.Command {
	var names []string
	for _, s := range scheduleFiles {
		names = append(names, s.name)
	}
	return &cobra.Command{
		Use:   "schedule cron|service|timer|kubernetes",
		Short: "Print a ready-made file for a scheduler",
		Long: "Print a ready-made file that carries over every night what changed: a crontab, a service and a timer of systemd, or a " +
			"CronJob of Kubernetes. Each knows the exit codes: what to try again, what to tell a person, what to pass over. " +
			"The names of the account, of the folders and of the token in it are examples.",
		Example: `  chatferry schedule cron > /etc/cron.d/chatferry
  chatferry schedule service > /etc/systemd/system/chatferry.service
  chatferry schedule timer > /etc/systemd/system/chatferry.timer
  chatferry schedule kubernetes > cronjob.yaml`,
		ValidArgs: names,
		Args:      takes("SCHEDULER"),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := scheduleText(args[0])
			switch {
			case err != nil:
				return err
			case text == nil:
				return usage(didYouMean(args[0], "", names), "there is no schedule for %q", args[0])
			}
			_, err = a.stdout.Write(text)
			return printError(err)
		},
	}
}
