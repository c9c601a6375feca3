package checkpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"

	"chatferry"
)

// format is what FORMAT holds, and nothing else.
type format struct {
	Format  int    `json:"format"`
	Dataset string `json:"dataset"`
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func (f format) encode() []byte {
	return fmt.Appendf(nil, "{\"format\":%d,\"dataset\":%q}\n", f.Format, f.Dataset)
}

func decodeFormat(data []byte) (format, error) {
	var f format
	if err := json.Unmarshal(data, &f); err != nil {
		return f, err
	}
	if f.Format != FormatVersion {
		return f, &newerError{fmt.Sprintf("the dataset has format version %d, this program knows version %d", f.Format, FormatVersion)}
	}
	if !uuidForm.MatchString(f.Dataset) || !bytes.Equal(f.encode(), data) {
		return f, errors.New("it is not what chatferry wrote")
	}
	return f, nil
}

// ErrNoDataset is wrapped by the error of Load for a place that holds no dataset.
var ErrNoDataset = errors.New("there is no chatferry dataset here")

// readFormat returns the dataset's identity and the hash that its logs begin with.
func readFormat(ctx context.Context, logs LogStore) (format, chatferry.SHA256, error) {
	data, err := logs.Read(ctx, formatName)
	if errors.Is(err, fs.ErrNotExist) {
		n, lerr := lastNumber(ctx, logs, DatasetLog)
		if lerr != nil {
			return format{}, chatferry.SHA256{}, lerr
		}
		if n == 0 {
			return format{}, chatferry.SHA256{}, ErrNoDataset
		}
		// FORMAT is made before any log, so it is there now if another run has just begun the dataset.
		data, err = logs.Read(ctx, formatName)
		if errors.Is(err, fs.ErrNotExist) {
			return format{}, chatferry.SHA256{}, damaged(formatName, errors.New("this file is missing, but the dataset has a log"))
		}
	}
	if err != nil {
		return format{}, chatferry.SHA256{}, explain("read", formatName, err)
	}
	f, err := decodeFormat(data)
	if err != nil {
		return f, chatferry.SHA256{}, damaged(formatName, err)
	}
	return f, sumOf(data), nil
}

// ensureFormat makes FORMAT unless it is there, and makes it durable. Of several runs that try at once one wins, and
// all of them go on with what it wrote.
func ensureFormat(ctx context.Context, logs LogStore, uuid, nonce string) (format, chatferry.SHA256, error) {
	var last error
	for range appendTries {
		f, sum, err := readFormat(ctx, logs)
		if err == nil {
			if err := logs.Sync(ctx, Folder); err != nil {
				return f, sum, explain("make durable", formatName, err)
			}
			return f, sum, nil
		}
		if !errors.Is(err, ErrNoDataset) {
			return f, sum, err
		}
		f = format{Format: FormatVersion, Dataset: uuid}
		if last = logs.Create(ctx, formatName, epochTag(0)+nonce, f.encode()); last == nil {
			return f, sumOf(f.encode()), nil
		}
	}
	return format{}, chatferry.SHA256{}, explain("create", formatName, last)
}
