package verify

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"chatferry"
	"chatferry/checkpoint"
)

// checkLogs holds what the logs say against each other, beyond what loading them checks.
func (v *verifier) checkLogs() error {
	for i := range v.d.Shards {
		s := &v.d.Shards[i]
		for j := range s.Commits {
			if p := &s.Commits[j]; !p.Reopened {
				v.checkCommit(s, p)
			}
		}
	}
	return v.checkRunDone()
}

// checkCommit holds the files of a Part against its books, as it was committed.
func (v *verifier) checkCommit(s *checkpoint.ShardState, p *checkpoint.PartState) {
	var rows, ledger, quarantine chatferry.Tally
	for _, f := range p.Files {
		held := chatferry.Tally{N: f.Rows, D: f.E}
		switch {
		case f.Kind == chatferry.FileLedger:
			ledger.Add(held)
		case f.Kind == chatferry.FileQuarantine:
			quarantine.Add(held)
		case f.Table == p.Stream.Parent():
			rows.Add(held)
		}
	}
	aside := p.Books.ExcludedTotal()
	aside.Add(p.Books.Superseded)
	for _, c := range []struct {
		what       string
		want, have chatferry.Tally
	}{
		{"rows", p.Books.Loaded, rows}, {"entries of the ledger", aside, ledger}, {"records in quarantine", p.Books.Quarantined, quarantine},
	} {
		if c.want.N != c.have.N || c.want.D != c.have.D {
			v.found.add(Finding{
				Kind: Books, Place: recordName(s.Shard.ID.String(), p.N), What: "the files of part " + fmt.Sprint(p.Seq) + " do not hold the " + c.what + " of its books",
				Expected: tally(c.want), Found: tally(c.have),
			})
		}
	}
}

// checkRunDone holds the sum of all logs against what the last run said when it ended.
func (v *verifier) checkRunDone() error {
	books, tables, err := v.d.Books()
	if err != nil {
		return err
	}
	for _, stream := range slices.Sorted(maps.Keys(books)) {
		if err := books[stream].Close(); err != nil {
			v.found.add(Finding{Kind: Books, Place: "stream " + string(stream), What: err.Error()})
		}
	}
	if !v.report.Ended {
		return nil
	}
	runs := v.d.Runs()
	done := runs[len(runs)-1].Done
	place := recordName(checkpoint.DatasetLog, v.d.Records())
	for _, c := range []struct {
		what       string
		want, have any
	}{{"books", done.Books, books}, {"tables", done.Tables, tables}} {
		want, err := json.Marshal(c.want)
		if err != nil {
			return err
		}
		have, err := json.Marshal(c.have)
		if err != nil {
			return err
		}
		if string(want) != string(have) {
			v.found.add(Finding{
				Kind: Books, Place: place, What: "the " + c.what + " with which the last run ended are not those of the logs", Expected: string(want), Found: string(have),
			})
		}
	}
	return nil
}

// tally spells a Tally without its bytes.
func tally(t chatferry.Tally) string { return fmt.Sprintf("%d with digest %s", t.N, t.D) }
