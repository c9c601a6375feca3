package api

import (
	"context"
	"errors"
	"fmt"
	"io"

	"chatferry"
)

// form is what an answer that holds a whole Stream looks like.
type form int

const (
	formArray  form = iota // records
	formObject             // one record
)

// step is one question to a Stream that is read in whole answers.
type step struct {
	path     string
	form     form
	wrapped  string // the member that the records stand in; "": nothing stands around them
	optional bool   // 404 means that the account has none
}

// wholePager reads a Stream in one answer for each step.
type wholePager struct {
	*reading
	steps []step
	place wholePlace
}

func openWhole(f form) func(*reading, chatferry.Position) (pager, error) {
	return func(r *reading, from chatferry.Position) (pager, error) {
		return newWhole(r, from, step{path: r.way.name, form: f})
	}
}

// openRouting reads the account's settings, and then those of its agents, which not every account has.
func openRouting(r *reading, from chatferry.Position) (pager, error) {
	return newWhole(r, from,
		step{path: "routing_settings/account", form: formObject, wrapped: "data"},
		step{path: "routing_settings/agents", form: formArray, wrapped: "data", optional: true})
}

func newWhole(r *reading, from chatferry.Position, steps ...step) (pager, error) {
	p := &wholePager{reading: r, steps: steps}
	if from == "" {
		return p, nil
	}
	var ok bool
	if p.place, ok = parseWhole(from); !ok || p.place.answer > int64(len(steps)) {
		return nil, badPosition(from, r.way.name)
	}
	return p, nil
}

func (p *wholePager) next(ctx context.Context) (*sheet, error) {
	for p.place.answer < int64(len(p.steps)) {
		q := p.steps[p.place.answer]
		var records [][]byte
		var more bool
		_, err := p.ask(ctx, q.path, nil, func(body []byte) (err error) {
			records, more, err = q.records(p.shard.Stream, body)
			return err
		})
		if why, ok := unavailable(err); ok && q.optional && why == chatferry.Missing {
			p.place.answer++
			continue
		}
		if err != nil {
			return nil, refusal(p.shard.Stream, q.path, err)
		}
		s := &sheet{records: records, n: p.place.n}
		if more {
			s.doubts = []string{"the answer says that there is another page, which no account was seen to have: some records may be missing"}
		}
		p.place.answer++
		p.place.n += int64(len(records))
		s.after = p.place.position()
		if len(records) > 0 || len(s.doubts) > 0 {
			return s, nil
		}
	}
	return nil, io.EOF
}

var errUnknownForm = errors.New("it has none of the forms that this endpoint answers with")

// records finds the records of an answer. An envelope that other versions of the API put around them is seen through
// where there is no doubt what it holds. more says that the answer speaks of another page.
func (q step) records(stream chatferry.Stream, body []byte) (records [][]byte, more bool, err error) {
	value := body[skipWhite(body, 0):]
	if len(value) == 0 {
		return nil, false, errCutShort
	}
	if value[0] == '[' {
		records, err = cutArray(value)
		return records, false, err
	}
	members, err := cutObject(value)
	if err != nil {
		return nil, false, err
	}
	more = !isNull(find(members, "next_url")) && textOf(find(members, "next_url")) != "" ||
		!isNull(find(members, "next_page")) && textOf(find(members, "next_page")) != ""
	if inner := q.inside(stream, members); inner != nil {
		if inner[0] == '[' {
			records, err = cutArray(inner)
			return records, more, err
		}
		return [][]byte{inner}, more, nil
	}
	if q.form == formObject && q.wrapped == "" {
		end, err := valueEnd(value, 0)
		return [][]byte{value[:end:end]}, false, err
	}
	return nil, false, fmt.Errorf("%w: an object without a list of %s", errUnknownForm, stream)
}

// inside finds the records, or the record, in the members of an envelope; nil if there is none.
func (q step) inside(stream chatferry.Stream, members []member) []byte {
	if q.wrapped != "" {
		if v := find(members, q.wrapped); v != nil && (v[0] == '[' || v[0] == '{') {
			return v
		}
		return nil
	}
	if q.form == formObject {
		if len(members) == 1 && (members[0].name == "data" || members[0].name == string(stream)) && members[0].value[0] == '{' {
			return members[0].value
		}
		return nil
	}
	for _, name := range []string{string(stream), "data", "clients"} {
		if v := find(members, name); v != nil && v[0] == '[' {
			return v
		}
	}
	return nil
}
