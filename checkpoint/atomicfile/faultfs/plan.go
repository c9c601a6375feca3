package faultfs

// Plan is a fault at a numbered operation.
type Plan struct {
	At      int  // the number of the operation, from 1
	Reads   bool // count the operations that only read too
	Forever bool // strike from that operation on, not only at it
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
