package certificate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gowebpki/jcs"

	"chatferry"
	"chatferry/checkpoint"
)

// Format is the form and meaning of a certificate.
const Format = "chatferry-certificate/1"

// Certificate is what a run-done left.
type Certificate struct {
	Format  string `json:"format"`
	Dataset string `json:"dataset"` // its UUID
	Record  uint64 `json:"record"`  // the number of the run-done in the dataset's log
	Run     Run    `json:"run"`
	Verdict string `json:"verdict"` // of the run: complete, complete-with-exceptions, trial
	// OneRowEach says that the run settled the dataset: of every key there is one row, but in reports of analytics.
	OneRowEach bool   `json:"one_row_each"`
	Source     Source `json:"source"`
	Watermark  string `json:"watermark"` // every change of the account before it was read; empty: none is claimed

	// Heads are the last records of all logs.
	Heads map[string]checkpoint.Head `json:"heads"`

	Streams map[chatferry.Stream]Stream `json:"streams"`
	All     chatferry.Books             `json:"all"`
	// NotHeld are the Streams of which nothing was planned: the source holds nothing of them, or they were not asked for.
	NotHeld     []chatferry.Stream                          `json:"not_held"`
	Unavailable map[chatferry.Stream]chatferry.Availability `json:"unavailable"` // that the source did not give
	Doubts      []Doubt                                     `json:"doubts"`

	Tables     map[chatferry.Table]Files `json:"tables"`
	Ledger     Files                     `json:"ledger"`
	Quarantine Files                     `json:"quarantine"`
	Inventory  Inventory                 `json:"inventory"`

	Proven    []Claim `json:"proven"`
	NotProven []Claim `json:"not_proven"`
}

// Run is the run that ended.
type Run struct {
	ID       string            `json:"id"`
	Epoch    uint64            `json:"epoch"` // how many runs were begun, this one included
	Tool     string            `json:"tool"`  // the version of chatferry
	Scope    map[string]string `json:"scope"` // what was asked for
	Begun    time.Time         `json:"begun"`
	Ended    time.Time         `json:"ended"`
	ExitCode int               `json:"exit_code"`
}

// Source is what the records were read from, over all runs.
type Source struct {
	// Accounts are the numbers of accounts by which their chats' ids know them, or a hash of their keys.
	Accounts []string `json:"accounts"`
	// Dump is the files of a dump, of which parts may have been read as several Shards.
	Dump *Dump `json:"dump"`
}

// Dump names the files of a dump by their number and a digest.
type Dump struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
	// SHA256 is that of the lines "stream path size\n" of all files, in the order of the Shards.
	SHA256 chatferry.SHA256 `json:"sha256"`
}

// Stream is what became of the records of a Stream.
type Stream struct {
	chatferry.Books
	QuarantinedBy map[chatferry.Code]int64 `json:"quarantined_by"`
	Shards        int64                    `json:"shards"`
	Complete      int64                    `json:"complete"` // Shards that were read to their end
	Parts         int64                    `json:"parts"`
	// Absent counts the records that the source named and then did not give: deleted meanwhile.
	Absent int64 `json:"absent"`
}

// Doubt is a part of the source of which records may be missing.
type Doubt struct {
	Stream chatferry.Stream `json:"stream"`
	File   string           `json:"file"`
	At     int64            `json:"at"`
	Reason string           `json:"reason"`
}

// Files sums up files of one kind.
type Files struct {
	Files int64            `json:"files"`
	Rows  int64            `json:"rows"`
	Bytes int64            `json:"bytes"`
	E     chatferry.Digest `json:"e"` // of their records
	V     chatferry.Digest `json:"v"` // of their values
}

// Inventory is all files of the dataset.
type Inventory struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
	// SHA256 is that of the lines "path size sha256 rows\n" of all files, sorted by path.
	SHA256 chatferry.SHA256 `json:"sha256"`
}

// Claim is something that was proven, by what, or that was not, and what would.
type Claim struct {
	By   string `json:"by"`
	What string `json:"what"`
}

// Encode returns the bytes of the certificate.
func (c *Certificate) Encode() ([]byte, error) {
	data, err := json.Marshal(c)
	if err == nil {
		data, err = jcs.Transform(data)
	}
	if err != nil {
		return nil, fmt.Errorf("encode the certificate: %w", err)
	}
	return data, nil
}

// Decode is the reverse of Encode. It takes no bytes but those that Encode makes.
func Decode(data []byte) (*Certificate, error) {
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("it is no JSON: %w", err)
	}
	if head.Format != Format {
		return nil, fmt.Errorf("its format is %q, this program knows %q", head.Format, Format)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var c Certificate
	if err := dec.Decode(&c); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something stands behind it")
	}
	again, err := c.Encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, data) {
		return nil, errors.New("it is not in the form in which certificates are written")
	}
	return &c, nil
}
