package chatferry

// Record is one raw record as it was cut out of its file or answer.
type Record struct {
	// Raw is the record's bytes without surrounding white space, a slice of the Page's buffer. Of a record that is too
	// long only the first MiB is kept.
	Raw    []byte
	Offset Offset

	// Fault is set by the Source when it could not cut a whole record here; Transform makes a Reject of it.
	Fault *Fault
	// Original describes the bytes as they were cut, where a rule has changed Raw since; nil: Raw is as it was cut. It is
	// what the books count, and what _raw_sha256 is of.
	Original *Original
}

// Original is what is told of a record's bytes as they were cut.
type Original struct {
	Len    int64
	SHA256 SHA256
}

// Fault says why a record became a Reject. Code is one of the Code constants; Reason is a sentence without the
// record's values, since they may be personal data.
type Fault struct {
	Code   Code
	Reason string
	// RawLen and RawSHA256 describe the whole record when Raw holds only its beginning. Otherwise they are zero.
	RawLen    int64
	RawSHA256 *[32]byte
}

// Doubt says that a file of the dump, or a range of the API, may be incomplete or damaged although its records could be
// read: a gzip member whose checksum is wrong at its end, a stream that was cut, more records of one instant than the API
// can page through. The run goes on, and ends with exit code 4.
type Doubt struct {
	File   string `json:"file"` // or the endpoint
	At     int64  `json:"at"`   // stored byte where it was noticed; of the API, the record's ordinal
	Reason string `json:"reason"`
}

// Page is a run of records of one Shard in reading order.
//
// Contract: a Source cuts Pages in a way that depends only on the source bytes and the Position where the Page begins,
// so that a Shard read again from any Page's After gives the same Pages.
type Page struct {
	Shard *Shard
	From  Position
	After Position // where reading goes on; differs from From unless the Page has no records

	// Header is the header row of the CSV file that all records of this Page come from; nil for JSON.
	Header  []byte
	Records []Record

	RawBytes    int64 // sum of the records' full lengths; counts towards the Part's cut
	StoredBytes int64 // bytes of the store consumed since the Page before, for progress
	Requests    int64 // API requests made for this Page
	ThrottledMS int64
	Doubts      []Doubt
	// Absent are the ids that the source named and then did not give: what was deleted between a list and its details.
	Absent []string

	// Free gives the Page's memory back. Transform copies what it keeps. May be nil.
	Free func()
}

// Release gives the Page's memory back to its Source. Records must not be used afterwards.
func (p *Page) Release() {
	if p.Free != nil {
		p.Free()
		p.Free = nil
	}
	p.Records = nil
}
