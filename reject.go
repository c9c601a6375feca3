package chatferry

// Code is the machine-readable reason of a Reject. Codes are documented API: they are never renamed.
type Code string

// The Codes.
const (
	CodeSyntax       Code = "syntax"           // not a JSON value, or something stands behind it
	CodeTruncated    Code = "truncated"        // the file ends inside the record
	CodeUTF8         Code = "invalid_utf8"     // a byte sequence that is not UTF-8
	CodeDuplicateKey Code = "duplicate_key"    // one object has one key twice
	CodeDepth        Code = "too_deep"         // nested deeper than the limit
	CodeTooLong      Code = "too_long"         // longer than the record limit
	CodeNotObject    Code = "not_an_object"    // a JSON value, but not an object
	CodeMissingKey   Code = "missing_key"      // the field that identifies the record is absent, null or empty
	CodeKeyType      Code = "key_type"         // the field that identifies the record has a wrong type
	CodeStructure    Code = "broken_structure" // the array or page around the records is broken; the rest of the file
	CodeCSVRow       Code = "csv_row"          // a row that does not fit its header, or broken quoting
	CodeSuspect      Code = "message_suspect"  // a chat that may be a Zendesk Message conversation, with --message-suspects quarantine
	CodeCSVHeader    Code = "csv_header"       // a header that is missing or names a column twice
)

// Codes lists every Code with a sentence that explains it to a person.
var Codes = map[Code]string{
	CodeSyntax:       "is not valid JSON",
	CodeTruncated:    "is cut off at the end of its file",
	CodeUTF8:         "holds bytes that are not UTF-8",
	CodeDuplicateKey: "names one key twice in one object, so its meaning is not sure",
	CodeDepth:        "is nested deeper than any record of the API",
	CodeTooLong:      "is longer than the record limit; its first MiB is kept",
	CodeNotObject:    "is valid JSON, but not an object",
	CodeMissingKey:   "lacks the field that identifies it",
	CodeKeyType:      "has an identifying field of a wrong type",
	CodeStructure:    "stands behind a break in the array or page around it",
	CodeCSVRow:       "does not fit the header of its CSV file",
	CodeSuspect:      "may be a Zendesk Message conversation, which --message-suspects quarantine leaves to a person",
	CodeCSVHeader:    "stands under a CSV header that is missing or ambiguous",
}

// Reject is a record that could not be converted, with its very bytes, as it is kept in quarantine.
type Reject struct {
	Stream    Stream  `json:"stream"`
	Shard     ShardID `json:"shard"`
	Seq       uint64  `json:"seq"`
	Offset    Offset  `json:"offset"`
	Place     string  `json:"place"`
	Code      Code    `json:"code"`
	Reason    string  `json:"reason"`
	RawLen    int64   `json:"raw_len"`    // of the whole record
	RawSHA256 SHA256  `json:"raw_sha256"` // of the whole record
	Raw       []byte  `json:"raw_b64"`    // the first MiB of it; empty where the Stream holds secrets
}

// Disposition says why a record that was read is neither a row nor a Reject.
type Disposition string

// The Dispositions.
const (
	Excluded   Disposition = "excluded"   // by a rule, on evidence
	Superseded Disposition = "superseded" // a newer version of the same key is committed
)

// LedgerEntry accounts for a record that is neither a row nor a Reject. It holds no content of the record.
type LedgerEntry struct {
	Stream      Stream
	Key         string
	Version     int64 // microseconds since 1970; 0 = the record has none
	RawSHA256   SHA256
	RawLen      int64
	Offset      Offset
	Disposition Disposition
	Reason      string // for example "message:facebook"
}
