package settle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"chatferry/checkpoint/objectstore"
)

// objects is the Derived of a dataset in a bucket.
type objects struct{ bucket objectstore.Bucket }

// Objects keeps derived files below the root of a dataset in a bucket. Two runs at once may write one; both write the same.
func Objects(root objectstore.Bucket) Derived { return &objects{root} }

func (o *objects) name(name string) string { return keysFolder + "/" + name }

// wholeMost is how large a derived file may be to be fetched at once.
const wholeMost = 16 << 20

func (o *objects) Open(ctx context.Context, name string) (DerivedFile, error) {
	full := o.name(name)
	info, err := o.bucket.Head(ctx, full)
	if err != nil {
		return nil, o.explain("open", full, err)
	}
	f := &object{ctx: ctx, o: o, name: full, info: info}
	if info.Size > wholeMost {
		return f, nil
	}
	data, _, err := o.bucket.Get(ctx, full)
	if err != nil {
		return nil, o.explain("read", full, err)
	}
	f.info.Size, f.whole = int64(len(data)), bytes.NewReader(data)
	return f, nil
}

func (o *objects) ReadAt(ctx context.Context, name string, p []byte, at int64) error {
	full := o.name(name)
	body, info, err := o.bucket.GetRange(ctx, full, at, int64(len(p)), "")
	if err != nil {
		if found, also := o.bucket.Head(ctx, full); also == nil && at+int64(len(p)) > found.Size {
			return errDamagedKeys
		}
		return o.explain("read", full, err)
	}
	if at+int64(len(p)) > info.Size {
		err = errDamagedKeys
	} else {
		_, err = io.ReadFull(body, p)
		err = o.explain("read", full, err)
	}
	return errors.Join(err, body.Close())
}

func (o *objects) Write(ctx context.Context, name string, pieces ...[]byte) error {
	full := o.name(name)
	return o.explain("write", full, objectstore.Replace(ctx, o.bucket, full, bytes.Join(pieces, nil)))
}

func (o *objects) Remove(ctx context.Context, name string) error {
	full := o.name(name)
	return o.explain("remove", full, o.bucket.Delete(ctx, full))
}

func (o *objects) List(ctx context.Context) ([]string, error) {
	var files []string
	for info, err := range o.bucket.List(ctx, keysFolder+"/", "") {
		if err != nil {
			return nil, o.explain("list", keysFolder, err)
		}
		if name := strings.TrimPrefix(info.Name, keysFolder+"/"); !strings.Contains(name, "/") {
			files = append(files, name)
		}
	}
	return files, nil
}

func (o *objects) explain(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return objectstore.Explain(op, o.bucket.URI(name), err)
}

// object is a derived file being read, from one version of its object.
type object struct {
	ctx   context.Context
	o     *objects
	name  string
	info  objectstore.Info
	whole *bytes.Reader // nil: it is read piece by piece
}

func (f *object) ReadAt(p []byte, at int64) (int, error) {
	if f.whole != nil {
		return f.whole.ReadAt(p, at)
	}
	if at >= f.info.Size {
		return 0, io.EOF
	}
	body, _, err := f.o.bucket.GetRange(f.ctx, f.name, at, min(int64(len(p)), f.info.Size-at), f.info.ETag)
	if err != nil {
		return 0, f.o.explain("read", f.name, err)
	}
	n, err := io.ReadFull(body, p[:min(int64(len(p)), f.info.Size-at)])
	err = errors.Join(f.o.explain("read", f.name, err), body.Close())
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (f *object) Size() int64  { return f.info.Size }
func (f *object) Close() error { return nil }
