package checkpoint

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"chatferry"
	"chatferry/checkpoint/atomicfile/faultfs"
)

// A dataset as a run left it is what was read when that run ended, whatever has become of it since.
func TestAsOfIsThen(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 6))
		disk, load := faultfs.NewDisk(), replacing(2)
		then := map[uint64]*Dataset{} // by the run-done
		for n := 0; len(then) < 3; n++ {
			if n == 60 {
				t.Fatalf("seed %d: of %d runs %d ended", seed, n, len(then))
			}
			hook := faultfs.Plan{At: rng.IntN(400), Fault: faultfs.Fault{Kill: true}}.Hook()
			_, end, broken := live(disk, load, fmt.Sprintf("w%d", n), hook)
			if broken != nil {
				t.Fatalf("seed %d: %v", seed, broken)
			}
			if end == nil {
				load.shards++
			}
			logs := NewDiskLogs(disk.Process(nil))
			now, err := Load(t.Context(), logs)
			if errors.Is(err, ErrNoDataset) {
				continue
			}
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if runs := now.Runs(); runs[len(runs)-1].Done != nil {
				then[now.Records()] = now
			}
			for number, want := range then {
				got, err := now.AsOf(t.Context(), logs, number)
				if err == nil {
					err = sameDataset(want, got)
				}
				if err != nil {
					t.Fatalf("seed %d: record %d after run %d: %v", seed, number, n, err)
				}
				if got == now != (number == now.Records()) {
					t.Errorf("seed %d: record %d of %d was read again: %v", seed, number, now.Records(), got != now)
				}
			}
			if _, err := now.AsOf(t.Context(), logs, 1); chatferry.KindOf(err) != chatferry.KindUsage {
				t.Errorf("seed %d: as of a record that ends no run: %v", seed, err)
			}
		}
	}
}

// A certificate is kept whole or not at all, wherever the disk fails, and the one that is there stays.
func TestKeepCertificate(t *testing.T) {
	whole := carried(t, workload{shards: 1, parts: 1})
	name := CertificateName(7, ".json")
	keep := func(p *faultfs.Process, nonce, text string) (string, error) {
		data, err := KeepCertificate(t.Context(), NewDiskLogs(p), name, 1, nonce, func() ([]byte, error) { return []byte(text), nil })
		return string(data), err
	}
	for at, met := 1, true; met; at++ {
		for _, fault := range []faultfs.Fault{{Kill: true}, {Err: errors.New("the disk fails")}} {
			disk := whole.Clone()
			met = false
			plan := faultfs.Plan{At: at, Fault: fault}.Hook()
			_, err := keep(disk.Process(func(op faultfs.Op) faultfs.Fault {
				f := plan(op)
				met = met || f != (faultfs.Fault{})
				return f
			}), "a", "first")
			there := string(disk.Files(certificateFolder)[name])
			if there != "" && there != "first" || err == nil && there != "first" {
				t.Errorf("operation %d: %q is there after %v", at, there, err)
			}
			want := "second"
			if there != "" {
				want = there
			}
			got, err := keep(disk.Process(nil), "b", "second")
			if files := disk.Files(certificateFolder); err != nil || got != want || len(files) != 1 || string(files[name]) != want {
				t.Errorf("operation %d: kept is %q, %v; there is %q", at, got, err, files)
			}
			if numbers, err := Certified(t.Context(), NewDiskLogs(disk.Process(nil))); err != nil || len(numbers) != 1 || numbers[0] != 7 {
				t.Errorf("operation %d: certified are %v, %v", at, numbers, err)
			}
		}
	}
}
