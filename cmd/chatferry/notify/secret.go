package notify

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"
)

// Secret is where the key comes from with which a webhook is signed. At most one of its members is set; none: it is not signed.
type Secret struct {
	Text    string
	File    string // readable by its owner only
	Command string // prints it
}

const (
	mostSecret   = 64 << 10
	secretWithin = 10 * time.Second
	// leastSecret is too short to keep anybody out.
	leastSecret = 8
)

// key returns the key; nil: there is none.
func (s Secret) key(ctx context.Context) ([]byte, error) {
	text, place := s.Text, "CHATFERRY_NOTIFY_SECRET"
	switch {
	case s.File != "":
		data, err := readSecret(s.File)
		if err != nil {
			return nil, err
		}
		text, place = string(data), s.File
	case s.Command != "":
		ctx, cancel := context.WithTimeout(ctx, secretWithin)
		defer cancel()
		out, err := shell(ctx, s.Command, nil)
		if err != nil {
			return nil, fmt.Errorf("run the command of CHATFERRY_NOTIFY_SECRET_COMMAND: %w", err)
		}
		text, place = string(out), "the command of CHATFERRY_NOTIFY_SECRET_COMMAND"
	case s.Text == "":
		return nil, nil
	}
	key := []byte(strings.TrimSpace(text))
	if encoded, ok := strings.CutPrefix(string(key), "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, fmt.Errorf("the secret of %s begins with whsec_ and is not base64 behind it", place)
		}
	}
	if len(key) < leastSecret {
		return nil, fmt.Errorf("the secret of %s is shorter than %d bytes", place, leastSecret)
	}
	return key, nil
}

// Check looks whether the secret can be had, as far as that costs nothing, so that it is not missed only at the end.
func (s Secret) Check() error {
	if s.Command != "" {
		return nil
	}
	_, err := s.key(context.Background())
	return err
}

func readSecret(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the secret: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s holds no secret: it is not a regular file", name)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, &fs.PathError{Op: "read the secret", Path: name, Err: errors.New("others than its owner have rights on it; run `chmod 600` on it")}
	}
	data, err := io.ReadAll(io.LimitReader(f, mostSecret+1))
	if err == nil && len(data) > mostSecret {
		err = errors.New("it is far longer than a secret")
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read the secret", Path: name, Err: err}
	}
	return data, nil
}
