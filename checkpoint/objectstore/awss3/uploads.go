package awss3

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"chatferry/checkpoint/objectstore"
)

// CreateUpload implements objectstore.Bucket.
func (b *Bucket) CreateUpload(ctx context.Context, name string) (objectstore.Upload, error) {
	out, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &b.o.Bucket, Key: aws.String(b.key(name)),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumType: types.ChecksumTypeComposite,
		ServerSideEncryption: types.ServerSideEncryption(b.o.Encryption), SSEKMSKeyId: optional(b.o.KMSKey),
		StorageClass: types.StorageClass(b.o.StorageClass),
	})
	if err != nil {
		return objectstore.Upload{}, b.fail(ctx, call{op: "CreateMultipartUpload", changes: true}, name, err)
	}
	return objectstore.Upload{Name: name, ID: aws.ToString(out.UploadId)}, nil
}

// UploadPart implements objectstore.Bucket.
func (b *Bucket) UploadPart(
	ctx context.Context, u objectstore.Upload, number int, body io.ReadSeeker, size int64, sum [32]byte,
) (objectstore.Part, error) {
	out, err := b.client.UploadPart(v4.SetPayloadHash(ctx, hex.EncodeToString(sum[:])), &s3.UploadPartInput{
		Bucket: &b.o.Bucket, Key: aws.String(b.key(u.Name)), UploadId: &u.ID, PartNumber: aws.Int32(int32(number)),
		Body: body, ContentLength: &size, ChecksumSHA256: spellSum(sum),
	})
	if err != nil {
		return objectstore.Part{}, b.fail(ctx, call{op: "UploadPart", changes: true}, u.Name, err)
	}
	// A store that does not compare the bytes with the sum that was sent may yet say which sum they have.
	if said := aws.ToString(out.ChecksumSHA256); said != "" && said != *spellSum(sum) {
		return objectstore.Part{}, &objectstore.Error{
			Op: "UploadPart", Place: b.URI(u.Name), Means: []error{objectstore.ErrDamaged},
			Err: fmt.Errorf("part %d has the SHA-256 %s instead of %s", number, said, *spellSum(sum)),
		}
	}
	return objectstore.Part{Number: number, Size: size, ETag: aws.ToString(out.ETag), SHA256: sum}, nil
}

// ListParts implements objectstore.Bucket.
func (b *Bucket) ListParts(ctx context.Context, u objectstore.Upload) ([]objectstore.Part, error) {
	var parts []objectstore.Part
	in := &s3.ListPartsInput{Bucket: &b.o.Bucket, Key: aws.String(b.key(u.Name)), UploadId: &u.ID}
	for {
		out, err := b.client.ListParts(ctx, in)
		if err != nil {
			return nil, b.fail(ctx, call{op: "ListParts"}, u.Name, err)
		}
		for _, p := range out.Parts {
			part := objectstore.Part{
				Number: int(aws.ToInt32(p.PartNumber)), Size: aws.ToInt64(p.Size), ETag: aws.ToString(p.ETag),
			}
			if sum, err := base64.StdEncoding.DecodeString(aws.ToString(p.ChecksumSHA256)); err == nil && len(sum) == len(part.SHA256) {
				part.SHA256 = [32]byte(sum)
			}
			parts = append(parts, part)
		}
		if !aws.ToBool(out.IsTruncated) {
			return parts, nil
		}
		in.PartNumberMarker = out.NextPartNumberMarker
	}
}

// Complete implements objectstore.Bucket.
func (b *Bucket) Complete(ctx context.Context, u objectstore.Upload, parts []objectstore.Part) (string, error) {
	in := &s3.CompleteMultipartUploadInput{
		Bucket: &b.o.Bucket, Key: aws.String(b.key(u.Name)), UploadId: &u.ID, IfNoneMatch: aws.String("*"),
		MultipartUpload: &types.CompletedMultipartUpload{},
	}
	for _, p := range parts {
		part := types.CompletedPart{PartNumber: aws.Int32(int32(p.Number)), ETag: aws.String(p.ETag)}
		if p.SHA256 != [32]byte{} {
			part.ChecksumSHA256 = spellSum(p.SHA256)
		}
		in.MultipartUpload.Parts = append(in.MultipartUpload.Parts, part)
	}
	if b.o.SingleWriter {
		in.IfNoneMatch = nil
		if err := b.mustBeFree(ctx, u.Name); err != nil {
			return "", err
		}
	}
	out, err := b.client.CompleteMultipartUpload(ctx, in)
	if err != nil {
		return "", b.fail(ctx, call{"CompleteMultipartUpload", true, objectstore.ErrExist}, u.Name, err)
	}
	return aws.ToString(out.ETag), nil
}

// Abort implements objectstore.Bucket.
func (b *Bucket) Abort(ctx context.Context, u objectstore.Upload) error {
	_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &b.o.Bucket, Key: aws.String(b.key(u.Name)), UploadId: &u.ID,
	})
	err = b.fail(ctx, call{op: "AbortMultipartUpload", changes: true}, u.Name, err)
	if errors.Is(err, objectstore.ErrNoUpload) {
		return nil
	}
	return err
}
