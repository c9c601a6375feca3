package objectstore

import (
	"bytes"
	"context"
	"errors"
)

// Replace makes a small object in place of the one that has its name, if there is one, unless that holds these very bytes.
// An object that another writer replaces meanwhile is ErrChanged, or ErrConflict.
func Replace(ctx context.Context, b Bucket, name string, data []byte) error {
	_, err := b.PutIfAbsent(ctx, name, data)
	if !errors.Is(err, ErrExist) {
		return err
	}
	there, info, err := b.Get(ctx, name)
	if err == nil && !bytes.Equal(there, data) {
		_, err = b.PutIfMatch(ctx, name, data, info.ETag)
	}
	return err
}
