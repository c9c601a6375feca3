package dump

import "chatferry"

// wrap says what a member of a top-level object means.
type wrap int

const (
	wrapNone   wrap = iota
	wrapArray       // an array of records
	wrapMap         // an object whose members' values are records
	wrapSingle      // a record
)

// wrapOf says what the member of an API page means whose name is key and whose value begins with c.
func wrapOf(s chatferry.Stream, key []byte, c byte) wrap {
	var array, object wrap
	switch string(key) {
	case string(s):
		array = wrapArray
	case "docs":
		if s == chatferry.Chats {
			object = wrapMap
		}
	case "visitor", "ip_address":
		if s == chatferry.Bans {
			array = wrapArray
		}
	case "data":
		if s == chatferry.RoutingSettings {
			array, object = wrapArray, wrapSingle
		}
	}
	switch c {
	case '[':
		return array
	case '{':
		return object
	}
	return wrapNone
}

// ofPage reports whether an API page has a member of that name beside its records. An object with any other member is
// taken for a record, and any other member of a page for a record that is none, so that nothing is passed over unseen.
func ofPage(key []byte) bool {
	switch string(key) {
	case "count", "limit", "start_time", "start_id", "end_time", "end_id", "next_page", "next_url", "previous_page", "previous_url":
		return true
	}
	return false
}

// keyScan walks over an object's members to find out whether it is an API page or a record. It can be fed the same
// window again and again as it grows.
type keyScan struct {
	stream chatferry.Stream
	state  keyState
	at     int // bytes walked over
	key    int // where the current name begins, behind its quote
	keyEnd int
	record bool // it has a member that no page has
	value  scanner
}

type keyState int

const (
	keyOpen   keyState = iota // at the brace
	keyFirst                  // at the first name, or the end
	keyName                   // at a name
	keyInName                 // inside a name
	keyColon
	keyValue   // at a value
	keyInValue // inside a value
	keyComma   // behind a value
)

// keyVerdict is what is known about the object.
type keyVerdict int

const (
	keyMore   keyVerdict = iota // nothing yet
	keyRecord                   // it is a record, and ends at k.at
	keyPage                     // it is a page, and the value of a member that holds records begins at k.at
	keyOdd                      // it is not as JSON has it; brackets alone decide where it ends
)

func (k *keyScan) walk(b []byte) (keyVerdict, wrap) {
	for k.at < len(b) {
		c := b[k.at]
		switch k.state {
		case keyInName:
			n, done := k.value.scan(b[k.at:])
			k.at += n
			if done {
				k.keyEnd, k.state = k.at-1, keyColon
			}
			continue
		case keyInValue:
			n, done := k.value.scan(b[k.at:])
			k.at += n
			if done {
				k.state = keyComma
			}
			continue
		}
		if isWhite(c) {
			k.at++
			continue
		}
		switch k.state {
		case keyOpen:
			k.state = keyFirst
		case keyFirst, keyName:
			if c == '}' && k.state == keyFirst {
				k.at++
				return keyRecord, wrapNone
			}
			if c != '"' {
				return keyOdd, wrapNone
			}
			k.key, k.state = k.at+1, keyInName
			k.value = scanner{begun: true, inText: true}
		case keyColon:
			if c != ':' {
				return keyOdd, wrapNone
			}
			k.state = keyValue
		case keyValue:
			if !beginsValue(c) {
				return keyOdd, wrapNone
			}
			name := b[k.key:k.keyEnd]
			if w := wrapOf(k.stream, name, c); w != wrapNone && !k.record {
				return keyPage, w
			}
			k.record = k.record || !ofPage(name)
			k.state, k.value = keyInValue, scanner{}
			continue
		case keyComma:
			if c == '}' {
				k.at++
				return keyRecord, wrapNone
			}
			if c != ',' {
				return keyOdd, wrapNone
			}
			k.state = keyName
		}
		k.at++
	}
	return keyMore, wrapNone
}
