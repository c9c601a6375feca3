package main

import (
	"fmt"

	"chatferry"
	"chatferry/checkpoint"
)

// closeBooks returns an error of KindDiffers unless every Stream's books close and agree with the rows of its table.
func closeBooks(d *checkpoint.Dataset) error {
	books, tables, err := d.Books()
	if err != nil {
		return err
	}
	for _, stream := range chatferry.Streams() {
		b, ok := books[stream]
		if !ok {
			continue
		}
		if err := b.Close(); err != nil {
			return fmt.Errorf("%s: %w", stream, err)
		}
		if rows := tables[stream.Parent()].Rows; rows != b.Loaded.N {
			return chatferry.Errorf(chatferry.KindDiffers, "keep the dataset as it is and report this",
				"the books of %s say that %d records were loaded, but the files of its table hold %d rows", stream, b.Loaded.N, rows)
		}
	}
	return nil
}

// exceptions are what a person should look at, of all that was carried since a run last came to its end: an import that
// was killed and resumed answers for the records that it put aside before it was killed.
type exceptions struct{ quarantined, doubts int64 }

func sinceDone(d *checkpoint.Dataset) exceptions {
	from := uint64(0)
	for _, r := range d.Runs() {
		if r.Done != nil {
			from = r.Epoch
		}
	}
	var e exceptions
	for _, s := range d.Shards {
		for _, p := range s.Commits {
			if !p.Reopened && p.Epoch > from {
				e.quarantined += p.Books.Quarantined.N
				e.doubts += int64(len(p.Doubts))
			}
		}
	}
	return e
}
