// Package schedules holds the ready-made schedules of cmd/chatferry/schedules against those who read them. It is a module of its
// own, so that the program's go.mod lists what the program needs.
package schedules

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../cmd/chatferry/schedules", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Kubernetes knows every field, and the names fit together.
func TestCronJob(t *testing.T) {
	documents := bytes.Split(read(t, "cronjob.yaml"), []byte("\n---\n"))
	if len(documents) != 2 {
		t.Fatalf("%d documents", len(documents))
	}
	var claim corev1.PersistentVolumeClaim
	if err := yaml.UnmarshalStrict(documents[0], &claim); err != nil {
		t.Fatal(err)
	}
	var cron batchv1.CronJob
	if err := yaml.UnmarshalStrict(documents[1], &cron); err != nil {
		t.Fatal(err)
	}
	job := cron.Spec.JobTemplate.Spec
	pod := job.Template.Spec
	if cron.APIVersion != "batch/v1" || cron.Kind != "CronJob" || claim.APIVersion != "v1" || claim.Kind != "PersistentVolumeClaim" {
		t.Errorf("%s %s and %s %s", cron.APIVersion, cron.Kind, claim.APIVersion, claim.Kind)
	}
	if cron.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent || pod.RestartPolicy != corev1.RestartPolicyNever {
		t.Errorf("%s, %s", cron.Spec.ConcurrencyPolicy, pod.RestartPolicy)
	}
	for i, rule := range job.PodFailurePolicy.Rules {
		switch rule.Action {
		case batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionCount:
			if rule.OnExitCodes == nil || *rule.OnExitCodes.ContainerName != pod.Containers[0].Name ||
				rule.OnExitCodes.Operator != batchv1.PodFailurePolicyOnExitCodesOpIn || len(rule.OnPodConditions) > 0 {
				t.Errorf("rule %d: %+v", i, rule)
			}
		case batchv1.PodFailurePolicyActionIgnore:
			if len(rule.OnPodConditions) != 1 || rule.OnPodConditions[0].Type != corev1.DisruptionTarget || rule.OnExitCodes != nil {
				t.Errorf("rule %d: %+v", i, rule)
			}
		default:
			t.Errorf("rule %d: there is no action %s", i, rule.Action)
		}
	}
	volume, mount := pod.Volumes[0], pod.Containers[0].VolumeMounts[0]
	if volume.PersistentVolumeClaim.ClaimName != claim.Name || mount.Name != volume.Name {
		t.Errorf("claim %s, volume %s of claim %s, mount %s", claim.Name, volume.Name, volume.PersistentVolumeClaim.ClaimName, mount.Name)
	}
	if limit := pod.Containers[0].Resources.Limits.Memory().Value(); limit < 512<<20*5/4 {
		t.Errorf("the container has %d bytes of memory, too few beside --memory-limit", limit)
	}
	if *pod.TerminationGracePeriodSeconds < 10 || !*pod.SecurityContext.RunAsNonRoot || !*pod.Containers[0].SecurityContext.ReadOnlyRootFilesystem {
		t.Errorf("grace %d, %+v", *pod.TerminationGracePeriodSeconds, pod.SecurityContext)
	}
}

// systemd takes the units as they are, but for the program and the user, which this machine need not have.
func TestUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze here")
	}
	dir := t.TempDir()
	for _, name := range []string{"chatferry.service", "chatferry.timer"} {
		text := read(t, name)
		for old, here := range map[string]string{"=/usr/local/bin/chatferry ": "=/bin/true ", "=chatferry\n": "=root\n"} {
			text = bytes.ReplaceAll(text, []byte(old), []byte(here))
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify := exec.Command(analyze, "verify", "--man=no", "./chatferry.service", "./chatferry.timer")
	verify.Dir = dir
	if out, err := verify.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}
