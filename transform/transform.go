package transform

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"unicode/utf8"

	"chatferry"
	"chatferry/checkpoint/sums"
)

// Options shape what a Transformer does with records.
type Options struct {
	// SocialChannels are the channels whose conversations are not carried over, as DefaultSocialChannels writes them;
	// nil means those, an empty slice none.
	SocialChannels []string
	// Tickets are evidence for what a chat's record does not say; nil: there are none.
	Tickets *Tickets
	// Suspects says what becomes of chats that only look like such conversations.
	Suspects Suspects
}

// Suspects is what becomes of a chat that is suspected, without evidence, to be a Zendesk Message conversation.
type Suspects string

// The choices. The empty one is SuspectsInclude.
const (
	SuspectsInclude    Suspects = "include"    // it is carried over, with the reasons in message_suspect
	SuspectsQuarantine Suspects = "quarantine" // a person decides
	SuspectsExclude    Suspects = "exclude"
)

// Transformer turns the Pages of one Stream into Batches.
type Transformer struct {
	stream chatferry.Stream
	o      Options
	deny   channels
	key    Key

	decoder decoder
	marks   []int // rows of each table before the current record
	chat    suspectColumns
	csv     csvReader
	clean   []byte // a record without its secrets
	raws    [][]byte
	sums    [][sums.Size]byte // of the records of the Page
	terms   [][sums.Size]byte // their Entries
}

var _ chatferry.Transformer = (*Transformer)(nil)

// New returns a Transformer for a Stream. It panics if there is no such Stream.
func New(stream chatferry.Stream, o Options) *Transformer {
	if !stream.Known() {
		panic(fmt.Sprintf("there is no stream %q", stream))
	}
	t := &Transformer{stream: stream, o: o, deny: o.SocialChannels, key: KeyOf(stream)}
	if o.SocialChannels == nil {
		t.deny = DefaultSocialChannels()
	}
	for _, table := range stream.Tables() {
		t.decoder.tables = append(t.decoder.tables, newBuilder(newLayout(table)))
	}
	t.marks = make([]int, len(t.decoder.tables))
	if stream == chatferry.Chats {
		d := &t.decoder
		t.chat = suspectColumnsIn(d.tables[0].layout)
		history := d.tables[slices.Index(stream.Tables(), chatferry.ChatHistory)]
		d.historyType, d.historyChannel = history.column("type"), history.column("channel")
	}
	if stream.CSV() {
		t.csv.node = t.decoder.tables[0].root
	}
	return t
}

// Transform converts every record of the Page.
func (t *Transformer) Transform(p *chatferry.Page, seq uint64) (*chatferry.Batch, error) {
	if p.Shard == nil || p.Shard.Stream != t.stream {
		return nil, fmt.Errorf("transform a page: it is not of stream %s", t.stream)
	}
	b := &chatferry.Batch{
		Shard: p.Shard, Seq: seq, From: p.From, After: p.After,
		RawBytes: p.RawBytes, StoredBytes: p.StoredBytes, Requests: p.Requests, ThrottledMS: p.ThrottledMS,
		Doubts: append([]chatferry.Doubt(nil), p.Doubts...), Absent: append([]string(nil), p.Absent...),
	}
	if t.stream.CSV() {
		t.csv.readHeader(p.Header)
	}
	t.sum(p)
	for i := range p.Records {
		t.record(b, p, i)
	}
	t.decoder.reset(nil) // it must not keep the Page's memory
	for i, table := range t.stream.Tables() {
		tb := t.decoder.tables[i]
		if rec := planted(table, tb.take(p.Shard.ID, seq)); rec != nil {
			b.Rows = append(b.Rows, chatferry.Rows{Table: table, Record: rec})
		}
	}
	return b, nil
}

// sum takes the SHA-256 of all records of the Page, without their secrets, and their Entries.
func (t *Transformer) sum(p *chatferry.Page) {
	n := len(p.Records)
	t.sums, t.terms = slices.Grow(t.sums[:0], n)[:n], slices.Grow(t.terms[:0], n)[:n]
	if t.stream.Secret() {
		for i := range p.Records {
			t.sums[i] = sha256.Sum256(t.withoutSecrets(p.Records[i].Raw))
		}
	} else {
		for i := range p.Records {
			t.raws = append(t.raws, p.Records[i].Raw)
		}
		sums.Each(t.sums, t.raws)
		clear(t.raws) // they are the Page's
		t.raws = t.raws[:0]
	}
	for i := range p.Records {
		if r := &p.Records[i]; r.Original != nil {
			t.sums[i] = r.Original.SHA256
		} else if r.Fault != nil && r.Fault.RawSHA256 != nil {
			t.sums[i] = *r.Fault.RawSHA256
		}
	}
	chatferry.Entries(t.terms, t.stream, t.sums)
}

