package transform

import "chatferry"

// kind says what JSON a member holds and which column it fills.
type kind uint8

const (
	kindString   kind = iota // string
	kindInt                  // number without fraction: int64
	kindFloat                // number: float64
	kindBool                 // true, false
	kindTime                 // string in the form of a timeForm: timestamp[us, UTC]
	kindStrings              // array of strings: list<string>
	kindInts                 // array of numbers without fraction: list<int64>
	kindJSON                 // anything: its verbatim text
	kindObject               // object whose members have columns of their own
	kindRows                 // array whose elements are rows of a child table
	kindEvidence             // anything: no column, but looked at by the Message rules; stands in _extra
)

// timeForm is the form in which a time is usually written, and in which it is therefore rebuilt from its column.
type timeForm uint8

const (
	formSeconds timeForm = iota // 2017-04-24T04:36:45Z
	formMicros                  // 2017-04-24T04:36:44.807000Z
	formEither                  // whole seconds like formSeconds, others like formMicros
	formCSV                     // 2017-04-24 04:36:45, in the zone that the header names
)

// nullMeaning says what the bare null of a column stands for.
type nullMeaning uint8

const (
	nullIsAbsent nullMeaning = iota // the member is absent
	nullIsNull                      // the member is there, and null
)

// hint tells the Parquet writer what to expect in a column.
type hint uint8

const (
	hintNone hint = iota
	hintLow       // few different values: a dictionary pays
	hintText      // free text: statistics are of no use
)

// field declares one member of a record: what it is called on the wire, and where it goes. A column's name is the
// member's, with the name of the object around it in front.
type field struct {
	name    string
	kind    kind
	form    timeForm
	nullIs  nullMeaning
	hint    hint
	naive   bool            // a time without a zone is UTC
	key     bool            // part of the record's key, so required
	twin    bool            // has a twin column NAME_upgraded for the id after the upgrade
	members []field         // of kindObject
	table   chatferry.Table // of kindRows
}

func str(name string) field     { return field{name: name, kind: kindString} }
func low(name string) field     { return field{name: name, kind: kindString, hint: hintLow} }
func text(name string) field    { return field{name: name, kind: kindString, hint: hintText} }
func integer(name string) field { return field{name: name, kind: kindInt} }
func float(name string) field   { return field{name: name, kind: kindFloat} }
func boolean(name string) field { return field{name: name, kind: kindBool} }
func strs(name string) field    { return field{name: name, kind: kindStrings} }
func ints(name string) field    { return field{name: name, kind: kindInts} }
func rawJSON(name string) field { return field{name: name, kind: kindJSON, hint: hintText} }
func seconds(name string) field { return field{name: name, kind: kindTime, form: formSeconds} }
func micros(name string) field  { return field{name: name, kind: kindTime, form: formMicros} }
func instant(name string) field { return field{name: name, kind: kindTime, form: formEither} }

func object(name string, members ...field) field {
	return field{name: name, kind: kindObject, members: members}
}

func rows(name string, table chatferry.Table) field {
	return field{name: name, kind: kindRows, table: table}
}

func evidence(name string) field { return field{name: name, kind: kindEvidence} }

// orNull declares that the member is usually there, so that a bare null means null.
func (f field) orNull() field { f.nullIs = nullIsNull; return f }

// isKey declares that the member identifies the record.
func (f field) isKey() field { f.key = true; return f }

// upgraded declares a twin column for ids that change in an upgrade.
func (f field) upgraded() field { f.twin = true; return f }

// orNaive declares that the member is sometimes written without a zone and is UTC then.
func (f field) orNaive() field { f.naive = true; return f }
