package checkpoint

import (
	"context"
	"errors"
	"strings"
	"time"

	"chatferry/checkpoint/objectstore"
)

// ObjectLogs is the LogStore in a bucket. A record is one object, put if its name is free: the store makes it whole and
// durable before it answers, so there is nothing to sync and nothing half-made to sweep.
type ObjectLogs struct {
	bucket objectstore.Bucket
}

var _ LogStore = (*ObjectLogs)(nil)

// NewObjectLogs returns the logs of the dataset whose root is the bucket.
func NewObjectLogs(bucket objectstore.Bucket) *ObjectLogs { return &ObjectLogs{bucket} }

// Create implements LogStore. The Bucket sends the request again when it is not answered, so that fs.ErrExist may come
// from this very call.
func (o *ObjectLogs) Create(ctx context.Context, name, _ string, data []byte) error {
	_, err := o.bucket.PutIfAbsent(ctx, name, data)
	return err
}

// Read implements LogStore.
func (o *ObjectLogs) Read(ctx context.Context, name string) ([]byte, error) {
	data, _, err := o.bucket.Get(ctx, name)
	return data, err
}

// List implements LogStore.
func (o *ObjectLogs) List(ctx context.Context, folder string) ([]string, error) {
	var names []string
	for info, err := range o.bucket.List(ctx, folder+"/", "") {
		if err != nil {
			return nil, err
		}
		if name := strings.TrimPrefix(info.Name, folder+"/"); !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	return names, nil
}

// Written implements LogStore.
func (o *ObjectLogs) Written(ctx context.Context, name string) (time.Time, error) {
	info, err := o.bucket.Head(ctx, name)
	if err == nil && info.Modified.IsZero() {
		err = errors.New("the store does not tell when it was made")
	}
	return info.Modified, err
}

// Sync implements LogStore.
func (*ObjectLogs) Sync(context.Context, string) error { return nil }

// Sweep implements LogStore.
func (*ObjectLogs) Sweep(context.Context, string, uint64) error { return nil }
