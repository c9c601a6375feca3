package sims3

// Op is one request that a Client or a Handler's peer is about to make.
type Op struct {
	N      int    // its number among the requests of the Client or Handler, from 1
	Change int    // its number among those that change the bucket; 0 for one that only reads
	Do     string // the call as S3 spells it: "PutObject"
	Name   string // the key, or the prefix of a listing
}

func (o Op) String() string { return o.Do + " " + o.Name }

// Fault is what becomes of a request. The zero Fault lets it be carried out and answered.
type Fault struct {
	// One of these says how it is answered, if not by the bucket.
	Lost   bool   // not at all: the connection breaks
	Silent bool   // not at all: the connection stays open until the client gives up
	Status int    // with this status and Code
	Code   string // of S3
	Kill   bool   // not at all: the Client is killed

	// Applied carries it out all the same, before that; Late after so many later requests of anybody. Otherwise a
	// request that is not answered by the bucket is not carried out.
	Applied bool
	Late    int

	Cut     bool // the body of the answer breaks off half way
	Corrupt bool // a bit of the request's body is flipped on its way, or of the answer's, if the request has none
}

// answered reports whether the bucket itself answers.
func (f Fault) answered() bool {
	return !f.Lost && !f.Silent && f.Status == 0 && !f.Kill && f.Late == 0
}

// Hook decides about every request. It may block, and so take turns between Clients.
type Hook func(Op) Fault

// Plan is a fault at a numbered request.
type Plan struct {
	At      int  // the number of the request, from 1
	Reads   bool // count the requests that only read too
	Forever bool // strike from that request on, not only at it
	Fault   Fault
}

// Hook returns the Hook that carries the plan out.
func (p Plan) Hook() Hook {
	return func(op Op) Fault {
		n := op.Change
		if p.Reads {
			n = op.N
		}
		if n == p.At || p.Forever && n > p.At {
			return p.Fault
		}
		return Fault{}
	}
}
