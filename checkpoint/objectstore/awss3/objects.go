package awss3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"chatferry/checkpoint/objectstore"
)

// PutIfAbsent implements objectstore.Bucket.
func (b *Bucket) PutIfAbsent(ctx context.Context, name string, data []byte) (string, error) {
	in := &s3.PutObjectInput{IfNoneMatch: aws.String("*")}
	if b.o.SingleWriter {
		in.IfNoneMatch = nil
		if err := b.mustBeFree(ctx, name); err != nil {
			return "", err
		}
	}
	return b.put(ctx, call{"PutObject", true, objectstore.ErrExist}, name, data, in)
}

// PutIfMatch implements objectstore.Bucket.
func (b *Bucket) PutIfMatch(ctx context.Context, name string, data []byte, etag string) (string, error) {
	c := call{"PutObject", true, objectstore.ErrChanged}
	in := &s3.PutObjectInput{IfMatch: &etag}
	if b.o.SingleWriter {
		in.IfMatch = nil
		info, err := b.Head(ctx, name)
		if err != nil {
			return "", err
		}
		if info.ETag != etag {
			return "", &objectstore.Error{Op: c.op, Place: b.URI(name), Means: []error{objectstore.ErrChanged}}
		}
	}
	return b.put(ctx, c, name, data, in)
}

// mustBeFree looks whether a name is taken.
func (b *Bucket) mustBeFree(ctx context.Context, name string) error {
	_, err := b.Head(ctx, name)
	switch {
	case err == nil:
		return &objectstore.Error{Op: "HeadObject", Place: b.URI(name), Means: []error{objectstore.ErrExist}}
	case errors.Is(err, objectstore.ErrNotExist):
		return nil
	}
	return err
}

func (b *Bucket) put(ctx context.Context, c call, name string, data []byte, in *s3.PutObjectInput) (string, error) {
	sum := sha256.Sum256(data)
	in.Bucket, in.Key = &b.o.Bucket, aws.String(b.key(name))
	in.Body, in.ContentLength = bytes.NewReader(data), aws.Int64(int64(len(data)))
	in.ChecksumSHA256 = spellSum(sum)
	in.ServerSideEncryption, in.StorageClass = types.ServerSideEncryption(b.o.Encryption), types.StorageClass(b.o.StorageClass)
	in.SSEKMSKeyId = optional(b.o.KMSKey)
	out, err := b.client.PutObject(v4.SetPayloadHash(ctx, hex.EncodeToString(sum[:])), in)
	if err != nil {
		return "", b.fail(ctx, c, name, err)
	}
	return aws.ToString(out.ETag), nil
}

// Get implements objectstore.Bucket.
func (b *Bucket) Get(ctx context.Context, name string) ([]byte, objectstore.Info, error) {
	var err error
	for range b.o.Attempts {
		var data []byte
		var info objectstore.Info
		var whole bool
		if data, info, whole, err = b.get(ctx, name); whole {
			return data, info, err
		}
	}
	return nil, objectstore.Info{}, err
}

