// Package awss3 is the objectstore.Bucket over the SDK of AWS. It takes credentials, region and endpoint from where the
// SDK takes them: the environment (AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL_S3 …), the shared files, roles to assume,
// and the machine's own role.
//
// The SDK sends a request again when the store is busy or broken, or the connection breaks; conditional ones too. The
// second request of such a pair may then be refused because of the first, so the refusals of conditional calls prove
// nothing, as package objectstore says.
//
// Every body is sent with its SHA-256, so the SDK has nothing to add to a request; what it checks of the answers is set
// by response_checksum_validation, which on endpoints other than those of AWS is when_required unless it was set: several
// stores answer with sums that do not belong to the range that was asked for.
package awss3

import (
	"context"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"chatferry"
	"chatferry/checkpoint/objectstore"
)

// Options say which bucket, and how to speak to it. Only Bucket is required.
type Options struct {
	Bucket string
	Prefix string // of all names, without slashes at its ends; may be empty

	Endpoint string // instead of that of the SDK's configuration
	Region   string // instead of that of the SDK's configuration
	Profile  string // of the shared files, instead of that of the SDK's configuration
	// Credentials, if set, are used instead of what the SDK finds.
	Credentials aws.CredentialsProvider

	PathStyle    bool   // put the bucket into the path; endpoints that are addresses or localhost need no asking
	Encryption   string // of new objects: AES256, aws:kms or aws:kms:dsse; empty: as the bucket says
	KMSKey       string // of new objects
	StorageClass string // of new objects; empty: as the bucket says
	Owner        string // the account that must own the bucket; empty: any

	// SingleWriter is for stores without conditional writes: what a condition would prove is looked up before. Two
	// runs at once can then damage the dataset.
	SingleWriter bool

	Attempts   int           // of each request; 0: 10
	MaxBackoff time.Duration // between two of them; 0: 20 s
	Idle       time.Duration // how long a connection may be silent within a request; 0: 2 minutes
}

// Bucket is an objectstore.Bucket.
type Bucket struct {
	client *s3.Client
	o      Options
}

var _ objectstore.Bucket = (*Bucket)(nil)

// ParseURI splits s3://bucket/prefix.
func ParseURI(uri string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(uri, "s3://")
	bucket, prefix, _ = strings.Cut(rest, "/")
	prefix = strings.TrimRight(prefix, "/")
	if !ok || bucket == "" || strings.HasPrefix(prefix, "/") || strings.Contains(prefix, "//") {
		return "", "", chatferry.Errorf(chatferry.KindUsage, "write it as s3://bucket/prefix", "%q names no place in a bucket", uri)
	}
	return bucket, prefix, nil
}

// Open reads the SDK's configuration. It makes no request.
func Open(ctx context.Context, o Options) (*Bucket, error) {
	if o.Attempts == 0 {
		o.Attempts = 10
	}
	if o.MaxBackoff == 0 {
		o.MaxBackoff = 20 * time.Second
	}
	if o.Idle == 0 {
		o.Idle = 2 * time.Minute
	}
	// What the SDK would write to stderr is in its errors, or no news.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}), config.WithSharedConfigProfile(o.Profile))
	if err != nil {
		return nil, &chatferry.Error{
			Kind: chatferry.KindEnvironment, Op: "read the AWS configuration", Err: err,
			Hint: "correct AWS_PROFILE, AWS_CONFIG_FILE or the file that it names",
		}
	}
	if o.Region != "" {
		cfg.Region = o.Region
	}
	if o.Credentials != nil {
		cfg.Credentials = o.Credentials
	}
	cfg.Credentials = taggedCredentials{cfg.Credentials}
	custom := false
	client := s3.NewFromConfig(cfg, func(so *s3.Options) {
		if o.Endpoint != "" {
			so.BaseEndpoint = &o.Endpoint
		}
		custom = so.BaseEndpoint != nil
		so.UsePathStyle = o.PathStyle || custom && isAddress(*so.BaseEndpoint)
		if custom && so.Region == "" {
			so.Region = "us-east-1" // what stores take that have no regions
		}
		so.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		if custom && !validationIsSet(cfg.ConfigSources) {
			so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
		so.HTTPClient = httpClient(cfg.HTTPClient, o.Idle)
		so.Retryer = retryer(o)
		if o.Owner != "" {
			so.APIOptions = append(so.APIOptions, smithyhttp.SetHeaderValue("X-Amz-Expected-Bucket-Owner", o.Owner))
		}
	})
	if !custom && cfg.Region == "" {
		return nil, chatferry.Errorf(chatferry.KindEnvironment, "set AWS_REGION to the region of the bucket", "no AWS region is set")
	}
	return &Bucket{client: client, o: o}, nil
}

func retryer(o Options) aws.Retryer {
	return retry.NewStandard(func(so *retry.StandardOptions) {
		so.MaxAttempts, so.MaxBackoff = o.Attempts, o.MaxBackoff
		so.Backoff = retry.NewExponentialJitterBackoff(o.MaxBackoff)
		so.Retryables = append(so.Retryables, retry.IsErrorRetryableFunc(isRetryable))
		// A run of many hours must not fail because other requests of it had to be repeated.
		so.RateLimiter = ratelimit.None
	})
}

// isAddress reports whether an endpoint has no name that a bucket could be put before.
func isAddress(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()) != nil)
}

// validationIsSet reports whether response_checksum_validation was set by the user; the SDK's own answer does not tell.
func validationIsSet(sources []any) bool {
	for _, s := range sources {
		switch s := s.(type) {
		case config.EnvConfig:
			if s.ResponseChecksumValidation != 0 {
				return true
			}
		case config.SharedConfig:
			if s.ResponseChecksumValidation != 0 {
				return true
			}
		}
	}
	return false
}

// URI implements objectstore.Bucket.
func (b *Bucket) URI(name string) string {
	uri := "s3://" + b.o.Bucket
	if key := b.key(name); key != "" {
		uri += "/" + key
	}
	return uri
}

// key is the key of a name.
func (b *Bucket) key(name string) string {
	switch {
	case b.o.Prefix == "":
		return name
	case name == "":
		return b.o.Prefix
	}
	return b.o.Prefix + "/" + name
}

// name is the reverse of key.
func (b *Bucket) name(key string) string {
	if b.o.Prefix == "" {
		return key
	}
	return strings.TrimPrefix(key, b.o.Prefix+"/")
}
