// Package repair changes the bytes of records in quarantine by rules that a person has written down, so that they can be
// converted.
//
// A file of rules is YAML, or JSON if it begins with a brace:
//
//	rules:
//	  - for: {stream: chats, code: missing_key, place: "chats/2021-*"}
//	    patch:
//	      - {op: copy, from: /session/id, path: /id}
//
// A rule changes the records that its `for` names, all of them if it has none. A record is changed by every rule that names
// it, in the order of the file, and by what a rule says in this order:
//
//	invalid_utf8: replace        each run of bytes that are not UTF-8 becomes one U+FFFD
//	text: [{old: NaN, new: "0"}] every such text becomes another
//	append: "]}"                 text that is put behind it
//	to_extra: [/visitor/notes]   the value, as it stands there, goes to _extra, and its column becomes null
//	duplicate_keys: last         of a key that an object names twice the first value stays, or the last
//	patch: [{op: add, …}]        a JSON patch (RFC 6902)
//	csv_header: "Date,Chats"     the header of a row of CSV, which is not kept with it
//
// Numbers keep their very text, and members their order. A rule that names no record, and one that cannot be applied to a
// record that it names, is an error: what a person wrote down either happens or is told.
package repair
