package identity

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"chatferry"
	"chatferry/extract/api"
)

// Ask asks the upgraded account for its agents and departments.
func Ask(ctx context.Context, account api.Getter) (*Upgraded, error) {
	kind, err := api.KindOf(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("look at the upgraded account: %w", err)
	}
	if kind == api.KindLegacy {
		return nil, chatferry.Errorf(chatferry.KindUsage, "name the account as it is since the upgrade, or wait until it is upgraded",
			"the account of --upgraded is a legacy one: its departments belong to no groups of Support")
	}
	u := &Upgraded{members: map[chatferry.Stream][]Member{}}
	source := api.NewSource(account, api.SourceOptions{})
	for _, of := range Of() {
		members, err := askFor(ctx, source, of)
		if err != nil {
			return nil, fmt.Errorf("read %s of the upgraded account: %w", of, err)
		}
		u.members[of] = members
	}
	return u, nil
}

func askFor(ctx context.Context, source *api.Source, of chatferry.Stream) ([]Member, error) {
	r, err := source.Open(ctx, &chatferry.Shard{Stream: of, API: &chatferry.Range{Endpoint: string(of)}}, "")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out := []Member{} // an account without any says so
	for {
		page, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range page.Records {
			m, err := memberOf(page.Records[i].Raw, of)
			if err != nil {
				page.Release()
				return nil, fmt.Errorf("record %d: %w", len(out)+1, err)
			}
			out = append(out, m)
		}
		page.Release()
	}
}

// memberOf reads a record of the upgraded account.
func memberOf(raw []byte, of chatferry.Stream) (m Member, err error) {
	var record struct {
		ID          json.Number `json:"id"`
		Email       string      `json:"email"`
		DisplayName string      `json:"display_name"`
		Name        string      `json:"name"`
		Roles       struct {
			Owner any `json:"owner"`
		} `json:"roles"`
		Settings struct {
			Group json.Number `json:"support_group_id"`
		} `json:"settings"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&record); err != nil {
		return m, err
	}
	m.ID, err = cmp.Or(record.Settings.Group, record.ID).Int64()
	if err != nil || m.ID <= 0 {
		return m, fmt.Errorf("its id %q is none", cmp.Or(record.Settings.Group, record.ID))
	}
	if of == chatferry.Departments {
		m.Key = record.Name
		return m, nil
	}
	m.Key, m.Name = fold(record.Email), record.DisplayName
	m.Owner = record.Roles.Owner == true || record.Roles.Owner == float64(1)
	return m, nil
}
