package certificate

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"chatferry"
	"chatferry/checkpoint"
)

// Rejects counts the records in quarantine by their codes.
type Rejects map[chatferry.Stream]map[chatferry.Code]int64

// Add adds n Rejects of a Stream with a code.
func (r Rejects) Add(s chatferry.Stream, c chatferry.Code, n int64) {
	if r[s] == nil {
		r[s] = map[chatferry.Code]int64{}
	}
	r[s][c] += n
}

// New makes the certificate of a dataset as a run-done left it, which [checkpoint.Dataset.AsOf] returns. Rejects are those of
// its quarantine files.
func New(d *checkpoint.Dataset, rejects Rejects) (*Certificate, error) {
	runs := d.Runs()
	if len(runs) == 0 || runs[len(runs)-1].Done == nil {
		return nil, errors.New("certify: the last run did not end")
	}
	last := &runs[len(runs)-1]
	c := &Certificate{
		Format: Format, Dataset: d.UUID(), Record: last.DoneN, Verdict: last.Done.Verdict,
		Run: Run{
			ID: last.RunID, Epoch: last.Epoch, Tool: last.Tool, Scope: map[string]string{}, Begun: last.Opened.UTC(), Ended: last.DoneAt.UTC(),
			ExitCode: last.Done.ExitCode,
		},
		OneRowEach: last.Operation["settle"] == "true" && last.Shaping["limit"] == "0",
		Watermark:  last.Done.Watermark, Heads: d.Heads(), Streams: map[chatferry.Stream]Stream{}, NotHeld: []chatferry.Stream{},
		Unavailable: map[chatferry.Stream]chatferry.Availability{}, Doubts: []Doubt{}, Tables: map[chatferry.Table]Files{},
	}
	maps.Copy(c.Run.Scope, last.Scope)
	maps.Copy(c.Unavailable, last.Done.Unavailable)
	if err := c.books(d, rejects); err != nil {
		return nil, err
	}
	c.shards(d)
	c.files(d)
	c.claims()
	return c, nil
}

// books fills in what became of every record.
func (c *Certificate) books(d *checkpoint.Dataset, rejects Rejects) error {
	books, _, err := d.Books()
	if err != nil {
		return err
	}
	for _, name := range chatferry.Streams() {
		b, ok := books[name]
		if !ok {
			if !name.Made() {
				c.NotHeld = append(c.NotHeld, name)
			}
			continue
		}
		if err := b.Close(); err != nil {
			return fmt.Errorf("certify %s: %w", name, err)
		}
		s := Stream{Books: b, QuarantinedBy: map[chatferry.Code]int64{}}
		n := int64(0)
		for code, count := range rejects[name] {
			s.QuarantinedBy[code] = count
			n += count
		}
		if n != b.Quarantined.N {
			return chatferry.Errorf(chatferry.KindDiffers, "`chatferry verify` names what is wrong",
				"certify %s: its books say that %d records are in quarantine, where there are %d", name, b.Quarantined.N, n)
		}
		c.Streams[name] = s
		c.All.Add(b)
	}
	return nil
}

// shards fills in what the logs of the Shards say about the source.
func (c *Certificate) shards(d *checkpoint.Dataset) {
	list := sha256.New()
	dump, seen := Dump{}, map[string]bool{}
	c.Source.Accounts = []string{}
	for i := range d.Shards {
		s := &d.Shards[i]
		name := s.Shard.Stream
		sum := c.Streams[name]
		sum.Shards++
		sum.Parts += s.Parts
		if s.Done {
			sum.Complete++
		}
		for _, p := range s.Commits {
			if p.Reopened {
				continue
			}
			sum.Absent += int64(len(p.Absent))
			for _, doubt := range p.Doubts {
				c.Doubts = append(c.Doubts, Doubt{name, doubt.File, doubt.At, doubt.Reason})
			}
		}
		c.Streams[name] = sum
		for _, f := range s.Shard.Files {
			line := fmt.Sprintf("%s %s %d\n", name, f.Path, f.Size)
			if seen[line] {
				continue // a big file is several Shards
			}
			seen[line] = true
			dump.Files++
			dump.Bytes += f.Size
			list.Write([]byte(line)) // never fails
		}
		if a := s.Shard.API; a != nil && !slices.Contains(c.Source.Accounts, a.Account) {
			c.Source.Accounts = append(c.Source.Accounts, a.Account)
		}
	}
	if dump.Files > 0 {
		list.Sum(dump.SHA256[:0])
		c.Source.Dump = &dump
	}
}

// files fills in what the dataset consists of.
func (c *Certificate) files(d *checkpoint.Dataset) {
	list := sha256.New()
	for _, f := range d.Inventory() {
		fmt.Fprintf(list, "%s %d %s %d\n", f.Name, f.Size, f.SHA256, f.Rows) // never fails
		c.Inventory.Files++
		c.Inventory.Bytes += f.Size
		switch f.Kind {
		case chatferry.FileLedger:
			c.Ledger.add(&f)
		case chatferry.FileQuarantine:
			c.Quarantine.add(&f)
		default:
			t := c.Tables[f.Table]
			t.add(&f)
			c.Tables[f.Table] = t
		}
	}
	list.Sum(c.Inventory.SHA256[:0])
}

func (f *Files) add(o *checkpoint.InventoryFile) {
	f.Files++
	f.Rows += o.Rows
	f.Bytes += o.Size
	f.E.Merge(o.E)
	f.V.Merge(o.V)
}
