package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"chatferry"
)

// An account is told from others by the number that all its chats have in their ids, YYMM.<number>.<suffix>. One without
// chats is told by its key, of which only a hash is kept; one that shows neither is unknown.
const (
	accountUnknown = "unknown"
	accountByKey   = "key:"
)

// accountOfChat takes the account's number out of a chat's id; "" if the id has none.
func accountOfChat(id string) string {
	f := strings.Split(id, ".")
	if len(f) != 3 || len(f[0]) != 4 || f[2] == "" {
		return ""
	}
	if _, ok := readNumber(f[1]); !ok {
		return ""
	}
	return f[1]
}

// SameAccount returns an error of KindIncompatible that names both, unless two fingerprints can be of one account. What is
// unknown can be any, and so can an account that had no chats when the first of them was taken.
func SameAccount(dataset, here string) error {
	if dataset == here || !IsKnown(dataset) || !IsKnown(here) || strings.HasPrefix(dataset, accountByKey) != strings.HasPrefix(here, accountByKey) {
		return nil
	}
	return &chatferry.Error{
		Kind: chatferry.KindIncompatible, Op: "open account",
		Err: fmt.Errorf("the dataset was begun with account %s, but account %s answers", dataset, here),
		Hint: "give the token and place of the account that the dataset was begun with, or begin a new dataset; " +
			"if it is the same account under another number, say so with --account-moved",
	}
}

// checkChats returns an error of KindIncompatible that names the first chat with another account's number in its id. One
// without a number tells nothing, and so does an account that is not known by its number.
func checkChats(records [][]byte, here string, formerly []string) error {
	if _, ok := readNumber(here); !ok {
		return nil
	}
	for _, raw := range records {
		id := idOf(memberOf(raw, "id"))
		a := accountOfChat(id)
		if a == "" || a == here || slices.Contains(formerly, a) {
			continue
		}
		return &chatferry.Error{
			Kind: chatferry.KindIncompatible, Op: "read chats",
			Err: fmt.Errorf("account %s gives chat %s, which is of account %s", here, id, a),
			Hint: "look whether the account was merged with another one or made anew; if its chats are to be in one dataset, " +
				"run the same command again with --account-moved",
		}
	}
	return nil
}

// AccountKey is the key that a record of the Stream account holds, "" if it holds none.
func AccountKey(raw []byte) string { return textOf(memberOf(raw, "account_key")) }

// IsKnown reports whether a fingerprint tells an account from others.
func IsKnown(fingerprint string) bool { return fingerprint != "" && fingerprint != accountUnknown }

// IsKey reports whether a fingerprint was made from an account's key rather than from its chats.
func IsKey(fingerprint string) bool { return strings.HasPrefix(fingerprint, accountByKey) }

// KeyFingerprint is the fingerprint of the account that has a key.
func KeyFingerprint(key string) string {
	if key == "" {
		return accountUnknown
	}
	sum := sha256.Sum256([]byte(key))
	return accountByKey + hex.EncodeToString(sum[:8])
}

// accountByChats finds the account's number in the ids of an answer.
func accountByChats(records [][]byte) string {
	for _, raw := range records {
		if a := accountOfChat(idOf(memberOf(raw, "id"))); a != "" {
			return a
		}
	}
	return ""
}

// fingerprint finds out which account answers, at the price of one to three requests.
func fingerprint(ctx context.Context, get Getter) (string, error) {
	var records [][]byte
	_, err := get.Get(ctx, chatsExport, url.Values{"start_time": {"0"}, "limit": {"1"}, "fields": {"chats(id,update_timestamp)"}}, func(body []byte) error {
		x, err := parseExportBody[EpochSec](body, string(chatferry.Chats))
		if err == nil {
			records = x.records
		}
		return err
	})
	if _, absent := unavailable(err); absent {
		records, err = firstOfList(ctx, get)
	}
	if _, absent := unavailable(err); err != nil && !absent {
		return "", refusal(chatferry.Chats, chatsExport, err)
	}
	if a := accountByChats(records); a != "" {
		return a, nil
	}
	return keyOfAccount(ctx, get)
}

func firstOfList(ctx context.Context, get Getter) (records [][]byte, err error) {
	_, err = get.Get(ctx, chatsList, nil, func(body []byte) (err error) {
		records, _, err = readList(body)
		return err
	})
	return records, err
}

// keyOfAccount is the fingerprint of an account without chats.
func keyOfAccount(ctx context.Context, get Getter) (string, error) {
	var key string
	_, err := get.Get(ctx, "account", nil, func(body []byte) error {
		records, _, err := step{path: "account", form: formObject}.records(chatferry.Account, body)
		if err == nil && len(records) > 0 {
			key = AccountKey(records[0])
		}
		return err
	})
	if _, absent := unavailable(err); err != nil && !absent {
		return "", refusal(chatferry.Account, "account", err)
	}
	return KeyFingerprint(key), nil
}

// checkAccount compares the account that answers with that of the Shards planned so far, and returns the fingerprint to
// go on with. What it was known by formerly is not looked at.
func checkAccount(ctx context.Context, get Getter, here string, already []chatferry.Shard, formerly []string) (string, error) {
	for i := range already {
		if already[i].API == nil || slices.Contains(formerly, already[i].API.Account) {
			continue
		}
		dataset := already[i].API.Account
		if err := SameAccount(dataset, here); err != nil {
			return "", err
		}
		if !strings.HasPrefix(dataset, accountByKey) || here == dataset {
			continue
		}
		// The account had no chats then.
		key, err := keyOfAccount(ctx, get)
		if err != nil {
			return "", err
		}
		return here, SameAccount(dataset, key)
	}
	return here, nil
}
