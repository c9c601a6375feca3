package dump

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"chatferry"
)

// Completeness says whether a file is known to hold all that it should.
type Completeness string

// CompletenessUnknown is what can be said of a file of a dump that comes without a list of its files: a file that was cut
// at the end of a line, of a gzip member or of a zstd frame looks complete.
const CompletenessUnknown Completeness = "unknown"

// Found is a file that a dump holds for a Stream.
type Found struct {
	Stream chatferry.Stream
	chatferry.File
	Completeness Completeness
}

// Listing is what was found in a dump.
type Listing struct {
	Files   []Found // in Stream order, then by the bytes of the path
	Ignored []Ignored

	stores map[chatferry.Stream]Store
	scope  []chatferry.Stream // after Only; nil: all
}

// List looks for the files of a dump. A place is a folder, with a folder or files for each Stream, or with dumps by date: a
// folder named after a date holds a dump of its own. It may also be a file whose name tells its Stream, or stream=path, which
// takes a Stream from a folder or file of its own, whatever it is called, and overrides what other places hold of it.
// All files of a Stream come from one place. open opens the path of a place: [OpenLocal].
func List(ctx context.Context, places []string, open func(path string) (Store, error)) (*Listing, error) {
	l := &Listing{stores: map[chatferry.Stream]Store{}}
	var general []string
	own := map[chatferry.Stream]string{}
	for _, p := range places {
		stream, at, err := splitPlace(p)
		if err != nil {
			return nil, err
		}
		if stream == "" {
			general = append(general, at)
			continue
		}
		if first, twice := own[stream]; twice {
			return nil, chatferry.Errorf(chatferry.KindUsage, "put the files into one folder, or name one place",
				"%s are to come from two places, %s and %s", stream, first, at)
		}
		own[stream] = at
	}
	for _, stream := range slices.Sorted(maps.Keys(own)) {
		if err := l.addOwn(ctx, stream, own[stream], open); err != nil {
			return nil, err
		}
	}
	for _, p := range general {
		if err := l.addGeneral(ctx, p, own, open); err != nil {
			return nil, err
		}
	}
	if len(l.Files) == 0 {
		return nil, l.nothing(places)
	}
	order := map[chatferry.Stream]int{}
	for i, s := range chatferry.Streams() {
		order[s] = i
	}
	slices.SortFunc(l.Files, func(a, b Found) int {
		return cmp.Or(cmp.Compare(order[a.Stream], order[b.Stream]), cmp.Compare(a.Path, b.Path))
	})
	slices.SortFunc(l.Ignored, func(a, b Ignored) int { return cmp.Compare(a.Path, b.Path) })
	return l, l.check(ctx)
}

// Only leaves out the files of other Streams; Plan then asks nothing about the Shards of those.
func (l *Listing) Only(streams ...chatferry.Stream) *Listing {
	only := &Listing{Ignored: l.Ignored, stores: map[chatferry.Stream]Store{}, scope: append([]chatferry.Stream{}, streams...)}
	for _, s := range streams {
		if store, ok := l.stores[s]; ok {
			only.stores[s] = store
		}
	}
	for _, f := range l.Files {
		if slices.Contains(streams, f.Stream) {
			only.Files = append(only.Files, f)
		}
	}
	return only
}

// Open opens a file of a Stream at a stored byte, as it is stored. The file must be as f says.
func (l *Listing) Open(ctx context.Context, stream chatferry.Stream, f chatferry.File, from int64) (io.ReadCloser, error) {
	store, ok := l.stores[stream]
	if !ok {
		return nil, noFiles(stream)
	}
	obj, err := store.Open(ctx, f, from)
	if err != nil {
		return nil, err
	}
	return &storedReader{newStoredFile(obj, f, from)}, nil
}

// storedReader is a file as it was listed.
type storedReader struct{ *storedFile }

// Close implements io.Closer.
func (r *storedReader) Close() error {
	return errors.Join(r.obj.Unchanged(), r.obj.Close())
}

// Bytes returns the stored size of all files.
func (l *Listing) Bytes() int64 {
	var n int64
	for _, f := range l.Files {
		n += f.Size
	}
	return n
}

// splitPlace splits stream=path. A path may hold an equals sign itself, so only the name of a Stream before the first
// one counts; what looks like such a name and is none is an error rather than a path.
func splitPlace(p string) (chatferry.Stream, string, error) {
	if p == "" {
		return "", "", chatferry.Errorf(chatferry.KindUsage, "name the folder that holds the dump", "the place of the dump is empty")
	}
	name, at, found := strings.Cut(p, "=")
	s := chatferry.Stream(name)
	if !found || !dumped(s) {
		if found && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") == "" {
			return "", "", chatferry.Errorf(chatferry.KindUsage, "put ./ in front if it is a file; the Streams are "+streamNames(),
				"%q is not the name of a Stream that a dump holds", name)
		}
		return "", p, nil
	}
	if at == "" {
		return "", "", chatferry.Errorf(chatferry.KindUsage, "write "+name+"=PATH", "%q names no path", p)
	}
	return s, at, nil
}