// record converts record i of the Page and enters it in the books.
func (t *Transformer) record(b *chatferry.Batch, p *chatferry.Page, i int) {
	r, sum, e := &p.Records[i], t.sums[i], t.terms[i]
	rawLen := int64(len(r.Raw))
	raw := r.Raw
	if t.stream.Secret() {
		raw = t.withoutSecrets(raw)
	}
	if r.Fault != nil && r.Fault.RawSHA256 != nil {
		rawLen = r.Fault.RawLen
	}
	if r.Original != nil {
		rawLen = r.Original.Len
	}
	b.Books.Read.Count(rawLen, &e)

	for i, tb := range t.decoder.tables {
		t.marks[i] = tb.n
	}
	fault := r.Fault
	if fault == nil {
		fault = t.decode(raw)
	}
	excluded, suspect := "", ""
	if fault == nil && t.stream == chatferry.Chats {
		if excluded, suspect = t.judge(); suspect != "" && t.o.Suspects == SuspectsQuarantine {
			fault = &chatferry.Fault{Code: chatferry.CodeSuspect, Reason: "it may be a conversation of Zendesk Message: " + suspect}
		}
	}
	switch {
	case fault != nil:
		b.Rejects = append(b.Rejects, t.reject(p, b.Seq, r, *fault, rawLen, sum))
		b.Books.Quarantined.Count(rawLen, &e)
	case excluded != "":
		t.exclude(b, r.Offset, rawLen, sum, &e, excluded)
	default:
		t.finish(r.Offset, &sum, suspect)
		b.Books.Loaded.Count(rawLen, &e)
		return
	}
	t.rollback()
}

// decode reads a record into open rows, or says why it cannot.
func (t *Transformer) decode(raw []byte) *chatferry.Fault {
	d := &t.decoder
	d.reset(raw)
	d.tables[0].begin()
	switch {
	case !d.utf8: // whatever else is wrong
		return notUTF8(raw)
	case t.stream.CSV():
		return t.csv.row(d, raw)
	case !d.record():
		return &chatferry.Fault{Code: d.code, Reason: d.fault()}
	}
	return t.checkKey()
}

func notUTF8(raw []byte) *chatferry.Fault {
	at := 0
	for at < len(raw) {
		r, size := utf8.DecodeRune(raw[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return &chatferry.Fault{
		Code: chatferry.CodeUTF8, Reason: fmt.Sprintf("the bytes are not UTF-8 (byte %d of the record)", at),
	}
}

// judge says why the open chat is excluded, "" if it is not, and else why it is suspected to be a conversation of Zendesk
// Message. One that is suspected and excluded for that is not suspected any more.
func (t *Transformer) judge() (excluded, suspect string) {
	d := &t.decoder
	tb := d.tables[0]
	if typ := tb.cols[t.chat.typ].text(tb.n); len(d.evidence) > 0 || len(typ) > 0 && string(typ) != "chat" && string(typ) != "offline_msg" {
		if channel := d.excluded(t.deny, string(typ)); channel != "" {
			return excludedReason(channel), ""
		}
	}
	number := int64(0)
	if c := &tb.cols[t.chat.ticket]; c.isSet(tb.n) {
		number = int64(c.words[tb.n])
	}
	channel, contested := t.o.Tickets.of(tb.cols[t.key.columns[0]].text(tb.n), number)
	if channel != "" {
		return ticketReason(channel), ""
	}
	suspect = d.suspect(tb, &t.chat, contested)
	if suspect != "" && t.o.Suspects == SuspectsExclude {
		return suspectReason(suspect), ""
	}
	return "", suspect
}

// exclude enters the open chat in the ledger.
func (t *Transformer) exclude(b *chatferry.Batch, at chatferry.Offset, rawLen int64, sum chatferry.SHA256, e *[32]byte, reason string) {
	key, version := t.openKey()
	b.Ledger = append(b.Ledger, chatferry.LedgerEntry{
		Stream: t.stream, Key: key, Version: version, RawSHA256: sum, RawLen: rawLen, Offset: at,
		Disposition: chatferry.Excluded, Reason: reason,
	})
	b.Books.Exclude(reason, rawLen, e)
}

// finish fills what the record itself does not say and closes its rows.
func (t *Transformer) finish(at chatferry.Offset, sum *[32]byte, suspect string) {
	tb := t.decoder.tables[0]
	if t.stream == chatferry.Chats {
		t.finishChat(at, suspect)
	}
	tb.closeExtra()
	tb.appendSum(sum)
	tb.end()
	tb.repeatInt(tb.offset, tb.n-1, int64(at))
}

// finishChat derives the columns of the open chat and joins its closed child rows to it.
func (t *Transformer) finishChat(at chatferry.Offset, suspect string) {
	d := &t.decoder
	tb := d.tables[0]
	id := tb.cols[t.key.columns[0]].text(tb.n)
	if micros, ok := createdAt(id); ok {
		tb.setInt(tb.idCreatedAt, micros)
	}
	if suspect != "" {
		tb.setText(tb.suspect, []byte(suspect))
	}
	for i, child := range d.tables[1:] {
		child.belong(t.marks[i+1], id, at)
	}
}

// rollback takes the current record out of all tables.
func (t *Transformer) rollback() {
	for i, tb := range t.decoder.tables {
		tb.truncate(t.marks[i])
	}
}
