package s3

import "time"

// SetPause sets how long a publication waits before its second try.
func (s *Store) SetPause(d time.Duration) { s.pause = d }

// SetPartBytes sets the size of the first parts of a file.
func (s *Store) SetPartBytes(n int64) { s.partBytes = n }
