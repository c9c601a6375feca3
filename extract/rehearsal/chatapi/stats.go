package chatapi

import (
	"maps"
	"time"
)

// Stats say what clients did.
type Stats struct {
	// Requests counts them by endpoint (see Endpoints, "/oauth2/token", "/attachments/{}", and "other") and status.
	Requests map[string]map[int]int64
	// Busiest is the most requests to the API in any 60 seconds of the server's clock, whatever came of them.
	Busiest    int64
	Refused    int64 // for the rate limit
	Rotated    int64 // pairs of tokens given for a refresh token
	NoToken    int64 // requests to the API without a token
	WrongToken int64 // with one that is not valid
	Writes     int64 // that would have changed something

	recent []time.Time // of the last 60 seconds
}

func newStats() Stats { return Stats{Requests: map[string]map[int]int64{}} }

// Total sums the requests to the API, whatever came of them.
func (s Stats) Total() int64 {
	var n int64
	for endpoint, statuses := range s.Requests {
		if endpoint == tokenPath || endpoint == filesRoot+"/{}" {
			continue
		}
		for _, k := range statuses {
			n += k
		}
	}
	return n
}

// tick counts a request to the API.
func (s *Stats) tick(now time.Time) {
	old := 0
	for old < len(s.recent) && now.Sub(s.recent[old]) >= time.Minute {
		old++
	}
	s.recent = append(s.recent[old:], now)
	s.Busiest = max(s.Busiest, int64(len(s.recent)))
}

func (s *Stats) count(endpoint string, status int) {
	if status == 0 {
		status = 200
	}
	if s.Requests[endpoint] == nil {
		s.Requests[endpoint] = map[int]int64{}
	}
	s.Requests[endpoint][status]++
}

// Stats returns what clients did so far.
func (s *Server) Stats() Stats {
	_, unlock := s.lock()
	defer unlock()
	out := s.stats
	out.recent = nil
	out.Requests = make(map[string]map[int]int64, len(s.stats.Requests))
	for endpoint, statuses := range s.stats.Requests {
		out.Requests[endpoint] = maps.Clone(statuses)
	}
	return out
}
