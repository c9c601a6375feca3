package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"chatferry"
)

// FormatVersion is the version of the dataset's format that this package reads and writes.
const FormatVersion = 1

// RecordKind says what a record states.
type RecordKind string

// The RecordKinds: those of the dataset log, and those of the log of a Shard.
const (
	KindRunOpen       RecordKind = "run-open"
	KindShards        RecordKind = "shards"
	KindReplace       RecordKind = "replace"
	KindReplaceDone   RecordKind = "replace-done"
	KindReplaceUndone RecordKind = "replace-undone"
	KindRemoved       RecordKind = "removed"
	KindRunDone       RecordKind = "run-done"

	KindEpochOpen RecordKind = "epoch-open"
	KindCommit    RecordKind = "commit"
	KindReopen    RecordKind = "reopen"
	KindDone      RecordKind = "done"
)

// Record is one record of a log. Exactly the body that belongs to its Kind is set; format.md describes each.
type Record struct {
	Format  int              `json:"format"`
	N       uint64           `json:"n"`
	Kind    RecordKind       `json:"kind"`
	Dataset string           `json:"dataset"` // the dataset's UUID
	Log     string           `json:"log"`     // DatasetLog, or the ShardID
	Epoch   uint64           `json:"epoch"`   // of the run that wrote it
	Nonce   string           `json:"nonce"`   // by which its writer knows it again
	Prev    chatferry.SHA256 `json:"prev"`    // of the record before; of FORMAT for record 1
	Time    time.Time        `json:"time"`    // by the writer's clock: for people, nothing depends on it

	RunOpen       *RunOpen       `json:"run_open,omitempty"`
	Shards        *ShardsAdded   `json:"shards,omitempty"`
	Replace       *Replace       `json:"replace,omitempty"`
	ReplaceDone   *ReplaceDone   `json:"replace_done,omitempty"`
	ReplaceUndone *ReplaceUndone `json:"replace_undone,omitempty"`
	Removed       *Removed       `json:"removed,omitempty"`
	RunDone       *RunDone       `json:"run_done,omitempty"`

	Commit *chatferry.Part `json:"commit,omitempty"`
	Reopen *Reopen         `json:"reopen,omitempty"`
	// Totals is the state of the Shard after this record. Every record of a Shard's log has it.
	Totals *Totals `json:"totals,omitempty"`
}

// RunOpen begins a run. It holds no secrets.
type RunOpen struct {
	RunID  string `json:"run_id"`
	Tool   string `json:"tool"`   // version of chatferry
	Source string `json:"source"` // where the records come from, for people
	Host   string `json:"host"`
	PID    int    `json:"pid"`

	// The effective configuration, every value as it would be given on the command line. Shaping settings fix the
	// dataset's names and bytes and may not change once something is committed; what Scope may become is decided by
	// whoever begins the run; Operation is free.
	Shaping   map[string]string `json:"shaping"`
	Scope     map[string]string `json:"scope"`
	Operation map[string]string `json:"operation"`
}

// ShardsAdded adds Shards to the dataset. An id is given once and never reused.
type ShardsAdded struct {
	Added []chatferry.Shard `json:"added"`
}

// RunDone ends a run in good order, whatever its exit code.
type RunDone struct {
	Watermark string `json:"watermark,omitempty"` // up to when the source was read; empty where it has no times
	ExitCode  int    `json:"exit_code"`
	Verdict   string `json:"verdict"`
	// Unavailable are the Streams that the source did not give. Their Shards are not done.
	Unavailable map[chatferry.Stream]chatferry.Availability `json:"unavailable,omitempty"`

	// Heads are the ends of the Shard logs as this run left them, of those that are not as the last run that ended left
	// them. A log that is shorter later has lost its tail.
	Heads  map[string]Head                      `json:"heads"`
	Books  map[chatferry.Stream]chatferry.Books `json:"books"`
	Tables map[chatferry.Table]TableTotals      `json:"tables"`
}

// Head is the last record of a log.
type Head struct {
	N      uint64           `json:"n"`
	SHA256 chatferry.SHA256 `json:"sha256"`
}

// Reopen takes the Parts from Seq on back: their staged files are gone and cannot be published, so their range counts
// as unread. Their files are never published again; those that were are removed.
type Reopen struct {
	Seq   uint64         `json:"seq"`
	Parts []ReopenedPart `json:"parts"`
}

