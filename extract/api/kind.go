package api

import (
	"context"

	"chatferry"
)

// The kinds of account that its departments tell apart.
const (
	KindLegacy   = "legacy"
	KindUpgraded = "upgraded" // each department is a group of the unified account, and says which
)

// KindOf finds out whether the account is upgraded, at the price of one request. It is "" where its departments tell
// nothing: there are none, or they are not given.
func KindOf(ctx context.Context, get Getter) (kind string, err error) {
	_, err = get.Get(ctx, "departments", nil, func(body []byte) error {
		kind = ""
		records, _, err := step{path: "departments", form: formArray}.records(chatferry.Departments, body)
		for _, raw := range records {
			if kind = KindLegacy; !isNull(memberOf(memberOf(raw, "settings"), "support_group_id")) {
				kind = KindUpgraded
				break
			}
		}
		return err
	})
	if _, absent := unavailable(err); err != nil && !absent {
		return "", refusal(chatferry.Departments, "departments", err)
	}
	return kind, nil
}
