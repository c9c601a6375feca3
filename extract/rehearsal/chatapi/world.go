package chatapi

import (
	"bytes"
	"cmp"
	"container/heap"
	"runtime"
	"slices"
	"sync"

	"chatferry"
	"chatferry/extract/rehearsal"
)

// fact is what is kept of each chat, so that a million of them fit into little memory. Times are seconds.
type fact struct {
	updated   uint32
	from, end uint32
	kind      chatType
	deleted   bool
	unserved  bool // no page can hold it
}

// chatType is the type of a chat.
type chatType uint8

const (
	typeChat chatType = iota
	typeOffline
	typeBot
)

var typeNames = [...]string{typeChat: "chat", typeOffline: "offline_msg", typeBot: "bot_chat"}

// version is one state of a chat that changed.
type version struct {
	second  int64 // its update second
	visible int64 // when it becomes visible, milliseconds
	touches int
	deleted bool
}

// life is the versions of a chat that changed since the server was made, or whose first one came to light since.
type life struct {
	versions []version
	shown    int // which the export shows; -1: none
	best     int // the newest that it ever showed
}

func (l *life) newest() version { return l.versions[len(l.versions)-1] }

// conversion is where a conversion stands in its export.
type conversion struct {
	at   int64 // milliseconds
	chat int64
	k    int
}

// world is the account as it is by now. It is guarded by the server's lock.
type world struct {
	account *rehearsal.Account
	reader  *rehearsal.Reader
	change  Changes
	now     int64 // milliseconds up to which everything has happened

	base        int64 // chats of the account; those behind came later
	facts       []fact
	made        []int64 // of those who came later, milliseconds
	lives       map[int64]*life
	shown       *order
	coming      []key // chats of the account whose time has not come, in order
	hidden      reveals
	ticks       []tick
	conversions []conversion
}

func newWorld(a *rehearsal.Account, c Changes, broken bool, now int64) *world {
	w := &world{account: a, reader: a.Reader(""), change: c, now: now, base: a.Options().Chats, lives: map[int64]*life{}}
	w.look(broken)
	keys := make([]key, 0, w.base)
	for i := range w.base {
		if f := &w.facts[i]; !f.unserved {
			keys = append(keys, key{int64(f.updated), i})
		}
	}
	slices.SortFunc(keys, w.compare)
	come, _ := slices.BinarySearchFunc(keys, key{second: now/1000 + 1}, compareSeconds)
	w.shown = newOrder(keys[:come], w.compare)
	w.coming = slices.Clone(keys[come:])
	w.ticks = newTicks(c, now)
	return w
}

// look takes down what every chat of the account is.
func (w *world) look(broken bool) {
	w.facts = make([]fact, w.base)
	workers := int64(runtime.GOMAXPROCS(0))
	found := make([][]conversion, workers)
	var wait sync.WaitGroup
	for k := range workers {
		wait.Go(func() {
			r := w.account.Reader("")
			for i := w.base * k / workers; i < w.base*(k+1)/workers; i++ {
				f := r.Facts(i, 0)
				w.facts[i] = factOf(&f, broken)
				for n, at := range f.Conversions {
					found[k] = append(found[k], conversion{at, i, n})
				}
			}
		})
	}
	wait.Wait()
	w.conversions = slices.Concat(found...)
	slices.SortFunc(w.conversions, func(x, y conversion) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.chat, y.chat), cmp.Compare(x.k, y.k))
	})
}

func factOf(f *rehearsal.Facts, broken bool) fact {
	c := fact{updated: uint32(f.Updated / 1000), from: uint32(f.From / 1000), end: uint32(f.End / 1000), deleted: f.Deleted}
	c.kind = chatType(max(0, slices.Index(typeNames[:], f.Type)))
	switch f.Code {
	case "":
	case chatferry.CodeSyntax, chatferry.CodeUTF8:
		c.unserved = true
	default:
		c.unserved = !broken
	}
	return c
}

// compare orders by update second and id. Ids are put together only where the seconds are equal.
func (w *world) compare(x, y key) int {
	if c := compareSeconds(x, y); c != 0 || x.chat == y.chat {
		return c
	}
	var bx, by [40]byte
	return bytes.Compare(w.id(bx[:0], x.chat), w.id(by[:0], y.chat))
}

// id appends the id of chat i.
func (w *world) id(b []byte, i int64) []byte { return w.account.AppendChatID(b, i, w.madeAt(i)) }

// madeAt returns when a chat that came later was made; 0 for those of the account, which knows.
func (w *world) madeAt(i int64) int64 {
	if i < w.base {
		return 0
	}
	return w.made[i-w.base]
}

// current returns the version of chat i that is visible, and which it is.
func (w *world) current(i int64) (v version, n int, ok bool) {
	if l := w.lives[i]; l != nil {
		if l.shown < 0 {
			return version{}, 0, false
		}
		return l.versions[l.shown], l.shown, true
	}
	v = w.first(i)
	return v, 0, !w.facts[i].unserved && v.visible <= w.now
}

// first returns the version of a chat of the account that was made up with it.
func (w *world) first(i int64) version {
	f := &w.facts[i]
	return version{second: int64(f.updated), visible: int64(f.updated) * 1000, deleted: f.deleted}
}

// state returns what version n of chat i is made from.
func (w *world) state(i int64, v version, n int) rehearsal.State {
	s := rehearsal.State{Made: w.madeAt(i), Touches: v.touches, Deleted: v.deleted}
	if i >= w.base || n > 0 {
		s.Updated = v.second * 1000
	}
	return s
}

// chatNumbered returns the number of the chat with this id, if there ever was one.
func (w *world) chatNumbered(id string) (int64, bool) {
	i, ok := w.account.ChatNumber(id)
	if !ok || i >= int64(len(w.facts)) || i >= w.base && string(w.id(nil, i)) != id {
		return 0, false
	}
	return i, true
}

// live returns the state of chat i if lists show it.
func (w *world) live(i int64) (rehearsal.State, bool) {
	v, n, ok := w.current(i)
	if !ok || v.deleted {
		return rehearsal.State{}, false
	}
	return w.state(i, v, n), true
}

// reveal is a version that has yet to become visible.
type reveal struct {
	at   int64
	chat int64
	n    int
}

// reveals is a heap, the next one first.
type reveals []reveal

func (h reveals) Len() int { return len(h) }
func (h reveals) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].at, h[j].at), cmp.Compare(h[i].chat, h[j].chat), cmp.Compare(h[i].n, h[j].n)) < 0
}
func (h reveals) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *reveals) Push(x any)   { *h = append(*h, x.(reveal)) }
func (h *reveals) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

var _ heap.Interface = (*reveals)(nil)