func streamNames() string {
	var names []string
	for _, s := range chatferry.Given() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

func (l *Listing) addOwn(ctx context.Context, stream chatferry.Stream, at string, open func(string) (Store, error)) error {
	store, err := open(at)
	if err != nil {
		return err
	}
	files, ignored, err := store.List(ctx, func(string) bool { return true })
	if err != nil {
		return err
	}
	l.Ignored = append(l.Ignored, ignored...)
	named := len(files) == 1 && files[0].Path == path.Base(at) // the place is this very file, whatever it is called
	for _, f := range files {
		if why := unreadable(stream, f.Path); why != "" && !named {
			l.Ignored = append(l.Ignored, Ignored{f.Path, why})
			continue
		}
		if err := l.take(stream, store, f); err != nil {
			return err
		}
	}
	return nil
}

func (l *Listing) addGeneral(ctx context.Context, at string, own map[chatferry.Stream]string, open func(string) (Store, error)) error {
	store, err := open(at)
	if err != nil {
		return err
	}
	pass := func(name, why string) { l.Ignored = append(l.Ignored, Ignored{name, why}) }
	files, ignored, err := store.List(ctx, func(folder string) bool {
		name := undated(folder)
		if name == "" || strings.Contains(name, "/") || name == analyticsFolder {
			return true
		}
		s, ok := streamOfFolder(name)
		if !ok {
			pass(folder, "a folder that is not named after a Stream or a date")
		} else if _, ok = own[s]; !ok {
			return true
		} else {
			pass(folder, "another place was named for "+string(s))
		}
		return false
	})
	if err != nil {
		return err
	}
	l.Ignored = append(l.Ignored, ignored...)
	for _, f := range files {
		name := undated(f.Path)
		top, _, below := strings.Cut(name, "/")
		var s chatferry.Stream
		ok := false
		if below && top != analyticsFolder {
			s, ok = streamOfFolder(top)
		} else {
			s, ok = streamOfFile(name)
		}
		if !ok {
			pass(f.Path, "its name does not begin with the name of a Stream")
			continue
		}
		if _, elsewhere := own[s]; elsewhere {
			pass(f.Path, "another place was named for "+string(s))
			continue
		}
		if why := unreadable(s, f.Path); why != "" {
			pass(f.Path, why)
			continue
		}
		if err := l.take(s, store, f); err != nil {
			return err
		}
	}
	return nil
}

func (l *Listing) take(s chatferry.Stream, store Store, f chatferry.File) error {
	if !utf8.ValidString(f.Path) {
		return chatferry.Errorf(chatferry.KindUsage, "rename it", "the name of the dump file %s is not UTF-8, so it cannot be recorded", strconv.Quote(f.Path))
	}
	if first := l.stores[s]; first != nil && first != store {
		return chatferry.Errorf(chatferry.KindUsage, "name one place for it: "+string(s)+"=PATH",
			"%s are found in two places, %s and %s", s, first.Place(), store.Place())
	}
	l.stores[s] = store
	l.Files = append(l.Files, Found{Stream: s, File: f, Completeness: CompletenessUnknown})
	return nil
}

// opensAtOnce is how many files are opened side by side to see whether they can be read; a distant store takes its time
// for each.
const opensAtOnce = 16

// check opens every file once, so that one that cannot be read is known before the run begins.
func (l *Listing) check(ctx context.Context) error {
	g, joint := errgroup.WithContext(ctx)
	g.SetLimit(opensAtOnce)
	for _, f := range l.Files {
		if joint.Err() != nil {
			break
		}
		g.Go(func() error {
			o, err := l.stores[f.Stream].Open(joint, f.File, 0)
			if err != nil {
				return err
			}
			if err := o.Close(); err != nil {
				return environment("close", f.Path, err, "check the disk")
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

func (l *Listing) nothing(places []string) error {
	hint := "expected are folders or files named after Streams, such as chats/2021-03.ndjson.gz, agents.json or login_sessions_2021.csv, also below folders named after dates, or stream=PATH"
	for _, p := range places {
		if s, ok := streamOfFolder(path.Base(p)); ok {
			hint = fmt.Sprintf("if the folder itself holds %s, write %s=%s", s, s, p)
		}
	}
	err := fmt.Errorf("no records of any Stream were found among %d files and folders", len(l.Ignored))
	if len(places) == 0 {
		err = errors.New("no place was named")
	}
	return &chatferry.Error{Kind: chatferry.KindUsage, Op: "list dump", Place: strings.Join(places, " "), Err: err, Hint: hint}
}
