package certificate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"chatferry/checkpoint"
)

// Differences names the members in which two certificates differ, sorted.
func Differences(a, b *Certificate) ([]string, error) {
	one, err := members(a)
	if err != nil {
		return nil, err
	}
	other, err := members(b)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(one)) { // both have the same ones
		if !bytes.Equal(one[name], other[name]) {
			names = append(names, name)
		}
	}
	return names, nil
}

func members(c *Certificate) (map[string]json.RawMessage, error) {
	data, err := c.Encode()
	if err != nil {
		return nil, err
	}
	m := map[string]json.RawMessage{}
	return m, json.Unmarshal(data, &m)
}

// LostLog is a log that is not what a certificate says.
type LostLog struct {
	Log  string
	N    uint64 // the record that the certificate names
	What string
}

// Lost holds the logs of a dataset as they are now against the heads that a certificate names. Logs that have grown since
// are as they should be. A log of which less is there than was certified has lost its end.
func (c *Certificate) Lost(now map[string]checkpoint.Head) []LostLog {
	var lost []LostLog
	for _, log := range slices.Sorted(maps.Keys(c.Heads)) {
		want, have := c.Heads[log], now[log]
		switch {
		case have.N < want.N:
			lost = append(lost, LostLog{log, want.N, fmt.Sprintf("its log ends with record %d, but this one was certified: the end of the log was removed", have.N)})
		case have.N == want.N && have.SHA256 != want.SHA256:
			lost = append(lost, LostLog{log, want.N, "it is not the record that was certified: the log was written anew"})
		}
	}
	return lost
}

// Rejects are the records in quarantine by their codes, as the certificate says.
func (c *Certificate) Rejects() Rejects {
	r := Rejects{}
	for name, s := range c.Streams {
		r[name] = s.QuarantinedBy
	}
	return r
}
