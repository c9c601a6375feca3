package load

import "io"

// SetLayout makes row groups and pages small.
func (s *Sink) SetLayout(groupBytes, groupRows, pageBytes int64) {
	s.layout = layout{groupBytes: groupBytes, groupRows: groupRows, pageBytes: pageBytes}
}

// SetNonce fixes the names of staging files.
func (s *Sink) SetNonce(nonce string) { s.nonce = func() string { return nonce } }

// NewHashingSink returns the sink that files are written through.
func NewHashingSink(w io.Writer) io.Writer { return newHashingSink(w) }
