package chatapi

import "time"

// Clock returns a clock that shows begin now and runs speed times as fast as time does.
func Clock(speed float64, begin time.Time) func() time.Time {
	start := time.Now()
	return func() time.Time { return begin.Add(time.Duration(float64(time.Since(start)) * speed)) }
}
