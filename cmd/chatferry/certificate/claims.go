package certificate

import "fmt"

// trial is the verdict of a run that read the first records of each Stream only.
const trial = "trial"

// claims says what is proven when a run ends, and what is not or cannot be. The sentences are part of Format: they are a
// function of the rest.
func (c *Certificate) claims() {
	c.Proven = []Claim{
		{"read-back", "every file was read again before it was committed, and held the records and values that were converted"},
		{"books", "every record that was read is loaded, in quarantine, excluded or superseded, in counts, bytes and digests, in every part and in total"},
		{"presence", "when the run ended, every file was there under its name with its size"},
	}
	proven := func(by, what string) { c.Proven = append(c.Proven, Claim{by, what}) }
	not := func(by, what string) { c.NotProven = append(c.NotProven, Claim{by, what}) }
	if c.OneRowEach {
		proven("settle", "of every key the newest version that was read is the only row; the others are in the ledger")
	}
	if c.Watermark != "" {
		proven("sweeps", "every change before the watermark that the account lists was read")
	}
	if len(c.Unavailable) == 0 && c.Verdict != trial {
		proven("source", "what was planned of every stream was read to its end")
	}

	not("verify", "that the files still are what was committed: chatferry verify reads all of them again")
	not("copy", "that no log was cut off or written anew since: a copy of this certificate that is kept elsewhere shows it")
	not("source", "that the source gave all that it had")
	if c.Source.Dump != nil {
		not("manifest", "that the dump is whole: one that was cut between two lines, gzip members or zstd frames looks so")
	}
	if len(c.Source.Accounts) > 0 && c.Watermark == "" {
		not("sweeps", "that nothing changed at the account while it was read: no watermark is claimed")
	}
	not("later", "what changed or was deleted at the source since it was read")
	not("meaning", "that every value means what the source meant; the record of the source can be rebuilt from its rows")
	if n := len(c.Doubts); n > 0 {
		not("doubts", fmt.Sprintf("that nothing is missing of the parts of the source that may be damaged or incomplete, %d in number", n))
	}
	if n := len(c.Unavailable); n > 0 {
		not("unavailable", fmt.Sprintf("anything of the streams that the source did not give, %d in number", n))
	}
	if !c.OneRowEach {
		not("settle", "that a key has one row only: the run did not settle")
	}
	if c.Verdict == trial {
		not("trial", "anything beyond the first records of each stream: it was a trial")
	}
}
