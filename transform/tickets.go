package transform

// Tickets is what a ticket system says about chats: through which channel a ticket that is linked with one came. It keeps
// those of channels alone whose conversations are not carried over, which are few, and is made in two passes over the
// tickets: Add, and then Contest, since one chat may have several tickets. Afterwards Transformers share it.
type Tickets struct {
	deny    channels
	tickets map[int64]claim
	chats   map[string]claim
}

// claim is a channel on the deny list, and whether another ticket of the same number or chat came through one that is not.
type claim struct {
	channel   string
	contested bool
}

// NewTickets takes the channels whose conversations are not carried over, as Options.SocialChannels.
func NewTickets(social []string) *Tickets {
	if social == nil {
		social = DefaultSocialChannels()
	}
	return &Tickets{deny: social, tickets: map[int64]claim{}, chats: map[string]claim{}}
}

// Add takes in a ticket: its number, 0 if that is not known, the id of its chat, "" likewise, and its channel.
func (t *Tickets) Add(number int64, chat, channel string) {
	c := t.deny.match(channel)
	if c == "" {
		return
	}
	if number != 0 {
		t.tickets[number] = t.tickets[number].and(c)
	}
	if chat != "" {
		t.chats[chat] = t.chats[chat].and(c)
	}
}

// and is the claim with another ticket's. Two channels that are both on the list do not contradict each other; that which
// sorts first is told, so that the order of the tickets does not matter.
func (c claim) and(channel string) claim {
	if c.channel == "" || channel < c.channel {
		c.channel = channel
	}
	return c
}

// Contest takes in every ticket a second time. One that came through a channel that is carried over speaks against another
// one of the same chat.
func (t *Tickets) Contest(number int64, chat, channel string) {
	if channel == "" || t.deny.match(channel) != "" {
		return
	}
	if c, ok := t.tickets[number]; ok {
		c.contested = true
		t.tickets[number] = c
	}
	if c, ok := t.chats[chat]; ok {
		c.contested = true
		t.chats[chat] = c
	}
}

// Len is how many tickets and chats are kept.
func (t *Tickets) Len() int { return len(t.tickets) + len(t.chats) }

// of returns what tickets say about a chat: a channel, or that they contradict each other.
func (t *Tickets) of(chat []byte, number int64) (channel string, contested bool) {
	if t == nil {
		return "", false
	}
	byChat, linked := t.chats[string(chat)]
	byNumber, numbered := t.tickets[number]
	switch {
	case linked && byChat.contested || numbered && number != 0 && byNumber.contested:
		return "", true
	case linked:
		return byChat.channel, false
	case numbered && number != 0:
		return byNumber.channel, false
	}
	return "", false
}
