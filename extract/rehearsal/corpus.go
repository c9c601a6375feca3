package rehearsal

import "strings"

// A corpus holds what people say in one language. Slots of its texts are %n the visitor's first name, %a the agent, %p a
// product, %o an order number, %d a number of days.
type corpus struct {
	code     string // of the language, as in page paths
	open     []string
	ask      []string
	thanks   []string
	greet    []string
	answer   []string
	bye      []string
	offline  []string
	comments []string
	products []string
	pages    []page
}

// page is a page of the shop.
type page struct{ path, title string }

// role says who speaks and when.
type role uint8

const (
	roleOpen    role = iota // the visitor's first message
	roleAsk                 // the visitor goes on
	roleThanks              // the visitor's last message
	roleGreet               // the agent's first message
	roleAnswer              // the agent goes on
	roleBye                 // the agent's last message
	roleTrigger             // what a trigger says
	roleOffline
	roleComment
)

func (c *corpus) of(r role) []string {
	switch r {
	case roleOpen:
		return c.open
	case roleAsk:
		return c.ask
	case roleThanks:
		return c.thanks
	case roleGreet, roleTrigger:
		return c.greet
	case roleAnswer:
		return c.answer
	case roleBye:
		return c.bye
	case roleOffline:
		return c.offline
	default:
		return c.comments
	}
}

// The languages, by their place in Account.corpora.
const (
	langEN = iota
	langPT
	langDE
	langJA
	langAR
)

// escapedCorpora returns the corpora with their texts as they stand between the quotes of a JSON string, so that nothing
// needs to be escaped while chats are written.
func escapedCorpora() []corpus {
	all := []corpus{english, portuguese, german, japanese, arabic}
	for i := range all {
		c := &all[i]
		for _, texts := range []*[]string{&c.open, &c.ask, &c.thanks, &c.greet, &c.answer, &c.bye, &c.offline, &c.comments, &c.products} {
			*texts = escapeAll(*texts)
		}
	}
	return all
}

// escapeAll escapes texts for JSON. Slashes of web addresses are escaped too, as some servers do.
func escapeAll(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = strings.ReplaceAll(string(appendEscaped(nil, t)), "https://", `https:\/\/`)
	}
	return out
}

var emoji = []string{"😀", "🙏", "👍🏽", "😡", "🎉", "❤️", "👩‍💻", "🇧🇷", "📦", "🤔"}

// say appends one message: one or two sentences, with their slots filled. It depends on its arguments alone.
func (a *Account) say(b []byte, seed uint64, lang int, r role, visitor, agent string) []byte {
	c, g := &a.corpora[lang], rng{seed}
	pool := c.of(r)
	b = c.fill(b, &g, pool[g.intn(len(pool))], visitor, agent)
	for more := g.intn(20); more < 9 && (r == roleAsk || r == roleAnswer || r == roleOffline); more += 6 {
		b = append(b, ' ')
		b = c.fill(b, &g, pool[g.intn(len(pool))], visitor, agent)
	}
	if g.intn(100) < 8 {
		b = append(b, ' ')
		b = append(b, emoji[g.intn(len(emoji))]...)
	}
	return b
}

func (c *corpus) fill(b []byte, g *rng, text, visitor, agent string) []byte {
	for {
		at := strings.IndexByte(text, '%')
		if at < 0 {
			return append(b, text...)
		}
		b = append(b, text[:at]...)
		switch text[at+1] {
		case 'n':
			b = append(b, visitor...)
		case 'a':
			b = append(b, agent...)
		case 'p':
			b = append(b, c.products[g.intn(len(c.products))]...)
		case 'o':
			b = appendInt(b, int64(10_000_000+g.intn(90_000_000)))
		case 'd':
			b = appendInt(b, int64(g.between(2, 14)))
		}
		text = text[at+2:]
	}
}
