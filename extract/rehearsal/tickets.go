package rehearsal

import (
	"bufio"
	"fmt"
	"io"
	"iter"
)

// Ticket is a ticket that a chat left in the ticket system, as an export of that tells it.
type Ticket struct {
	Number  int64 // 0: the export does not say
	ChatID  string
	Channel string // "chat", or a social network
}

// social reports through which network a suspicious chat came, as its ticket alone says; "" for every other chat.
func (c *chat) social() string {
	if !c.suspect || c.index%2 != 0 {
		return ""
	}
	return networks[c.seed>>24%uint64(len(networks))]
}

// Tickets returns the tickets of the account: those of chats that name one, and those of Message conversations and of
// suspicious chats, which are found by the chat's id where the chat names none.
func (a *Account) Tickets() iter.Seq[Ticket] {
	return func(yield func(Ticket) bool) {
		g := a.generator()
		for i := range a.o.Chats {
			c := g.plan(i)
			if c.ticket == 0 && c.widget() {
				continue
			}
			t := Ticket{Number: c.ticket, Channel: "chat"}
			if c.network != "" {
				t.Channel = c.network
			} else if network := c.social(); network != "" {
				t.Channel = network
			}
			if a.quirk(quirkNumberForm, i) {
				t.Number = 0 // a number that several chats name tells nothing of any
			}
			if t.Number == 0 || !c.widget() {
				t.ChatID = string(a.appendChatID(nil, i, c.made))
			}
			if !yield(t) {
				return
			}
		}
	}
}

// WriteTickets writes the tickets as CSV, as an export of the ticket system would.
func (a *Account) WriteTickets(to io.Writer) error {
	w := bufio.NewWriter(to)
	fmt.Fprintln(w, "ticket_id,chat_id,channel,subject")
	for t := range a.Tickets() {
		number := ""
		if t.Number != 0 {
			number = fmt.Sprint(t.Number)
		}
		fmt.Fprintf(w, "%s,%s,%s,\"Conversation, as the shop has it\"\n", number, t.ChatID, t.Channel)
	}
	return w.Flush() // it tells of every write before
}
