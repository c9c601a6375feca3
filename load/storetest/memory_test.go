package storetest_test

import (
	"testing"

	"chatferry/load"
	"chatferry/load/storetest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) load.Store { return &storetest.Memory{} })
}
