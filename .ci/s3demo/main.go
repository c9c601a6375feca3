// Command s3demo shows the main job with S3 on both ends, on this machine alone: it starts versitygw on loopback, uploads
// the dump of a made-up account, has chatferry carry it from one bucket into another, and tells how to look at the result.
// However it ends, the server has ended before it.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"chatferry/extract/rehearsal"
)

const (
	program, server = "bin/chatferry", "bin/tools/versitygw"
	folder          = "demo-s3"
	region          = "eu-central-1"
	from, to        = "s3://dumps/acme", "s3://data/acme"
	partial         = 4 // the exit code of a run that put broken records aside, which an account of this size has
)

func main() {
	chats := flag.Int64("chats", 2000, "chats of the account")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := demo(ctx, *chats); err != nil {
		fmt.Fprintln(os.Stderr, "s3demo:", err)
		stop()
		os.Exit(1)
	}
}

// apart keeps a terminal's Ctrl-C from a process, so that all end in order: chatferry first, then the server.
var apart = &syscall.SysProcAttr{Setpgid: true}

// store is the running server.
type store struct{ address, key, secret string }

func demo(ctx context.Context, chats int64) (err error) {
	s, end, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	fmt.Printf("A store that speaks S3, versitygw, stands at http://%s. It keeps its objects as files in %s/objects.\n", s.address, folder)
	if err := s.fill(ctx, chats); err != nil {
		return err
	}
	call := []string{"run", "--from", from, "--to", to, "--max-bad-records", "100%"}
	fmt.Printf("\nNow: %s %s\n\n", program, strings.Join(call, " "))
	err = s.chatferry(ctx, call...)
	var exit *exec.ExitError
	aside := errors.As(err, &exit) && exit.ExitCode() == partial
	if err != nil && !aside {
		return fmt.Errorf("%s run: %w", program, err)
	}
	fmt.Print(s.explanation(aside))
	return nil
}

// start starts the server; end ends it.
func start(ctx context.Context) (s *store, end func() error, err error) {
	dir, err := filepath.Abs(folder) // the server takes relative paths for folders in one another
	if err != nil {
		return nil, nil, err
	}
	objects, metadata := filepath.Join(dir, "objects"), filepath.Join(dir, "metadata")
	for _, dir := range []string{objects, metadata} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, nil, err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	s = &store{address: l.Addr().String(), key: "demo", secret: randomHex()}
	if err := l.Close(); err != nil {
		return nil, nil, err
	}
	var said bytes.Buffer
	cmd := exec.Command(server, "--port", s.address, "--region", region, "--quiet", "posix", "--sidecar", metadata, objects)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY_ID="+s.key, "ROOT_SECRET_ACCESS_KEY="+s.secret)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &said, &said, apart
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is killed
	}()
	end = func() error {
		err := cmd.Process.Kill()
		<-ended
		return err
	}
	for {
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			return s, end, conn.Close()
		}
		select {
		case <-ended:
			return nil, nil, fmt.Errorf("%s ended: %s", server, said.Bytes())
		case <-ctx.Done():
			return nil, nil, errors.Join(ctx.Err(), end())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func randomHex() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// fill makes the buckets, and the dump of an account in one of them.
func (s *store) fill(ctx context.Context, chats int64) error {
	client := s3.New(s3.Options{
		Region: region, BaseEndpoint: aws.String("http://" + s.address), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s.key, s.secret, ""),
	})
	for _, uri := range []string{from, to} {
		bucket, _ := split(uri)
		if _, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp(folder, "dump-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	account := rehearsal.New(rehearsal.Options{Seed: 1, Chats: chats, Duplicates: 0.01})
	made, err := account.WriteDump(ctx, dir, account.Demo())
	if err != nil {
		return err
	}
	bucket, prefix := split(from)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String(prefix + "/" + filepath.ToSlash(name)), Body: f})
		return err
	})
	if err == nil {
		fmt.Printf("The dump of a made-up account is in %s: %d records in %d objects.\n", from, made.Records(), len(made.Files))
	}
	return err
}

// split parts s3://bucket/prefix.
func split(uri string) (bucket, prefix string) {
	bucket, prefix, _ = strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
	return bucket, prefix
}

// env is what a program finds the store by.
func (s *store) env() []string {
	return []string{
		"AWS_ENDPOINT_URL_S3=http://" + s.address, "AWS_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + s.key, "AWS_SECRET_ACCESS_KEY=" + s.secret,
	}
}

// chatferry calls the program. It is told to stop, and ends cleanly, when this one is.
func (s *store) chatferry(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), s.env()...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = os.Stdout, os.Stderr, apart
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	return cmd.Run()
}

// explanation says what there is now, and how to look at it.
func (s *store) explanation(aside bool) string {
	quarantine := ""
	if aside {
		quarantine = fmt.Sprintf(" The broken records of this account\nwent to quarantine, which is why the run ended with exit code %d.", partial)
	}
	return fmt.Sprintf(`
Both ends were buckets: the dump was read in place, and every file of the dataset is an upload that was completed after the
log record that commits it.%s

The server has been stopped. Its objects are files:
  find %[2]s/objects/data/acme -name '*.parquet'
  duckdb -c "SELECT type, count(*) FROM '%[2]s/objects/data/acme/tables/chats/*.parquet' GROUP BY ALL"

To look at them as a bucket, start it again and call chatferry beside it:
  ROOT_ACCESS_KEY_ID=%[3]s ROOT_SECRET_ACCESS_KEY=%[4]s %[5]s --port %[6]s --region %[7]s --quiet posix --sidecar "$PWD/%[2]s/metadata" "$PWD/%[2]s/objects" &
  export %[8]s
  %[9]s status %[10]s
  %[9]s files %[10]s
  %[9]s quarantine list %[10]s
  kill %%%%
`, quarantine, folder, s.key, s.secret, server, s.address, region, strings.Join(s.env(), " "), program, to)
}
