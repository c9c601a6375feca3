// Package tickets reads the export of a ticket system that says through which channel the tickets came that chats left there:
// evidence for which chats were conversations of Zendesk Message.
//
// An export is CSV with a header, or NDJSON, as Support writes it. What counts, by name:
//
//	id, ticket_id          the number of the ticket, the chat's zendesk_ticket_id
//	chat_id, external_id   the id of the chat
//	channel, via           its channel; in JSON also via.channel, in CSV via_channel or via.channel
//
// A row needs a channel, and a number or the id of a chat; one without tells nothing. The file is read twice.
package tickets

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"chatferry"
	"chatferry/transform"
)

// Export is what an export says.
type Export struct {
	Tickets *transform.Tickets
	SHA256  chatferry.SHA256 // of the file
	Rows    int64            // that tell something
}

// Read reads an export.
func Read(name string) (*Export, error) {
	x := &Export{Tickets: transform.NewTickets(nil)}
	err := x.pass(name, func(t ticket) {
		x.Rows++
		x.Tickets.Add(t.number, t.chat, t.channel)
	})
	if err == nil && x.Rows == 0 {
		err = errors.New("no ticket in it has a channel, and a number or the id of a chat")
	}
	first := x.SHA256
	if err == nil {
		err = x.pass(name, func(t ticket) { x.Tickets.Contest(t.number, t.chat, t.channel) })
	}
	if err == nil && x.SHA256 != first {
		err = errors.New("it changed while it was read")
	}
	if err == nil {
		return x, nil
	}
	if p := (*os.PathError)(nil); errors.As(err, &p) {
		err = p.Err
	}
	return nil, &chatferry.Error{
		Kind: chatferry.KindUsage, Op: "read the tickets", Place: name, Err: err,
		Hint: "give an export of tickets: CSV with a header or NDJSON, with id or chat_id and channel",
	}
}

// ticket is what a row says.
type ticket struct {
	number  int64
	chat    string
	channel string
}

func (t ticket) tells() bool { return t.channel != "" && (t.number != 0 || t.chat != "") }

// pass reads the file once, all of it, and gives each the tickets that tell something.
func (x *Export) pass(name string, each func(ticket)) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(file, sum), 1<<20)
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(3)
	}
	read := readCSV
	if head, _ := in.Peek(512); bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte{'{'}) {
		read = readJSON
	}
	err = read(in, func(t ticket) {
		if t.tells() {
			each(t)
		}
	})
	sum.Sum(x.SHA256[:0])
	return err
}

// The names of what counts, the likeliest first.
var (
	numberNames  = []string{"ticket_id", "id"}
	chatNames    = []string{"chat_id", "external_id"}
	channelNames = []string{"channel", "via_channel", "via.channel", "via"}
)

func readCSV(in io.Reader, each func(ticket)) error {
	rows := csv.NewReader(in)
	rows.FieldsPerRecord, rows.ReuseRecord = -1, true
	header, err := rows.Read()
	if err != nil {
		return fmt.Errorf("it has no header: %w", err)
	}
	at := map[string]int{}
	for i, name := range header {
		at[strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), " ", "_")] = i
	}
	find := func(names []string) int {
		for _, name := range names {
			if i, ok := at[name]; ok {
				return i
			}
		}
		return -1
	}
	number, chat, channel := find(numberNames), find(chatNames), find(channelNames)
	if channel < 0 || number < 0 && chat < 0 {
		return errors.New("its header has no channel, or neither id nor chat_id")
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		field := func(i int) string {
			if i < 0 || i >= len(row) {
				return ""
			}
			return strings.TrimSpace(row[i])
		}
		t := ticket{chat: strings.Clone(field(chat)), channel: field(channel)}
		if text := field(number); text != "" {
			if t.number, err = strconv.ParseInt(text, 10, 64); err != nil {
				line, _ := rows.FieldPos(number)
				return fmt.Errorf("line %d: %q is no number of a ticket", line, text)
			}
		}
		each(t)
	}
}

func readJSON(in io.Reader, each func(ticket)) error {
	d := json.NewDecoder(in)
	for n := 1; ; n++ {
		var r struct {
			ID       json.RawMessage `json:"id"`
			TicketID json.RawMessage `json:"ticket_id"`
			ChatID   string          `json:"chat_id"`
			External any             `json:"external_id"`
			Channel  string          `json:"channel"`
			Via      json.RawMessage `json:"via"`
		}
		err := d.Decode(&r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("ticket %d: %w", n, err)
		}
		t := ticket{chat: r.ChatID, channel: r.Channel}
		if text, ok := r.External.(string); ok && t.chat == "" {
			t.chat = text
		}
		if t.channel == "" {
			t.channel = channelOf(r.Via)
		}
		for _, raw := range []json.RawMessage{r.TicketID, r.ID} {
			text := strings.Trim(string(raw), `"`)
			if t.number == 0 && text != "" && text != "null" {
				if t.number, err = strconv.ParseInt(text, 10, 64); err != nil {
					return fmt.Errorf("ticket %d: %q is no number of a ticket", n, text)
				}
			}
		}
		each(t)
	}
}

// channelOf is the channel that a ticket's via names: the text itself, or its member channel.
func channelOf(via json.RawMessage) string {
	var text string
	if json.Unmarshal(via, &text) == nil {
		return text
	}
	var object struct {
		Channel string `json:"channel"`
	}
	if json.Unmarshal(via, &object) != nil {
		return ""
	}
	return object.Channel
}
