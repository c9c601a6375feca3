package repair

import (
	"bytes"
	"errors"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"chatferry"
	"chatferry/transform"
)

// Apply returns the bytes of a record as the rules change them, and the header of its CSV file; nil: no rule names one. An
// error names the rule, and what of it could not be done.
func (r *Rules) Apply(reject *chatferry.Reject) (raw, header []byte, err error) {
	raw = reject.Raw
	for i := range r.rules {
		one := &r.rules[i]
		if !one.matches(reject) {
			continue
		}
		one.used = true
		if raw, err = one.apply(raw); err != nil {
			return nil, nil, fmt.Errorf("%s, at %s: %w", one.name(), reject.Place, err)
		}
		if one.CSVHeader != "" {
			header = []byte(one.CSVHeader)
		}
	}
	return raw, header, nil
}

func (r *rule) apply(raw []byte) (_ []byte, err error) {
	if r.InvalidUTF8 != "" {
		raw = bytes.ToValidUTF8(raw, []byte("\ufffd"))
	}
	for _, t := range r.Replace {
		if !bytes.Contains(raw, []byte(t.Old)) {
			return nil, fmt.Errorf("the record does not hold the text %q", t.Old)
		}
		raw = bytes.ReplaceAll(raw, []byte(t.Old), []byte(t.New))
	}
	if r.Append != "" {
		raw = append(bytes.Clone(raw), r.Append...)
	}
	for _, pointer := range r.ToExtra {
		if raw, err = transform.Verbatim(raw, pointer); err != nil {
			return nil, fmt.Errorf("to_extra: %w", err)
		}
	}
	if r.DuplicateKeys != "" {
		if raw, err = transform.Unique(raw, r.DuplicateKeys == "last"); err != nil {
			return nil, fmt.Errorf("duplicate_keys: %w", err)
		}
	}
	if len(r.patch) > 0 {
		if raw, err = r.patched(raw); err != nil {
			return nil, fmt.Errorf("patch: %w", err)
		}
	}
	return raw, nil
}

// patched applies the patch. The library keeps numbers as they are written and members in order; what it would not keep,
// CheckNames refuses.
func (r *rule) patched(raw []byte) ([]byte, error) {
	if err := transform.CheckNames(raw); err != nil {
		return nil, err
	}
	o := jsonpatch.NewApplyOptions()
	o.EscapeHTML = false
	o.SupportNegativeIndices = false
	out, err := r.patch.ApplyWithOptions(raw, o)
	if errors.Is(err, jsonpatch.ErrTestFailed) {
		return nil, errors.New("a test of it fails, so that it is for other records")
	}
	return out, err
}
