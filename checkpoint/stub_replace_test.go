package checkpoint

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"chatferry"
)

// stubReplace is a replace that the workload makes when all Shards stand at a range.
type stubReplace struct {
	at    int
	do    string // "settle" or "compact"
	keepS int64
}

const ledgerFolder = Folder + "/ledger"

// superseded marks the row that a settle took out of the rows of a range.
const supersededMark = " without 1"

// ground is what a dataset stands on: a simulated disk, or a bucket.
type ground interface {
	// Files returns what is in a folder and below it.
	Files(folder string) map[string][]byte
	// Durable returns what is left of a file, published or staged, whatever happens now.
	Durable(name string) ([]byte, bool)
}

// dataFiles returns the files that readers see.
func dataFiles(disk ground) map[string][]byte {
	files := disk.Files("tables")
	for name, data := range disk.Files(ledgerFolder) {
		files[name] = data
	}
	return files
}

// stage is how many of the workload's replaces are done.
func (p *process) stage() int {
	n := 0
	for _, r := range p.run.facts.replaces {
		if r.Done {
			n++
		}
	}
	return n
}

// replace plans a replace from the dataset as it is, stages its files, and carries it out.
func (p *process) replace(ctx context.Context, what stubReplace) error {
	d, err := Load(ctx, p.logs())
	if err != nil {
		return err
	}
	body := Replace{Generation: p.run.NextGeneration(), Reason: what.do, KeepS: what.keepS}
	plan := p.planSettle
	if what.do == "compact" {
		plan = p.planCompact
	}
	if err := plan(ctx, d, &body); err != nil {
		return err
	}
	if err := p.store.sealed(); err != nil {
		return err
	}
	if err := p.run.Replace(ctx, body); err != nil {
		return err
	}
	if p.replaced != nil {
		p.replaced(&body)
	}
	return nil
}

// add stages the k-th file of a kind and a table for a replace.
func (p *process) add(body *Replace, k int, f chatferry.PartFile, parts []PartSpan, data string) error {
	label := string(f.Table)
	f.Name = fmt.Sprintf("tables/%s/part-r%012d-%012d.parquet", f.Table, body.Generation, k)
	switch f.Kind {
	case chatferry.FileLedger:
		label, f.Name = "ledger", fmt.Sprintf("%s/r%012d-%012d.parquet", ledgerFolder, body.Generation, k)
	case chatferry.FileReplayed:
		label, f.Name = "replayed", fmt.Sprintf("%s/replayed/r%012d-%012d.ndjson.zst", Folder, body.Generation, k)
	}
	f.Staging = fmt.Sprintf("%s/r%012d.e%d.%012d.%s.%s.tmp", stagingFolder, body.Generation, p.run.Epoch(), k, label, p.nonce())
	f, err := p.store.stageAs(f, []byte(data))
	body.Add = append(body.Add, AddedFile{f, parts})
	return err
}

// planSettle supersedes the second record of the first Part of every Shard of which no record is superseded yet, and
// rewrites the files of that Part.
func (p *process) planSettle(ctx context.Context, d *Dataset, body *Replace) error {
	files, k := d.FilesOf(), 0
	for _, s := range d.Shards {
		for _, part := range s.Commits {
			id := PartID{s.Shard.ID, part.Seq}
			now, ok := d.PartBooks(id)
			if !ok || now.Superseded.N > 0 || files[id][0].Generation > 0 {
				continue
			}
			k++
			raw := stubEntry(s.Shard.ID, p.index(part.From), 1)
			var gone chatferry.Tally
			gone.Count(10, &raw)
			span := []PartSpan{{s.Shard.ID, part.Seq, part.Seq}}
			for _, old := range files[id] {
				data, err := p.read(ctx, &old)
				if err != nil {
					return err
				}
				body.Retire = append(body.Retire, old.Retire())
				f := chatferry.PartFile{Kind: chatferry.FileRows, Table: old.Table, Rows: 1}
				if old.Table == stubTables[0] {
					f.E = old.E
					f.E.Sub(gone.D)
				}
				if err := p.add(body, k, f, span, string(data)+supersededMark); err != nil {
					return err
				}
			}
			entry := fmt.Sprintf("shard %d, range %d, record 1", s.Shard.ID, p.index(part.From))
			if err := p.add(body, k, chatferry.PartFile{Kind: chatferry.FileLedger, Rows: 1, E: gone.D}, span, entry); err != nil {
				return err
			}
			body.Moves = append(body.Moves, Move{Shard: s.Shard.ID, Seq: part.Seq, From: Loaded, To: Superseded, Tally: gone})
			break
		}
	}
	return nil
}

// planCompact makes one file of all files of a table.
func (p *process) planCompact(ctx context.Context, d *Dataset, body *Replace) error {
	for _, table := range stubTables {
		var lines []string
		f := chatferry.PartFile{Kind: chatferry.FileRows, Table: table}
		var spans []PartSpan
		for _, old := range d.Inventory() {
			if old.Table != table {
				continue
			}
			data, err := p.read(ctx, &old)
			if err != nil {
				return err
			}
			lines = append(lines, string(data))
			f.Rows += old.Rows
			f.E.Merge(old.E)
			spans = append(spans, old.Parts...)
			body.Retire = append(body.Retire, old.Retire())
		}
		slices.SortFunc(spans, func(a, b PartSpan) int {
			return strings.Compare(fmt.Sprint(a.Shard, 1000+a.From), fmt.Sprint(b.Shard, 1000+b.From))
		})
		if err := p.add(body, 1, f, spans, strings.Join(lines, "\n")); err != nil {
			return err
		}
	}
	return nil
}

// rangesIn returns the ranges whose rows of a table the files hold, and how often, and of how many a row is superseded.
func rangesIn(files map[string][]byte, table chatferry.Table) (count map[string]int, marked int) {
	count = map[string]int{}
	for name, data := range files {
		if !strings.HasPrefix(name, "tables/"+string(table)+"/") {
			continue
		}
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			text, without := strings.CutSuffix(string(line), supersededMark)
			count[text]++
			if without {
				marked++
			}
		}
	}
	return count, marked
}

// supersededNow is how many records the done settles of a dataset have superseded.
func supersededNow(d *Dataset) (n int64) {
	for _, r := range d.Replaces() {
		if r.Done {
			n += int64(len(r.Moves))
		}
	}
	return n
}
