package chatferry

import (
	"fmt"
	"time"
)

// ShardID is given once in a dataset, never reused, and fixes the names of the Shard's log and files.
type ShardID uint64

// String is the padded form used in file names.
func (id ShardID) String() string { return fmt.Sprintf("%012d", uint64(id)) }

// Position says where to resume inside a Shard. Only the Source that made it can read it; everybody else compares it
// for equality and prints it. The empty Position is the Shard's beginning.
type Position string

// File is one file of a dump as it was listed. A run that finds another size, time or ETag refuses to go on.
type File struct {
	Path    string    `json:"path"` // relative to the place of its Stream's dump, with forward slashes
	Size    int64     `json:"size"` // stored bytes
	ModTime time.Time `json:"mtime,omitzero"`
	ETag    string    `json:"etag,omitempty"`
}

// Shard is an independent slice of a Stream. It is written into the dataset log when it is planned and never changes.
// Shards of one Stream are ordered by ID: of two rows with one key and one version, that of the later Shard is newer.
type Shard struct {
	ID     ShardID `json:"id"`
	Stream Stream  `json:"stream"`
	Bytes  int64   `json:"bytes"` // stored bytes it covers, for progress

	// A dump Shard: a run of whole files in path order, or [From, To) of one plain file, cut at line ends by its reader.
	Files []File `json:"files,omitempty"`
	From  int64  `json:"from,omitempty"`
	To    int64  `json:"to,omitempty"` // 0: to the end of the last file

	// An API Shard: what is read of one endpoint of the account.
	API *Range `json:"api,omitempty"`
}

// Range is what an API Shard covers: the records of one endpoint that were last changed in [Since, Until). A pass covers
// a Stream without gaps: the first one by windows side by side, each later one (a sweep, an incremental run) by one Shard
// that reads on to the Stream's proven end.
type Range struct {
	Endpoint string    `json:"endpoint"`          // how it is read, and its path below the API's root: "incremental/chats"
	Account  string    `json:"account"`           // fingerprint of the account; a Source of another one refuses the Shard
	Pass     int       `json:"pass"`              // 0, 1, … inside the Stream
	Since    time.Time `json:"since,omitzero"`    // zero: from the Stream's beginning
	Until    time.Time `json:"until,omitzero"`    // zero: to the Stream's proven end
	Begun    time.Time `json:"begun"`             // the server's time when the Shard was planned
	Records  int64     `json:"records,omitempty"` // about how many there are, for progress; 0: not known
}

// An Offset numbers a record inside its Shard and orders records in reading order. For a dump it is the ordinal of the
// file in Shard.Files times 2^40 plus the record's first byte in that file, uncompressed; for the API it is the record's
// ordinal in its Shard. It is the value of the column _source_offset.
type Offset int64

const offsetBits = 40

// FileOffset makes the Offset of the record that begins at byte `at` of the file with the given ordinal.
func FileOffset(file int, at int64) Offset { return Offset(int64(file)<<offsetBits | at) }

// Split is the reverse of FileOffset.
func (o Offset) Split() (file int, at int64) {
	return int(o >> offsetBits), int64(o) & (1<<offsetBits - 1)
}

// Place names a record for a person: "chats/2021-03.ndjson.gz:81920", the byte counted in the uncompressed file, or
// "incremental/chats#4711", the record counted in its Shard.
func (s *Shard) Place(o Offset) string {
	if s.API != nil {
		return fmt.Sprintf("%s#%d", s.API.Endpoint, int64(o))
	}
	file, at := o.Split()
	if file < len(s.Files) {
		return fmt.Sprintf("%s:%d", s.Files[file].Path, at)
	}
	return fmt.Sprintf("shard %s:%d", s.ID, int64(o))
}
