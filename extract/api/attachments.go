package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"chatferry"
)

// AttachmentsEndpoint is the Range.Endpoint of a Shard that lists, and perhaps fetches, the files sent in chats.
const AttachmentsEndpoint = "attachments"

// AttachmentKey names an entry of a chat's history. The zero key stands before all.
type AttachmentKey struct {
	Chat  string
	Index int64 // in the history
}

// Compare orders keys by the bytes of the chat's id, then by the index.
func (k AttachmentKey) Compare(o AttachmentKey) int {
	return cmp.Or(cmp.Compare(k.Chat, o.Chat), cmp.Compare(k.Index, o.Index))
}

// Attachment is a file that was sent in a chat, as its entry describes it. What the entry does not say is empty.
type Attachment struct {
	AttachmentKey
	URL, Name, MimeType string
	Size                *int64
}

// Files names the files that were sent in chats.
type Files interface {
	// Next returns at most n files whose keys are greater than after, the smallest ones, each once and in order; none if
	// there are no more. No chat's id is empty.
	Next(ctx context.Context, after AttachmentKey, n int) ([]Attachment, error)
}

const (
	listedPage    = 1000             // files of a Page that are listed only
	fetchedPage   = 20               // files of a Page that are fetched,
	fetchedTime   = 10 * time.Second // or as many as came in that time,
	fetchedBytes  = 4 << 20          // or whose records have so many bytes together
	filesAhead    = 1000             // files asked of Files at once
	deadAfter     = 5                // files in a row that a host did not answer for: it is not asked any more,
	deadButEach   = 50               // except for one file of so many
	mostDeadHosts = 1000             // that are remembered
)

// attachmentPlace is the place among files: the key of the last one, and how many records stand before.
type attachmentPlace struct {
	AttachmentKey
	n int64
}

func (p attachmentPlace) position() chatferry.Position {
	return join("a1", plainText(p.Chat), numeral(p.Index), numeral(p.n))
}

func parseAttachment(pos chatferry.Position) (p attachmentPlace, ok bool) {
	f, ok := parts(pos, "a1", 3)
	if !ok {
		return p, false
	}
	var ok1, ok2, ok3 bool
	p.Chat, ok1 = readText(f[0])
	p.Index, ok2 = readNumber(f[1])
	p.n, ok3 = readNumber(f[2])
	return p, ok1 && ok2 && ok3 && p.Chat != ""
}

// attachments lists files, and fetches them if it has a Fetcher.
type attachments struct {
	get   Getter
	files Files
	fetch *Fetcher // nil: they are listed
	shard *chatferry.Shard

	from  chatferry.Position
	place attachmentPlace
	ahead []Attachment
	err   error

	dead  map[string]int // by host: files in a row that it did not answer for
	spent Answer         // for looking whether the network is there, since the Page before
}

var _ chatferry.Reader = (*attachments)(nil)

// NewAttachments returns the Reader of a Shard with a record for each file of files: as its entry describes it and, if
// fetch is not nil, what became of fetching it. Whatever that is, the file is a record; only when the network is gone,
// which asking get for something tells, the Reader fails instead.
//
// A Position is a1:<chat>:<index>:<n>, the key of the last file and the number of records before it.
func NewAttachments(get Getter, files Files, fetch *Fetcher, shard *chatferry.Shard, from chatferry.Position) (chatferry.Reader, error) {
	a := &attachments{get: get, files: files, fetch: fetch, shard: shard, from: from, dead: map[string]int{}}
	if from != "" {
		var ok bool
		if a.place, ok = parseAttachment(from); !ok {
			return nil, badPosition(from, AttachmentsEndpoint)
		}
	}
	return a, nil
}

// Close implements chatferry.Reader.
func (a *attachments) Close() error {
	if a.err == nil {
		a.err = errClosed
	}
	return nil
}

// Next implements chatferry.Reader. The end of ctx leaves the Reader usable; what was fetched before is given.
func (a *attachments) Next(ctx context.Context) (*chatferry.Page, error) {
	if a.err != nil {
		return nil, a.err
	}
	p := &chatferry.Page{Shard: a.shard, From: a.from}
	err := a.fill(ctx, p)
	if err != nil && ctx.Err() == nil {
		a.err = err
	}
	if len(p.Records) == 0 {
		return nil, err
	}
	p.Requests, p.ThrottledMS = int64(a.spent.Requests), a.spent.Throttled.Milliseconds()
	a.spent = Answer{}
	p.After = a.place.position()
	a.from = p.After
	return p, nil
}

// fill puts records into a Page until it is full, or there are no more, or an error ends it.
func (a *attachments) fill(ctx context.Context, p *chatferry.Page) error {
	begun := time.Now()
	for !a.full(p, begun) {
		if err := a.look(ctx); err != nil {
			return err
		}
		if len(a.ahead) == 0 {
			return io.EOF
		}
		raw, err := a.record(ctx, p, &a.ahead[0])
		if err != nil {
			return err
		}
		p.Records = append(p.Records, chatferry.Record{Raw: raw, Offset: chatferry.Offset(a.place.n)})
		p.RawBytes += int64(len(raw))
		a.place = attachmentPlace{a.ahead[0].AttachmentKey, a.place.n + 1}
		a.ahead = a.ahead[1:]
	}
	return nil
}

