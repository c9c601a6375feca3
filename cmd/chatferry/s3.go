package main

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"chatferry/checkpoint/objectstore"
	"chatferry/checkpoint/objectstore/awss3"
	"chatferry/extract/dump"
	"chatferry/extract/dump/s3dump"
)

// bucketPattern is what S3 and the stores like it take for the name of a bucket.
var bucketPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$`)

// isS3 reports whether a place lies in an S3-compatible store.
func isS3(text string) bool {
	scheme, _, ok := strings.Cut(text, "://")
	return ok && strings.EqualFold(scheme, "s3")
}

// s3Place checks the URI of a place in a bucket and spells it in the one way in which the dataset log keeps it.
func s3Place(text string) (string, error) {
	bucket, prefix, err := awss3.ParseURI("s3" + text[len("s3"):])
	switch {
	case strings.Contains(bucket, "@"):
		return "", fmt.Errorf("%s holds credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, instead", redactURI(text))
	case err != nil:
		return "", fmt.Errorf("%s names no place in a bucket; write it as s3://bucket/prefix", redactURI(text))
	case !bucketPattern.MatchString(bucket):
		return "", fmt.Errorf("%s: %q is not the name of a bucket; write it as s3://bucket/prefix", redactURI(text), bucket)
	case prefix == "":
		return "s3://" + bucket, nil
	}
	return "s3://" + bucket + "/" + prefix, nil
}

// dumpIdle is how long a connection may be silent while a dump is read; then it counts as broken. The default is for
// uploads, which a store may think about for longer.
const dumpIdle = 30 * time.Second

// openDumpPlace opens a place of a dump: on this disk, or in a bucket.
func (c *Config) openDumpPlace(ctx context.Context) func(place string) (dump.Store, error) {
	return func(place string) (dump.Store, error) {
		if !isS3(place) {
			return dump.OpenLocal(place)
		}
		o, err := c.bucketOptions(place)
		if err != nil {
			return nil, err
		}
		// The bucket's own root, since the place may be one object.
		prefix := o.Prefix
		o.Prefix, o.Idle = "", dumpIdle
		bucket, err := awss3.Open(ctx, o)
		if err != nil {
			return nil, err
		}
		return s3dump.Open(ctx, bucket, prefix)
	}
}

// openBucket opens the root of a dataset in a bucket.
func (c *Config) openBucket(ctx context.Context, root string) (objectstore.Bucket, error) {
	o, err := c.bucketOptions(root)
	if err != nil {
		return nil, err
	}
	o.Encryption, o.KMSKey, o.StorageClass = string(c.S3Encryption), string(c.S3KMSKey), string(c.S3StorageClass)
	o.SingleWriter = bool(c.SingleWriter)
	bucket, err := awss3.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return bucket, nil
}

func (c *Config) bucketOptions(uri string) (awss3.Options, error) {
	name, prefix, err := awss3.ParseURI(uri)
	return awss3.Options{
		Bucket: name, Prefix: prefix, Endpoint: string(c.S3Endpoint), Region: string(c.S3Region), Profile: string(c.S3Profile),
		PathStyle: bool(c.S3PathStyle), Owner: string(c.S3ExpectedOwner),
	}, err
}

// endpoint is the URL of an S3-compatible store.
type endpoint string

func (e *endpoint) Set(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%s is not the URL of an S3-compatible store; write https://HOST or http://HOST:PORT", redactURI(text))
	case u.User != nil:
		return fmt.Errorf("%s holds credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, instead", redactURI(text))
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%s: an endpoint has no query", redactURI(text))
	}
	*e = endpoint(strings.TrimSuffix(text, "/"))
	return nil
}

func (e endpoint) String() string { return string(e) }

// awsAccount is the number of an AWS account.
type awsAccount string

var awsAccountPattern = regexp.MustCompile(`^[0-9]{12}$`)

func (a *awsAccount) Set(text string) error {
	if !awsAccountPattern.MatchString(text) {
		return fmt.Errorf("%q is not an AWS account; it has 12 digits", text)
	}
	*a = awsAccount(text)
	return nil
}

func (a awsAccount) String() string { return string(a) }
