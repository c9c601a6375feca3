//go:build unix

package bench

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

func usage() unix.Rusage {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // fails only for a wrong argument
	return u
}

// cpuTime is the processor time that this process has used.
func cpuTime() time.Duration {
	u := usage()
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakRSS is the most memory that this process has had, in bytes.
func peakRSS() int64 {
	rss := int64(usage().Maxrss)
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return rss
	}
	return rss << 10
}
