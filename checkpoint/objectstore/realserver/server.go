// Package realserver starts a real S3-compatible server, versitygw, for tests: what the simulated one promises must hold
// there too. Every server stands on loopback with a folder and keys of its own, and ends with its test.
//
// It keeps objects as files, so that a test can look at their bytes, or change them at rest; a name and the same name
// with more elements behind it cannot both exist.
package realserver

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"chatferry/checkpoint/objectstore/awss3"
)

// Region is the region of every server.
const Region = "eu-central-1"

// Server is a running server with one empty bucket.
type Server struct {
	Endpoint  string // http://127.0.0.1:PORT
	AccessKey string
	SecretKey string
	Bucket    string
	Root      string // the folder that holds the bucket's objects as files
}

// starts bounds how often a port is tried that another process snatched.
const starts = 5

// Start starts a server that ends with the test, and makes its bucket. The program is built if it is not there.
func Start(t testing.TB) *Server {
	t.Helper()
	program, err := program()
	if err != nil {
		t.Fatal(err)
	}
	for range starts {
		s, err := start(t, program)
		if err == nil {
			return s
		}
		t.Log(err)
	}
	t.Fatal("no S3 server could be started")
	return nil
}

// Env is what a program must find in its environment to use the server, and nothing else of this machine's.
func (s *Server) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL_S3=" + s.Endpoint, "AWS_REGION=" + Region,
		"AWS_ACCESS_KEY_ID=" + s.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s.SecretKey,
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
	}
}

// Open opens the server's bucket, every name below a prefix.
func (s *Server) Open(t testing.TB, prefix string) *awss3.Bucket {
	t.Helper()
	b, err := awss3.Open(t.Context(), s.Options(prefix))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Options are what Open opens the bucket with.
func (s *Server) Options(prefix string) awss3.Options {
	return awss3.Options{
		Bucket: s.Bucket, Prefix: prefix, Endpoint: s.Endpoint, Region: Region,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	}
}

func start(t testing.TB, program string) (*Server, error) {
	folder := t.TempDir()
	// Metadata go beside the objects' folder, since not every file system has room for them in attributes.
	objects, sidecar := filepath.Join(folder, "objects"), filepath.Join(folder, "metadata")
	for _, dir := range []string{objects, sidecar} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	// The keys are new for every server, so that one on a port that was snatched cannot be taken for this one.
	s := &Server{
		Endpoint: "http://" + address, AccessKey: "test" + randomHex(8), SecretKey: randomHex(20),
		Bucket: "dataset", Root: filepath.Join(objects, "dataset"),
	}
	var out bytes.Buffer
	cmd := exec.Command(program, "--port", address, "--region", Region, "--quiet", "posix", "--sidecar", sidecar, objects)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY_ID="+s.AccessKey, "ROOT_SECRET_ACCESS_KEY="+s.SecretKey)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	stop := func() {
		_ = cmd.Process.Kill()
		<-ended
	}
	if err := s.makeBucket(t.Context(), ended); err != nil {
		stop()
		return nil, fmt.Errorf("%w; it said: %s", err, out.Bytes())
	}
	t.Cleanup(stop)
	return s, nil
}

// freeAddress names a port that was free just now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// makeBucket makes the bucket as soon as the server answers.
func (s *Server) makeBucket(ctx context.Context, ended <-chan struct{}) error {
	for {
		answered, err := s.putBucket(ctx)
		if answered || ctx.Err() != nil {
			return err
		}
		select {
		case <-ended:
			return errors.New("the server ended before it answered")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) putBucket(ctx context.Context) (answered bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, s.Endpoint+"/"+s.Bucket, nil)
	if err != nil {
		return true, err
	}
	if err := s.sign(ctx, req); err != nil {
		return true, err
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return false, err
	}
	if err := resp.Body.Close(); err != nil {
		return true, err
	}
	if resp.StatusCode != http.StatusOK {
		return true, fmt.Errorf("make bucket: status %d", resp.StatusCode)
	}
	return true, nil
}
