package dump

import (
	"context"
	"io"
	"strconv"

	"chatferry"
)

// documents cuts a sequence of JSON values: arrays, API pages and bare records. It follows the brackets around the
// records; where they break, the rest of the file becomes one Reject.
type documents struct {
	stream chatferry.Stream
	limit  int64

	stack []container
	after bool // behind an element or member of the innermost container
	comma bool // behind a comma
	done  bool
}

// container is something that stands around records.
type container int

const (
	inArray container = iota // elements are records, in an array of pages also pages
	inList                   // elements are records
	inPage                   // members are no records, save those that wrapOf knows
	inMap                    // the members' values are records
)

func (c container) String() string {
	switch c {
	case inArray, inList:
		return "an array"
	case inMap:
		return "a map of records"
	}
	return "an API page"
}

func (d *documents) next(ctx context.Context, in *input) (piece, error) {
	for !d.done {
		if err := in.skipWhite(ctx); ended(err) {
			if len(d.stack) > 0 && err == io.EOF {
				in.doubt("the file ends inside " + d.stack[len(d.stack)-1].String() + "; it may have been cut off")
			}
			d.done = true
			break
		} else if err != nil {
			return piece{}, err
		}
		p, ok, err := d.step(ctx, in)
		if ok || err != nil {
			return p, err
		}
	}
	return piece{}, io.EOF
}

// step handles the byte at the window's beginning. ok says that it cut a record.
func (d *documents) step(ctx context.Context, in *input) (p piece, ok bool, err error) {
	c := in.bytes()[0]
	if len(d.stack) == 0 {
		switch {
		case c == '[':
			d.push(in, inArray, 1)
			return p, false, nil
		case beginsValue(c):
			return d.element(ctx, in, true)
		}
		return d.broken(ctx, in)
	}
	at := d.stack[len(d.stack)-1]
	closing := byte(']')
	if at == inPage || at == inMap {
		closing = '}'
	}
	switch {
	case c == closing && !d.comma:
		d.stack = d.stack[:len(d.stack)-1]
		d.after = len(d.stack) > 0
		in.skip(1)
		return p, false, nil
	case d.after && c == ',':
		d.after, d.comma = false, true
		in.skip(1)
		return p, false, nil
	case d.after:
		return d.broken(ctx, in)
	case at == inPage || at == inMap:
		if c == '"' {
			return d.member(ctx, in, at)
		}
	case beginsValue(c):
		return d.element(ctx, in, at == inArray)
	}
	return d.broken(ctx, in)
}

func (d *documents) push(in *input, c container, n int) {
	d.stack = append(d.stack, c)
	d.after, d.comma = false, false
	in.skip(n)
}

func (d *documents) cut() {
	d.after, d.comma = len(d.stack) > 0, false
}

// element cuts a value as a record, or enters it if it may be an API page and is one.
func (d *documents) element(ctx context.Context, in *input, maybePage bool) (piece, bool, error) {
	if maybePage && in.bytes()[0] == '{' {
		k := keyScan{stream: d.stream}
		verdict, w := k.walk(in.bytes())
		for verdict == keyMore && int64(len(in.bytes())) <= d.limit {
			if err := in.more(ctx); ended(err) {
				break
			} else if err != nil {
				return piece{}, false, err
			}
			verdict, w = k.walk(in.bytes())
		}
		switch {
		case verdict == keyRecord && int64(k.at) <= d.limit:
			p := in.take(k.at)
			d.cut()
			return p, true, nil
		case verdict == keyPage && int64(k.at) <= d.limit:
			d.push(in, inPage, k.at)
			return d.enter(ctx, in, w)
		}
	}
	return d.record(ctx, in)
}

// enter goes into the value of a page's member that holds records.
func (d *documents) enter(ctx context.Context, in *input, w wrap) (piece, bool, error) {
	switch w {
	case wrapArray:
		d.push(in, inList, 1)
	case wrapMap:
		d.push(in, inMap, 1)
	case wrapSingle:
		return d.record(ctx, in)
	}
	return piece{}, false, nil
}

