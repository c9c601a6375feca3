package chatapi

import (
	"container/heap"
	"math"
)

// tickKind is something that happens by the clock.
type tickKind int

const (
	tickTouch tickKind = iota
	tickInsert
	tickDelete
	tickStorm
)

// tick is a thing that happens again and again, or a storm, which happens once.
type tick struct {
	kind  tickKind
	rate  float64 // an hour
	chats int     // of a storm
	begin int64
	k     int64 // how often it happened
	next  int64 // milliseconds
}

const never = math.MaxInt64

func newTicks(c Changes, begin int64) []tick {
	var ticks []tick
	for _, s := range c.Storms {
		chats := s.Chats
		if chats == 0 {
			chats = stormChats
		}
		ticks = append(ticks, tick{kind: tickStorm, chats: chats, next: begin + s.After.Milliseconds()})
	}
	for kind, rate := range []float64{tickTouch: c.Touches, tickInsert: c.Inserts, tickDelete: c.Deletes} {
		if rate > 0 {
			t := tick{kind: tickKind(kind), rate: rate, begin: begin}
			t.plan(c.Seed)
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// plan says when it happens next: once in every interval, at any time of it.
func (t *tick) plan(seed uint64) {
	const hour = 3_600_000
	x := float64(t.k) + float64(hash(seed, uint64(t.kind), uint64(t.k))>>11)/(1<<53)
	t.next = t.begin + int64(x/t.rate*hour)
}

// advance lets everything happen that happens up to a time, in its order.
func (w *world) advance(now int64) {
	for {
		at, from := int64(never), -1 // a tick's index, or its place behind the ticks
		for k := range w.ticks {
			if w.ticks[k].next < at {
				at, from = w.ticks[k].next, k
			}
		}
		if len(w.coming) > 0 && w.coming[0].second*1000 <= at {
			at, from = w.coming[0].second*1000, len(w.ticks)
		}
		if len(w.hidden) > 0 && w.hidden[0].at <= at {
			at, from = w.hidden[0].at, len(w.ticks)+1
		}
		if from < 0 || at > now {
			break
		}
		w.now = max(w.now, at)
		switch from - len(w.ticks) {
		case 0:
			w.come()
		case 1:
			r := heap.Pop(&w.hidden).(reveal)
			w.show(r.chat, r.n)
		default:
			w.happen(&w.ticks[from], at)
		}
	}
	w.now = max(w.now, now)
}

// come shows the next chat of the account whose time has come.
func (w *world) come() {
	k := w.coming[0]
	w.coming = w.coming[1:]
	if late := w.late(k.chat, 0); late > 0 {
		w.lives[k.chat] = &life{versions: []version{w.first(k.chat)}, shown: -1, best: -1}
		w.lives[k.chat].versions[0].visible += late
		w.hide(k.chat, 0)
		return
	}
	w.shown.insert(k)
}

func (w *world) happen(t *tick, at int64) {
	if t.kind == tickStorm {
		w.storm(t.chats, at)
		t.next = never
		return
	}
	switch t.kind {
	case tickInsert:
		w.insert(at)
	default:
		for try := range uint64(64) {
			i := int64(hash(w.change.Seed, uint64(t.kind)<<8|try|1<<63, uint64(t.k)) % uint64(max(1, len(w.facts))))
			if w.alter(i, at, t.kind == tickDelete) {
				break
			}
		}
	}
	t.k++
	t.plan(w.change.Seed)
}

// storm alters n chats, as far as there are so many, in one second.
func (w *world) storm(n int, at int64) {
	all := int64(len(w.facts))
	if all == 0 {
		return
	}
	i, step := int64(hash(w.change.Seed, 1<<62, uint64(at))%uint64(all)), 1+all*38/100
	for gcd(step, all) != 1 {
		step++
	}
	for range all {
		if n == 0 {
			return
		}
		if l := w.lives[i]; (l == nil || l.newest().second < at/1000) && w.alter(i, at, false) {
			n--
		}
		i = (i + step) % all
	}
}

func gcd(x, y int64) int64 {
	for y != 0 {
		x, y = y, x%y
	}
	return x
}

// alter touches or deletes chat i, and reports false if there is none, or none any more.
func (w *world) alter(i, at int64, deleted bool) bool {
	if i < 0 || i >= int64(len(w.facts)) || w.facts[i].unserved {
		return false
	}
	l := w.lives[i]
	if l == nil {
		v := w.first(i)
		if v.deleted || v.second > at/1000 {
			return false
		}
		l = &life{versions: []version{v}}
		w.lives[i] = l
	}
	v := l.newest()
	if v.deleted {
		return false
	}
	// No two versions of a chat have the same second: nobody could tell which is the newer.
	v.second = max(at/1000, v.second+1)
	v.deleted = deleted
	if !deleted {
		v.touches++
	}
	n := len(l.versions)
	v.visible = max(at, v.second*1000) + w.late(i, n)
	l.versions = append(l.versions, v)
	if v.visible <= w.now {
		w.show(i, n)
		return true
	}
	if w.change.Neither && l.shown >= 0 {
		w.shown.remove(key{l.versions[l.shown].second, i})
		l.shown = -1
	}
	w.hide(i, n)
	return true
}

// insert adds a chat that comes to light at a time.
func (w *world) insert(at int64) {
	i := int64(len(w.facts))
	at -= at % 1000
	w.made = append(w.made, w.reader.Latest(i, at))
	f := w.reader.Facts(i, w.made[i-w.base])
	c := factOf(&f, false)
	c.updated, c.deleted = uint32(at/1000), false
	w.facts = append(w.facts, c)
	l := &life{versions: []version{{second: at / 1000, visible: at + w.late(i, 0)}}, shown: -1, best: -1}
	w.lives[i] = l
	if l.versions[0].visible <= w.now {
		w.show(i, 0)
	} else {
		w.hide(i, 0)
	}
}

// show lets the export show version n of chat i, unless it shows a newer one.
func (w *world) show(i int64, n int) {
	l := w.lives[i]
	if n <= l.best && l.shown >= 0 || n < l.best {
		return
	}
	if l.shown >= 0 {
		w.shown.remove(key{l.versions[l.shown].second, i})
	}
	l.shown, l.best = n, n
	w.shown.insert(key{l.versions[n].second, i})
}

func (w *world) hide(i int64, n int) {
	heap.Push(&w.hidden, reveal{at: w.lives[i].versions[n].visible, chat: i, n: n})
}

// late returns how many milliseconds version n of chat i becomes visible after its update time.
func (w *world) late(i int64, n int) int64 {
	if w.change.Late <= 0 {
		return 0
	}
	return int64(hash(w.change.Seed, uint64(i)|1<<61, uint64(n)) % uint64(w.change.Late.Milliseconds()+1))
}

// hash draws a number from three (SplitMix64).
func hash(seed, x, y uint64) uint64 {
	return mix(seed + mix(x*0xd6e8feb86659fd93+mix(y+0x9e3779b97f4a7c15)))
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