func (a *attachments) full(p *chatferry.Page, begun time.Time) bool {
	n := len(p.Records)
	if a.fetch == nil {
		return n == listedPage
	}
	return n == fetchedPage || n > 0 && (p.RawBytes >= fetchedBytes || time.Since(begun) >= fetchedTime)
}

// look fills ahead.
func (a *attachments) look(ctx context.Context) error {
	if len(a.ahead) > 0 {
		return nil
	}
	files, err := a.files.Next(ctx, a.place.AttachmentKey, filesAhead)
	if err != nil {
		return fmt.Errorf("list attachments: %w", err)
	}
	after := a.place.AttachmentKey
	for _, f := range files {
		if f.Compare(after) <= 0 || f.Chat == "" || f.Index < 0 {
			return fmt.Errorf("list attachments: entry %d of chat %q was named behind entry %d of chat %q",
				f.Index, quote(f.Chat), after.Index, quote(after.Chat))
		}
		after = f.AttachmentKey
	}
	a.ahead = files
	return nil
}

// attachmentRecord is a record of the Stream; content_base64 stands before.
type attachmentRecord struct {
	ChatID   string `json:"chat_id"`
	Index    int64  `json:"index"`
	URL      string `json:"url,omitempty"`
	Name     string `json:"name,omitempty"`
	Size     *int64 `json:"size,omitempty"` // as the entry says
	MimeType string `json:"mime_type,omitempty"`
	Status   string `json:"status"`
	Reason   string `json:"reason,omitempty"`

	HTTPStatus      int    `json:"http_status,omitempty"`
	ContentType     string `json:"content_type,omitempty"`
	ContentEncoding string `json:"content_encoding,omitempty"`
	ContentLength   *int64 `json:"content_length,omitempty"`
	FetchedAt       string `json:"fetched_at,omitempty"` // or was to be
	FetchedSize     *int64 `json:"fetched_size,omitempty"`
	SHA256          string `json:"sha256,omitempty"`
}

// record makes the record of a file.
func (a *attachments) record(ctx context.Context, p *chatferry.Page, f *Attachment) ([]byte, error) {
	r := attachmentRecord{
		ChatID: f.Chat, Index: f.Index, URL: f.URL, Name: f.Name, Size: f.Size, MimeType: f.MimeType, Status: FileListed,
	}
	var begun []byte
	if a.fetch != nil {
		got, err := a.ask(ctx, f)
		if err != nil {
			return nil, err
		}
		p.StoredBytes += got.size
		r.Status, r.Reason, r.HTTPStatus = got.status, got.reason, got.http
		r.ContentType, r.ContentEncoding = got.kind, got.encoding
		r.FetchedAt = a.fetch.now().UTC().Format("2006-01-02T15:04:05Z")
		if got.length >= 0 {
			r.ContentLength = &got.length
		}
		if got.status == FileFetched {
			r.FetchedSize, r.SHA256, begun = &got.size, hex.EncodeToString(got.sum[:]), got.record
		}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(&r); err != nil {
		return nil, fmt.Errorf("describe an attachment: %w", err)
	}
	rest := bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
	if begun == nil {
		return rest, nil
	}
	return append(append(begun, `",`...), rest[1:]...), nil
}

// ask fetches a file, unless its host has not answered for those before.
func (a *attachments) ask(ctx context.Context, f *Attachment) (*fetched, error) {
	if f.URL == "" {
		return &fetched{status: FileMissing, reason: "the entry names no address", length: -1}, nil
	}
	host := hostOf(f.URL)
	if n := a.dead[host]; n >= deadAfter && n%deadButEach != 0 {
		a.dead[host]++
		return &fetched{status: FileFailed, reason: "the host answered for none of the files before", length: -1}, nil
	}
	var got *fetched
	for {
		var err error
		if got, err = a.fetch.fetch(ctx, f.URL); err != nil {
			return nil, err
		}
		if !got.unreached {
			delete(a.dead, host)
			break
		}
		if was, err := a.networkWasGone(ctx); err != nil {
			return nil, err
		} else if was {
			continue
		}
		if _, known := a.dead[host]; known || len(a.dead) < mostDeadHosts {
			a.dead[host]++
		}
		break
	}
	if got.isPage(f) {
		got.end(FileFailed, "a web page came in place of the file")
		got.record = nil
	}
	return got, nil
}

// networkWasGone asks the API for something, to tell a host that does not answer from a network that is not there. The
// API is asked until it answers; an error means that it does not, so that no file may be said to be gone.
func (a *attachments) networkWasGone(ctx context.Context) (bool, error) {
	answer, err := a.get.Get(ctx, "agents", url.Values{"limit": {"1"}}, nil)
	if refused := (*StatusError)(nil); errors.As(err, &refused) {
		return false, nil // it is an answer
	}
	if err != nil {
		return false, fmt.Errorf("look whether the network is there: %w", err)
	}
	a.spent.Requests += answer.Requests
	a.spent.Throttled += answer.Throttled
	return answer.Requests > 1, nil
}

// hostOf is the host of an address; of one that is none, nothing.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}
