package main

import (
	"path/filepath"
	"testing"
)

// No dataset that runs have left is taken for damaged, however it came about.
func TestVerifyOfSoundDatasets(t *testing.T) {
	one := map[string]int64{}
	for i := range *cleanSets {
		shape := provingShapes[i%len(provingShapes)]
		seed := uint64(i/len(provingShapes) + 1)
		dir := t.TempDir()
		p := newProving(t, seed, filepath.Join(dir, "dump"), filepath.Join(dir, "data"))
		provingDump(t, seed, p.dump)
		shape.make(p)
		v := p.mustBeSound()
		if v.PartsProven != v.Parts || v.Parts == 0 || !v.Complete && shape.name != "trial" {
			t.Errorf("seed %d, %s: %d of %d parts are proven, complete: %v", seed, shape.name, v.PartsProven, v.Parts, v.Complete)
		}
		if v.Certificate == nil || v.Certificate.State != certCurrent {
			t.Errorf("seed %d, %s: the certificate is %+v", seed, shape.name, v.Certificate)
		}
		one[shape.name] += v.OneRowEach["chats"]
		if loose := shape.name == "loose" || shape.name == "trial"; loose != (len(v.OneRowEach) == 0) {
			t.Errorf("seed %d, %s: streams with one row for each key: %v", seed, shape.name, v.OneRowEach)
		}
		for name, b := range v.Streams {
			if err := b.Close(); err != nil {
				t.Errorf("seed %d, %s: %s: %v", seed, shape.name, name, err)
			}
		}
		if t.Failed() {
			break
		}
	}
}
