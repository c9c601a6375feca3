package local_test

import (
	"testing"

	"chatferry/checkpoint/atomicfile"
	"chatferry/checkpoint/atomicfile/faultfs"
	"chatferry/load"
	"chatferry/load/local"
	"chatferry/load/storetest"
)

func TestLocalKeepsTheContract(t *testing.T) {
	t.Run("disk", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) load.Store {
			fsys, err := atomicfile.OS(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			return local.New(fsys)
		})
	})
	t.Run("simulated", func(t *testing.T) {
		storetest.Run(t, func(*testing.T) load.Store { return local.New(faultfs.NewDisk().Process(nil)) })
	})
}