// record cuts the value that the window begins with.
func (d *documents) record(ctx context.Context, in *input) (piece, bool, error) {
	var s scanner
	n, done := s.scan(in.bytes())
	var err error
	for !done && err == nil && int64(n) <= d.limit {
		if err = in.more(ctx); err == nil {
			var m int
			m, done = s.scan(in.bytes()[n:])
			n += m
		}
	}
	d.cut()
	if err != nil && !ended(err) {
		return piece{}, false, err
	}
	if int64(n) > d.limit {
		s = scanner{}
		p, err := in.swallow(ctx, chatferry.CodeTooLong, reasonTooLong, s.scan)
		return p, true, err
	}
	if !done && !(s.scalar && err == io.EOF) {
		reason := reasonEnd
		if err != io.EOF {
			reason = reasonCut
		}
		keep := trimmed(in.bytes()[:n])
		p := in.take(keep)
		in.skip(n - keep)
		p.fault = &chatferry.Fault{Code: chatferry.CodeTruncated, Reason: reason}
		return p, true, nil
	}
	return in.take(n), true, nil
}

// member cuts, enters or passes over the member that the window begins with. Its name stays in the window until it is
// known what its value is.
func (d *documents) member(ctx context.Context, in *input, at container) (piece, bool, error) {
	n, key, verdict := memberHead(in.bytes())
	for verdict == keyMore && len(in.bytes()) <= keptBytes {
		if err := in.more(ctx); ended(err) {
			break
		} else if err != nil {
			return piece{}, false, err
		}
		n, key, verdict = memberHead(in.bytes())
	}
	if verdict != keyPage || n > keptBytes {
		return d.broken(ctx, in)
	}
	c := in.bytes()[n]
	if at == inMap && c == 'n' {
		return d.gone(ctx, in, n)
	}
	w, known, name := wrapOf(d.stream, key, c), ofPage(key), readableName(key)
	in.skip(n)
	switch {
	case at == inMap:
		return d.record(ctx, in)
	case w != wrapNone:
		return d.enter(ctx, in, w)
	case known:
		d.cut()
		return piece{}, false, d.skipValue(ctx, in)
	}
	p, ok, err := d.record(ctx, in)
	if p.fault == nil {
		p.fault = &chatferry.Fault{Code: chatferry.CodeStructure, Reason: "the page has a member " + name + " that no page of the API has"}
	}
	return p, ok, err
}

// readableName is a member's name for a person, cut if it is long.
func readableName(key []byte) string { return strconv.QuoteToASCII(string(key[:min(len(key), 40)])) }

// memberHead finds where the value of the member begins that b begins with: keyPage says that it is at n, keyMore that b
// does not reach so far, keyOdd that no value follows.
func memberHead(b []byte) (n int, key []byte, v keyVerdict) {
	var s scanner
	n, done := s.scan(b)
	if !done {
		return n, nil, keyMore
	}
	key = b[1 : n-1]
	colon := false
	for ; n < len(b); n++ {
		switch {
		case isWhite(b[n]):
		case b[n] == ':' && !colon:
			colon = true
		case colon && beginsValue(b[n]):
			return n, key, keyPage
		default:
			return n, nil, keyOdd
		}
	}
	return n, nil, keyMore
}

// gone cuts a chat that the page holds as null, with its name, which is the chat's id. head is where the null begins.
func (d *documents) gone(ctx context.Context, in *input, head int) (piece, bool, error) {
	const null = "null"
	for len(in.bytes()) <= head+len(null) {
		if err := in.more(ctx); ended(err) {
			break
		} else if err != nil {
			return piece{}, false, err
		}
	}
	b := in.bytes()[head:]
	if len(b) < len(null) || string(b[:len(null)]) != null || len(b) > len(null) && classes[b[len(null)]] == other {
		in.skip(head)
		return d.record(ctx, in)
	}
	d.cut()
	p := in.take(head + len(null))
	p.fault = &chatferry.Fault{Code: chatferry.CodeNotObject, Reason: "the page holds null for this chat: the account no longer has it"}
	return p, true, nil
}

// skipValue passes over a value that is no record, of any length.
func (d *documents) skipValue(ctx context.Context, in *input) error {
	var s scanner
	for {
		n, done := s.scan(in.bytes())
		in.skip(n)
		if done {
			return nil
		}
		if err := in.more(ctx); ended(err) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// broken makes one Reject of the rest of the file.
func (d *documents) broken(ctx context.Context, in *input) (piece, bool, error) {
	d.done = true
	where := "between the file's values"
	if len(d.stack) > 0 {
		where = "inside " + d.stack[len(d.stack)-1].String()
	}
	p, err := in.swallow(ctx, chatferry.CodeStructure, "the file breaks off its JSON "+where, everything)
	return p, true, err
}