// ReopenedPart is a Part that was taken back.
type ReopenedPart struct {
	Seq   uint64               `json:"seq"`
	Epoch uint64               `json:"epoch"` // that staged its files
	Files []chatferry.PartFile `json:"files"`
}

// A record ends with the SHA-256 of all its bytes before this member, so that damage shows even in the last record of
// a log, which no other record's hash covers.
const sumMember = `,"sum":"`

const sumTail = len(sumMember) + 2*sha256.Size + len("\"}\n")

func sumOf(b []byte) chatferry.SHA256 { return sha256.Sum256(b) }

// Encode returns the bytes of the record as they stand in the log: one line of JSON.
func (r *Record) Encode() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode %s record: %w", r.Kind, err)
	}
	b = b[:len(b)-1]
	sum := sha256.Sum256(b)
	b = append(b, sumMember...)
	b = hex.AppendEncode(b, sum[:])
	return append(b, "\"}\n"...), nil
}

// DecodeRecord is the reverse of Encode. It never takes bytes that Encode did not make.
func DecodeRecord(data []byte) (*Record, error) {
	if len(data) < sumTail {
		return nil, fmt.Errorf("a record is longer than %d bytes", len(data))
	}
	body, tail := data[:len(data)-sumTail], data[len(data)-sumTail:]
	sum := sha256.Sum256(body)
	want := sumMember + hex.EncodeToString(sum[:]) + "\"}\n"
	if string(tail) != want {
		return nil, errors.New("its checksum is wrong: the file is damaged or cut off")
	}
	text := append(bytes.Clone(body), '}')
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var r Record
	err := dec.Decode(&r)
	if version := versionOf(&r, text, err); version != FormatVersion {
		return nil, &newerError{fmt.Sprintf("its format version is %d, this program knows version %d", version, FormatVersion)}
	}
	if err != nil && strings.HasPrefix(err.Error(), "json: unknown field ") { // its checksum says that it is not damaged
		return nil, &newerError{strings.TrimPrefix(err.Error(), "json: ") + ", which this program does not know"}
	}
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something stands behind the record")
	}
	if err := r.complete(); err != nil {
		return nil, err
	}
	return &r, nil
}

// versionOf finds the format version of a record, also of one with members that this program does not know.
func versionOf(r *Record, text []byte, err error) int {
	if err == nil {
		return r.Format
	}
	var only struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(text, &only) != nil {
		return FormatVersion
	}
	return only.Format
}

// complete checks that the record has the body of its Kind and no other.
func (r *Record) complete() error {
	bodies := map[RecordKind]bool{
		KindRunOpen: r.RunOpen != nil, KindShards: r.Shards != nil, KindReplace: r.Replace != nil,
		KindReplaceDone: r.ReplaceDone != nil, KindReplaceUndone: r.ReplaceUndone != nil, KindRemoved: r.Removed != nil,
		KindRunDone: r.RunDone != nil,
		KindCommit:  r.Commit != nil, KindReopen: r.Reopen != nil,
	}
	ofShard := r.Kind == KindEpochOpen || r.Kind == KindCommit || r.Kind == KindReopen || r.Kind == KindDone
	if _, known := bodies[r.Kind]; !known && !ofShard {
		return &newerError{fmt.Sprintf("its kind %q is unknown", r.Kind)}
	}
	for kind, there := range bodies {
		if there != (kind == r.Kind) {
			return fmt.Errorf("a record of kind %s with the body of %s missing or out of place", r.Kind, kind)
		}
	}
	switch {
	case ofShard != (r.Totals != nil):
		return fmt.Errorf("a record of kind %s has totals missing or out of place", r.Kind)
	case ofShard == (r.Log == DatasetLog):
		return fmt.Errorf("a record of kind %s does not belong into log %q", r.Kind, r.Log)
	case r.N == 0 || r.Epoch == 0 || r.Nonce == "":
		return errors.New("its number, epoch or nonce is missing")
	}
	return nil
}

// at checks that the record stands where it belongs.
func (r *Record) at(dataset, log string, n uint64) error {
	if r.Dataset != dataset || r.Log != log || r.N != n {
		return fmt.Errorf("it is record %d of log %q of dataset %s, and stands in the wrong place", r.N, r.Log, r.Dataset)
	}
	return nil
}
