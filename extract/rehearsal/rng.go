package rehearsal

import "math/bits"

// rng is SplitMix64. It is written out here, because every byte of an account depends on it: the generators of the
// standard library may change, and golden hashes with them.
type rng struct{ s uint64 }

func (r *rng) next() uint64 {
	r.s += 0x9e3779b97f4a7c15
	return mix(r.s)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// intn returns a number in [0, n).
func (r *rng) intn(n int) int {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return int(hi)
}

// between returns a number in [lo, hi].
func (r *rng) between(lo, hi int) int { return lo + r.intn(hi-lo+1) }

// span returns a number of milliseconds in [lo, hi], small ones more often.
func (r *rng) span(lo, hi int) int64 {
	x := r.unit()
	return int64(lo) + int64(x*x*float64(hi-lo))
}

// unit returns a number in [0, 1).
func (r *rng) unit() float64 { return float64(r.next()>>11) / (1 << 53) }

func (r *rng) chance(p float64) bool { return r.unit() < p }

// weighted returns an index into sums, which are running sums of weights.
func (r *rng) weighted(sums []int) int {
	x := r.intn(sums[len(sums)-1])
	for i, s := range sums {
		if x < s {
			return i
		}
	}
	return len(sums) - 1
}

// A domain keeps the numbers drawn for one purpose apart from those for all others, so that a new purpose leaves what
// was there unchanged.
type domain uint64

const (
	domAccount domain = iota + 1
	domCalendar
	domClock
	domChat
	domText
	domVisitor
	domReturning
	domSnapshot
	domShift
	domStaff
	domPresence
	domTouch
	domBad
	domConfig
	domQuirk // + quirk number; must stay the last
)

func (a *Account) hash(d domain, i int64) uint64 {
	return mix(a.seed + mix(uint64(d)*0xd6e8feb86659fd93+uint64(i)))
}

func (a *Account) rng(d domain, i int64) rng { return rng{a.hash(d, i)} }

// share reports whether item i is among the share p of its domain.
func (a *Account) share(d domain, i int64, p float64) bool {
	return float64(a.hash(d, i)>>11)/(1<<53) < p
}
