package main

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"chatferry"
)

// location is where records lie: a dump in a folder or a file, on this disk or in a bucket, for all Streams or for one, or
// an account of the Chat API.
type location struct {
	Stream  chatferry.Stream // empty: the place holds a folder or files for each Stream
	Path    string           // or s3://bucket/prefix
	Account string           // URI of an account; then there is no path
}

func (l location) String() string {
	if l.Account != "" {
		return l.Account
	}
	if l.Stream != "" {
		return string(l.Stream) + "=" + l.Path
	}
	return l.Path
}

// locations is the value of --from.
type locations []location

func (l *locations) Set(text string) error {
	if isAccount(text) {
		if _, err := accountRoots(text); err != nil {
			return err
		}
		*l = append(*l, location{Account: text})
		return nil
	}
	loc := location{Path: text}
	if name, path, ok := strings.Cut(text, "="); ok && isName(name) {
		stream := chatferry.Stream(name)
		if !stream.Known() {
			return fmt.Errorf("there is no stream %q; %s",
				name, sentenceOr(didYouMean(name, "", streamNames()), "for a path that holds '=', write ./"+text))
		}
		loc = location{Stream: stream, Path: path}
	}
	if isAccount(loc.Path) {
		return fmt.Errorf("%s is an account, which is read whole; name it without %s=, and the stream with --streams", redactURI(loc.Path), loc.Stream)
	}
	read := localPath
	if isS3(loc.Path) {
		read = s3Place
	}
	path, err := read(loc.Path)
	if err != nil {
		return err
	}
	loc.Path = path
	*l = append(*l, loc)
	return nil
}

// account returns the URI of the account that the locations name, or "" if they name a dump. Both together, or two
// accounts, are an error: a dataset holds one account.
func (l locations) account() (string, error) {
	for _, loc := range l {
		if loc.Account != "" && len(l) > 1 {
			return "", usage("name one account, or the places of one dump", "--from names %s and something else", loc.Account)
		}
		if loc.Account != "" {
			return loc.Account, nil
		}
	}
	return "", nil
}

func (l *locations) Clear() { *l = nil }

func (l locations) Texts() []string {
	texts := make([]string, len(l))
	for i := range l {
		texts[i] = l[i].String()
	}
	return texts
}

func (l locations) String() string { return strings.Join(l.Texts(), "\n") }

// absolute returns the locations with absolute paths, as the dataset log keeps them.
func (l locations) absolute() (locations, error) {
	out := make(locations, len(l))
	for i, loc := range l {
		if loc.Account != "" || isS3(loc.Path) {
			out[i] = loc
			continue
		}
		abs, err := filepath.Abs(loc.Path)
		if err != nil {
			return nil, fmt.Errorf("make %s absolute: %w", loc.Path, err)
		}
		out[i] = location{Stream: loc.Stream, Path: abs}
	}
	return out, nil
}

// place is the value of --to: the root of a dataset, a folder of this disk or s3://bucket/prefix.
type place string

func (p *place) Set(text string) error {
	read := localPath
	if isS3(text) {
		read = s3Place
	}
	path, err := read(text)
	if err != nil {
		return err
	}
	*p = place(path)
	return nil
}

func (p place) String() string { return string(p) }

// localPath turns a folder path or a file:// URI into a path, and refuses by name what is not on this disk.
func localPath(text string) (string, error) {
	if text == "" {
		return "", fmt.Errorf("the path is empty; name a folder")
	}
	if strings.ContainsRune(text, 0) {
		return "", fmt.Errorf("the path holds a NUL byte")
	}
	scheme, rest, ok := strings.Cut(text, ":")
	if !ok || !isName(scheme) {
		return text, nil
	}
	switch strings.ToLower(scheme) {
	case "file":
		u, err := url.Parse(text)
		if err != nil || (u.Host != "" && u.Host != "localhost") || !strings.HasPrefix(u.Path, "/") || u.RawQuery != "" || u.Fragment != "" {
			return "", fmt.Errorf("%q is not a local file URI; write file:///folder/of/the/dump", text)
		}
		return u.Path, nil
	case "s3":
		return "", fmt.Errorf("%s is in a bucket; name a folder here", redactURI(text))
	case "zendesk", "zopim", "http", "https":
		return "", fmt.Errorf("%s is an account of the Chat API; name a folder here", redactURI(text))
	}
	if strings.HasPrefix(rest, "//") {
		return "", fmt.Errorf("%s: the scheme %q is not known; name a folder", redactURI(text), scheme)
	}
	return text, nil
}

// redactURI hides what may be credentials in a URI: its user part and its query.
func redactURI(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return text
	}
	host, path, slash := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = "***@" + host[at+1:]
	}
	if slash {
		path = "/" + path
	}
	if q := strings.IndexByte(path, '?'); q >= 0 {
		path = path[:q] + "?***"
	}
	return scheme + "://" + host + path
}

// isName reports whether text looks like a stream's name or a scheme rather than like a path.
func isName(text string) bool {
	for _, r := range text {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return text != ""
}

// streamSet is the value of --streams; empty means all.
type streamSet []chatferry.Stream

func (s *streamSet) Set(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		stream := chatferry.Stream(name)
		if !stream.Known() {
			return fmt.Errorf("there is no stream %q; %s",
				name, sentenceOr(didYouMean(name, "", streamNames()), "the streams are "+strings.Join(streamNames(), ", ")))
		}
		if !s.has(stream) {
			*s = append(*s, stream)
		}
	}
	return nil
}

func (s *streamSet) Clear() { *s = nil }

func (s streamSet) Texts() []string {
	texts := make([]string, len(s))
	for i := range s {
		texts[i] = string(s[i])
	}
	return texts
}

func (s streamSet) String() string { return strings.Join(s.Texts(), ",") }

func (s streamSet) has(stream chatferry.Stream) bool {
	for _, x := range s {
		if x == stream {
			return true
		}
	}
	return false
}

func streamNames() []string { return streamSet(chatferry.Streams()).Texts() }

func sentenceOr(sentence, otherwise string) string {
	if sentence != "" {
		return sentence
	}
	return otherwise
}
