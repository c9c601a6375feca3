// Package transform turns the records of a Page into Arrow rows.
//
// A record is read once, strictly (RFC 8259, UTF-8, no key twice in one object, keys by their exact letters), and goes
// straight into column buffers: one row of the Stream's own table and, for chats, one row of a child table for each
// element of history, webpath, engagements and conversions. A record that proves bad half-way is taken out of all
// columns again and becomes a Reject.
//
// # Nothing is lost
//
// From the columns and _extra of all tables of a Stream the record can be rebuilt, equal as a JSON value: numbers
// exact, the order of keys free. [Rebuilder] does it from the same declarations that fill the columns. The rules:
//
//   - Objects whose members are known are flattened one level: visitor.id is the column visitor_id. In such a column
//     null means that the member is absent.
//   - A column of the record's own members says whether its bare null means "null" or "absent" (field.nullIs). The other
//     case stands in _extra: the member itself ("rating":null), or its name in the reserved member "_absent".
//   - _extra is a JSON object that mirrors the record's nesting and holds verbatim bytes: unknown members, values that no
//     column could take, and values that were written in another form than their column's ("5" for a number, 0 for a
//     boolean, a time with another fraction or offset). What stands in _extra wins over the column. A member of a
//     record that is itself called _absent, __absent, … has one more "_" in front of its name there.
//   - An empty object that has columns of its own stands in _extra as {}; one that is not an object, verbatim.
//   - The array NAME of a child table has the column NAME_len: null where the array is absent, is not an array, or has
//     more than 131,072 elements (then it stands in _extra), otherwise the number of its rows. An element that is not
//     an object is a row of nulls whose _extra is the element.
//   - A list column is null where its array is absent; an element that does not fit is null in the list, and the whole
//     array stands in _extra.
//   - A column of JSON text holds the value's verbatim text.
//   - {"_verbatim": TEXT} in place of a value is what a rule has sent to _extra (Verbatim); the source had TEXT there.
//   - Half a surrogate pair cannot be written in UTF-8: the column has U+FFFD in its place, _extra the escaped text.
//
// Rows of CSV files follow the same idea: the cell of a known header goes into a typed column, and also into _extra, under
// its exact header, unless the column gives back its very text under the usual header.
package transform
