package awss3

import (
	"context"
	"iter"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"chatferry/checkpoint/objectstore"
)

// List implements objectstore.Bucket.
func (b *Bucket) List(ctx context.Context, prefix, after string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		in := &s3.ListObjectsV2Input{
			Bucket: &b.o.Bucket, Prefix: optional(b.listPrefix(prefix)),
			// Names may hold what XML cannot.
			EncodingType: types.EncodingTypeUrl,
		}
		if after != "" {
			in.StartAfter = aws.String(b.key(after))
		}
		c := call{op: "ListObjectsV2"}
		for {
			out, err := b.client.ListObjectsV2(ctx, in)
			if err != nil {
				yield(objectstore.Info{}, b.fail(ctx, c, prefix, err))
				return
			}
			for _, o := range out.Contents {
				key, err := decode(out.EncodingType, aws.ToString(o.Key))
				if err != nil {
					yield(objectstore.Info{}, b.fail(ctx, c, prefix, err))
					return
				}
				if !yield(objectstore.Info{
					Name: b.name(key), Size: aws.ToInt64(o.Size), ETag: aws.ToString(o.ETag), Modified: aws.ToTime(o.LastModified),
				}, nil) {
					return
				}
			}
			if !aws.ToBool(out.IsTruncated) || out.NextContinuationToken == nil {
				return
			}
			in.ContinuationToken = out.NextContinuationToken
		}
	}
}

// ListUploads implements objectstore.Bucket.
func (b *Bucket) ListUploads(ctx context.Context, prefix string) iter.Seq2[objectstore.Upload, error] {
	return func(yield func(objectstore.Upload, error) bool) {
		in := &s3.ListMultipartUploadsInput{Bucket: &b.o.Bucket, Prefix: optional(b.listPrefix(prefix))}
		for {
			out, err := b.client.ListMultipartUploads(ctx, in)
			if err != nil {
				yield(objectstore.Upload{}, b.fail(ctx, call{op: "ListMultipartUploads"}, prefix, err))
				return
			}
			for _, u := range out.Uploads {
				if !yield(objectstore.Upload{
					Name: b.name(aws.ToString(u.Key)), ID: aws.ToString(u.UploadId), Begun: aws.ToTime(u.Initiated),
				}, nil) {
					return
				}
			}
			if !aws.ToBool(out.IsTruncated) {
				return
			}
			in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
		}
	}
}

// listPrefix is what keys begin with whose names begin with a prefix.
func (b *Bucket) listPrefix(prefix string) string {
	if b.o.Prefix == "" {
		return prefix
	}
	return b.o.Prefix + "/" + prefix
}

func decode(encoding types.EncodingType, key string) (string, error) {
	if encoding != types.EncodingTypeUrl {
		return key, nil
	}
	return url.QueryUnescape(key)
}
