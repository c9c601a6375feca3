package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// advice is what the README says that a scheduler should do, by exit code.
func advice(t *testing.T) map[int]string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	should := map[int]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \| .* \| (.*) \|$`).FindAllStringSubmatch(string(text), -1) {
		code, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		if should[code] != "" {
			t.Errorf("the README speaks of exit code %d twice", code)
		}
		should[code] = m[2]
	}
	for _, o := range outcomes {
		if should[o.code] == "" {
			t.Errorf("the README does not speak of exit code %d", o.code)
		}
	}
	if len(should) != len(outcomes) {
		t.Errorf("the README speaks of %d exit codes, there are %d", len(should), len(outcomes))
	}
	return should
}

// The words with which the README's advice is given, for what the schedules do of it.
func quietly(advice string) bool { return advice == "go on" || advice == "nothing" }
func again(advice string) bool   { return strings.HasPrefix(advice, "resume") }

func schedule(t *testing.T, name string) string {
	t.Helper()
	text, err := scheduleText(name)
	if err != nil || len(text) == 0 {
		t.Fatalf("schedule %s: %v", name, err)
	}
	return string(text)
}

func TestReadmeAdvisesOnEveryExitCode(t *testing.T) {
	for code, advice := range advice(t) {
		if !quietly(advice) && !again(advice) && !strings.Contains(advice, "alert") && !strings.Contains(advice, "not retry") {
			t.Errorf("exit code %d: what does %q mean to a schedule?", code, advice)
		}
	}
}

// cronLine returns the command of the crontab's one line.
func cronLine(t *testing.T) string {
	t.Helper()
	var command string
	for line := range strings.Lines(schedule(t, "cron")) {
		if strings.HasPrefix(line, "#") || regexp.MustCompile(`^[A-Z_]+=`).MatchString(line) {
			continue
		}
		fields := strings.SplitN(strings.TrimSpace(line), "  ", 3) // when, who, what
		if len(fields) != 3 || command != "" || len(strings.Fields(fields[0])) != 5 || strings.Contains(line, "%") {
			t.Fatalf("the crontab has the line %q", line)
		}
		command = fields[2]
	}
	return command
}

const installed = "/usr/local/bin/chatferry"

// The command of the crontab, as /bin/sh runs it, says something exactly when a person is to hear of it.
func TestCronTreatsEveryExitCode(t *testing.T) {
	line := cronLine(t)
	if strings.Count(line, installed) != 1 {
		t.Fatalf("the crontab does not call %s: %s", installed, line)
	}
	fake := filepath.Join(t.TempDir(), "chatferry")
	for code, advice := range advice(t) {
		script := fmt.Sprintf("#!/bin/sh\necho out\necho err >&2\nexit %d\n", code)
		if err := os.WriteFile(fake, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("/bin/sh", "-c", strings.Replace(line, installed, fake, 1)).CombinedOutput()
		want := fmt.Sprintf("out\nerr\nchatferry ended with %d\n", code)
		if quietly(advice) {
			want = ""
		}
		if err != nil || string(out) != want {
			t.Errorf("exit code %d: %v, it says %q, want %q", code, err, out, want)
		}
	}
}

// unitValues returns the values of a key of a unit file.
func unitValues(unit, key string) []string {
	var values []string
	for line := range strings.Lines(unit) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			values = append(values, value)
		}
	}
	return values
}

func unitCodes(t *testing.T, unit, key string) []int {
	t.Helper()
	var codes []int
	for _, field := range strings.Fields(strings.Join(unitValues(unit, key), " ")) {
		code, err := strconv.Atoi(field)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		codes = append(codes, code)
	}
	return codes
}

// The service succeeds, starts again or fails as the README advises. It does not start again behind its own deadline: the
// timer goes on.
func TestServiceTreatsEveryExitCode(t *testing.T) {
	unit := schedule(t, "service")
	success, final := unitCodes(t, unit, "SuccessExitStatus"), unitCodes(t, unit, "RestartPreventExitStatus")
	if restart := unitValues(unit, "Restart"); !slices.Equal(restart, []string{"on-failure"}) {
		t.Errorf("Restart=%v", restart)
	}
	should := advice(t)
	for code, advice := range should {
		if got, want := code == exitDone || slices.Contains(success, code), quietly(advice); got != want {
			t.Errorf("exit code %d is a success: %v, but should be: %v", code, got, want)
		}
		want := !quietly(advice) && (!again(advice) || code == exitStopped)
		if got := slices.Contains(final, code); got != want {
			t.Errorf("exit code %d keeps the service from starting again: %v, but should: %v", code, got, want)
		}
	}
	for _, code := range append(success, final...) {
		if should[code] == "" {
			t.Errorf("there is no exit code %d", code)
		}
	}
}

// cronJob is what the tests read of the CronJob.
type cronJob struct {
	Kind string
	Spec struct {
		ConcurrencyPolicy string `yaml:"concurrencyPolicy"`
		JobTemplate       struct {
			Spec struct {
				PodFailurePolicy struct {
					Rules []struct {
						Action      string
						OnExitCodes *struct {
							ContainerName string `yaml:"containerName"`
							Operator      string
							Values        []int
						} `yaml:"onExitCodes"`
					}
				} `yaml:"podFailurePolicy"`
				Template struct {
					Spec struct {
						RestartPolicy string `yaml:"restartPolicy"`
						Containers    []struct {
							Name string
							Args []string
						}
					}
				}
			}
		} `yaml:"jobTemplate"`
	}
}

func readCronJob(t *testing.T) cronJob {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(schedule(t, "kubernetes")))
	for {
		var job cronJob
		if err := d.Decode(&job); err != nil {
			t.Fatalf("no CronJob: %v", err)
		}
		if job.Kind == "CronJob" {
			if err := d.Decode(new(any)); err != io.EOF {
				t.Errorf("behind the CronJob: %v", err)
			}
			return job
		}
	}
}

// Every exit code but 0 has one rule: it counts as a try, or ends the Job. Those of which nobody is to be told have a rule of
// their own, by whose number an alert can tell them.
func TestCronJobTreatsEveryExitCode(t *testing.T) {
	job := readCronJob(t)
	should := advice(t)
	ruled := map[int]int{}
	spec := job.Spec.JobTemplate.Spec
	for i, rule := range spec.PodFailurePolicy.Rules {
		codes := rule.OnExitCodes
		if codes == nil {
			continue
		}
		if codes.ContainerName != spec.Template.Spec.Containers[0].Name || codes.Operator != "In" {
			t.Errorf("rule %d: %+v", i, *codes)
		}
		for _, code := range codes.Values {
			if _, twice := ruled[code]; twice || code == exitDone || should[code] == "" {
				t.Errorf("rule %d names exit code %d", i, code)
			}
			ruled[code] = i
			want := "FailJob"
			if again(should[code]) {
				want = "Count"
			}
			if rule.Action != want {
				t.Errorf("exit code %d: %s, should be %s", code, rule.Action, want)
			}
			if quietly(should[code]) != quietly(should[codes.Values[0]]) {
				t.Errorf("rule %d does not tell what to alert of", i)
			}
		}
	}
	if len(ruled) != len(outcomes)-1 {
		t.Errorf("rules name %d exit codes, there are %d", len(ruled), len(outcomes)-1)
	}
	if job.Spec.ConcurrencyPolicy != "Forbid" || spec.Template.Spec.RestartPolicy != "Never" {
		t.Errorf("%s, %s", job.Spec.ConcurrencyPolicy, spec.Template.Spec.RestartPolicy)
	}
}

// The program knows the verb, the flags and the values with which the schedules call it.
func TestSchedulesCallWhatThereIs(t *testing.T) {
	cron, _, ok := strings.Cut(cronLine(t), " 2>&1")
	if !ok {
		t.Fatal("the crontab does not take what the run says")
	}
	service := unitValues(schedule(t, "service"), "ExecStart")[0]
	service = strings.Replace(service, "'cat %d/token'", "cat", 1)
	for name, args := range map[string][]string{
		"cron":       strings.Fields(cron)[1:],
		"service":    strings.Fields(service)[1:],
		"kubernetes": readCronJob(t).Spec.JobTemplate.Spec.Template.Spec.Containers[0].Args,
	} {
		env := &environment{getenv: func(string) string { return "" }}
		cmd, rest, err := newRoot(&app{environment: env}).Find(args)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s, err := resolve(env, cmd.Flags(), nil)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case cmd.Name() != "run" || !bool(s.Incremental) || s.Deadline == 0 || s.To == "" || len(s.From) != 1 || len(cmd.Flags().Args()) > 0:
			t.Errorf("%s: chatferry %s", name, strings.Join(args, " "))
		}
	}
}