// get reads an object once. Whole is false when its body broke off.
func (b *Bucket) get(ctx context.Context, name string) (data []byte, info objectstore.Info, whole bool, err error) {
	// With a sum in the answer the SDK compares the body with it.
	body, info, err := b.open(ctx, name, &s3.GetObjectInput{ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return nil, info, true, err
	}
	data, err = io.ReadAll(body)
	if cerr := body.Close(); err == nil {
		err = cerr
	}
	return data, info, err == nil || ctx.Err() != nil, err
}

// GetRange implements objectstore.Bucket.
func (b *Bucket) GetRange(ctx context.Context, name string, from, n int64, etag string) (io.ReadCloser, objectstore.Info, error) {
	in := &s3.GetObjectInput{IfMatch: optional(etag)}
	switch {
	case n >= 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", from, from+n-1))
	case from > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", from))
	}
	return b.open(ctx, name, in)
}

func (b *Bucket) open(ctx context.Context, name string, in *s3.GetObjectInput) (io.ReadCloser, objectstore.Info, error) {
	c := call{"GetObject", false, objectstore.ErrChanged}
	in.Bucket, in.Key = &b.o.Bucket, aws.String(b.key(name))
	out, err := b.client.GetObject(ctx, in)
	if err != nil {
		return nil, objectstore.Info{}, b.fail(ctx, c, name, err)
	}
	info := objectstore.Info{
		Name: name, Size: aws.ToInt64(out.ContentLength), ETag: aws.ToString(out.ETag), Modified: aws.ToTime(out.LastModified),
		Checksum: spelledSum(out.ChecksumSHA256),
	}
	length := info.Size
	if in.Range != nil {
		if info.Size, err = sizeOf(*in.Range, aws.ToString(out.ContentRange)); err != nil {
			err = errors.Join(fmt.Errorf("it answered the range %q", aws.ToString(out.ContentRange)), out.Body.Close())
			return nil, objectstore.Info{}, b.fail(ctx, c, name, err)
		}
	}
	return &body{ReadCloser: out.Body, left: length, fail: func(err error) error { return b.fail(ctx, c, name, err) }}, info, nil
}

// sizeOf returns the size of the whole object from an answer like "bytes 0-9/100". It must begin where it was asked to.
func sizeOf(asked, answered string) (int64, error) {
	var from, first, last, size int64
	if _, err := fmt.Sscanf(asked, "bytes=%d-", &from); err != nil {
		return 0, err
	}
	if _, err := fmt.Sscanf(answered, "bytes %d-%d/%d", &first, &last, &size); err != nil {
		return 0, err
	}
	if first != from {
		return 0, fmt.Errorf("it begins at byte %d, not at %d", first, from)
	}
	return size, nil
}

// body is the body of an answer, which must be as long as was said.
type body struct {
	io.ReadCloser
	left int64
	fail func(error) error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if err == io.EOF && b.left != 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		err = b.fail(err)
	}
	return n, err
}

// Head implements objectstore.Bucket.
func (b *Bucket) Head(ctx context.Context, name string) (objectstore.Info, error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &b.o.Bucket, Key: aws.String(b.key(name)), ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return objectstore.Info{}, b.worded(ctx, name, b.fail(ctx, call{op: "HeadObject"}, name, err))
	}
	return objectstore.Info{
		Name: name, Size: aws.ToInt64(out.ContentLength), ETag: aws.ToString(out.ETag), Modified: aws.ToTime(out.LastModified),
		Checksum: spelledSum(out.ChecksumSHA256),
	}, nil
}

// worded puts into words why a HEAD was refused, whose answer has no body to say it in: expired credentials look like any
// other bad request. A GET that is refused too has one.
func (b *Bucket) worded(ctx context.Context, name string, err error) error {
	var refusal *objectstore.Error
	if !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest && refusal.Status != http.StatusForbidden {
		return err
	}
	out, gerr := b.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &b.o.Bucket, Key: aws.String(b.key(name)), Range: aws.String("bytes=0-0"),
	})
	if gerr == nil {
		_ = out.Body.Close() // a byte that nobody reads
		return err
	}
	var said *objectstore.Error
	if errors.As(b.fail(ctx, call{op: "HeadObject"}, name, gerr), &said) && said.Status == refusal.Status {
		return said
	}
	return err
}

// Delete implements objectstore.Bucket.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.o.Bucket, Key: aws.String(b.key(name))})
	err = b.fail(ctx, call{op: "DeleteObject", changes: true}, name, err)
	if errors.Is(err, objectstore.ErrNotExist) {
		return nil
	}
	return err
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func spellSum(sum [32]byte) *string { return aws.String(base64.StdEncoding.EncodeToString(sum[:])) }

// spelledSum is a sum as objectstore spells it.
func spelledSum(sum *string) string {
	if sum == nil || *sum == "" {
		return ""
	}
	return "sha256:" + *sum
}
