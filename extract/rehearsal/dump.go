package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"chatferry"

	"golang.org/x/sync/errgroup"
)

// DumpFile is one file of a dump.
type DumpFile struct {
	Stream  chatferry.Stream
	Path    string // relative to the dump, with forward slashes
	Bytes   int64
	Records int64
}

// Dump says what was written.
type Dump struct {
	Files []DumpFile // by path
	// Truth is what must become of the records in these files. Streams without any record are left out.
	Truth map[chatferry.Stream]*Truth
}

// Bytes sums the files' sizes.
func (d *Dump) Bytes() int64 {
	var n int64
	for _, f := range d.Files {
		n += f.Bytes
	}
	return n
}

// Records sums the files' records.
func (d *Dump) Records() int64 {
	var n int64
	for _, f := range d.Files {
		n += f.Records
	}
	return n
}

// WriteDump writes the account into a folder, which is made if it is missing. The same account and layout give the same
// bytes. A file that is there already is an error: nothing is overwritten.
func (a *Account) WriteDump(ctx context.Context, dir string, l Layout) (*Dump, error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	var (
		mu   sync.Mutex
		dump = &Dump{Truth: map[chatferry.Stream]*Truth{}}
	)
	for _, job := range a.jobs(l) {
		g.Go(func() error {
			job.dir, job.layout, job.truth = dir, l, NewTruth()
			if err := job.run(ctx); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			dump.Files = append(dump.Files, job.files...)
			if job.truth.Read == 0 {
				return nil
			}
			if t := dump.Truth[job.stream]; t != nil {
				t.Add(job.truth)
			} else {
				dump.Truth[job.stream] = job.truth
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(dump.Files, func(x, y DumpFile) int { return cmp.Compare(x.Path, y.Path) })
	return dump, nil
}

// job writes the files of a Stream, or one file of its chats.
type job struct {
	stream  chatferry.Stream
	records iter.Seq[Record]
	name    string // of the file, if there is only one
	split   Split  // else

	dir    string
	layout Layout
	out    *dumpFile
	files  []DumpFile
	truth  *Truth
}

func (a *Account) jobs(l Layout) []*job {
	var jobs []*job
	for _, s := range chatferry.Given() {
		split := l.Split(s)
		if s != chatferry.Chats || split == (Split{}) {
			jobs = append(jobs, &job{stream: s, records: a.Records(s), split: split})
			continue
		}
		runs := a.calendar.months()
		if !split.Months {
			runs = nil
			for from := int64(0); from < a.o.Chats; from += split.Records {
				runs = append(runs, run{name: number(from / split.Records), from: from, to: min(a.o.Chats, from+split.Records)})
			}
		}
		for _, r := range runs {
			jobs = append(jobs, &job{stream: s, records: a.chats(r), name: r.name})
		}
	}
	return jobs
}

// number names the files of a Stream that is split by records, from 1.
func number(k int64) string { return fmt.Sprintf("%06d", k+1) }

// run writes all records.
func (j *job) run(ctx context.Context) (err error) {
	defer func() {
		if j.out != nil {
			err = errors.Join(err, j.out.close())
		}
	}()
	n, header, latest, suffix := int64(0), "", "", ""
	for r := range j.records {
		if n%512 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name := j.name
		switch {
		case name != "":
		case j.split.Months && r.Time != 0:
			// What was made around midnight is not quite in order; a file that was ended stays so.
			latest = max(latest, month(r.Time))
			name = latest
		case j.split.Records > 0:
			name = number(n / j.split.Records)
		default:
			name = number(0)
		}
		if string(r.Header) != header {
			header = string(r.Header)
			if n > 0 {
				suffix = "-other-header"
			}
		}
		if err := j.file(name+suffix, r.Header); err != nil {
			return err
		}
		written, err := j.out.write(&r)
		if err != nil {
			return j.failed(err)
		}
		if written {
			j.truth.Count(j.stream, &r)
		}
		n++
	}
	return j.finish()
}

// file opens the file of that name, if it is not the open one.
func (j *job) file(name string, header []byte) error {
	if j.out != nil && j.out.name == name {
		return nil
	}
	if err := j.finish(); err != nil {
		return err
	}
	form := j.layout.Form(j.stream, name)
	path := string(j.stream) + "/" + stem(j.stream) + name + form.extension(j.stream)
	full := filepath.Join(j.dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		return chatferry.Errorf(chatferry.KindEnvironment, "name a folder that can be written to", "make the folder of a dump: %w", err)
	}
	f, err := os.OpenFile(full, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return chatferry.Errorf(chatferry.KindUsage, "name a new or empty folder", "write a dump: %w", err)
	} else if err != nil {
		return chatferry.Errorf(chatferry.KindEnvironment, "name a folder that can be written to", "write a dump: %w", err)
	}
	j.out = newDumpFile(j.stream, name, form, f, header)
	j.files = append(j.files, DumpFile{Stream: j.stream, Path: path})
	return nil
}

// finish ends the open file.
func (j *job) finish() error {
	out := j.out
	if out == nil {
		return nil
	}
	j.out = nil
	err := errors.Join(out.finish(), out.close())
	if err != nil {
		return j.failed(err)
	}
	j.files[len(j.files)-1].Bytes, j.files[len(j.files)-1].Records = out.stored.n, out.records
	return nil
}

// failed says which file could not be written.
func (j *job) failed(err error) error {
	return chatferry.Errorf(chatferry.KindEnvironment, "make room on the disk, and name a new folder", "write %s: %w", j.files[len(j.files)-1].Path, err)
}
