package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

const certificateFolder = Folder + "/certificates"

// CertificateName names what certifies the run-done with number n of the dataset's log; the ending tells what it is.
func CertificateName(n uint64, ending string) string {
	return fmt.Sprintf("%s/%012d%s", certificateFolder, n, ending)
}

// KeepCertificate keeps what certifies a run under its name, unless there is something already, and returns what is there
// then. It may be called again, and by several runs. What is to be kept is made if it is needed. The epoch is that of the
// caller's run, or of the last one; the nonce makes the name of what it leaves for an instant.
func KeepCertificate(ctx context.Context, logs LogStore, name string, epoch uint64, nonce string, content func() ([]byte, error)) ([]byte, error) {
	// Of what is left half-made here nothing is needed, not even by a run of this epoch that was frozen.
	if err := logs.Sweep(ctx, certificateFolder, epoch+1); err != nil {
		return nil, explain("sweep", certificateFolder, err)
	}
	there, err := logs.Read(ctx, name)
	if err == nil {
		return there, explain("make durable", name, logs.Sync(ctx, certificateFolder))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, explain("read", name, err)
	}
	data, err := content()
	if err != nil {
		return nil, err
	}
	err = logs.Create(ctx, name, epochTag(epoch)+nonce+"-"+path.Base(name), data)
	if err == nil {
		return data, nil
	}
	// Whoever made it, only reading tells whether it is there.
	if there, rerr := logs.Read(ctx, name); rerr == nil {
		return there, explain("make durable", name, logs.Sync(ctx, certificateFolder))
	}
	return nil, explain("write", name, err)
}

// Certified returns the numbers of the run-dones for which there are certificates, in any order.
func Certified(ctx context.Context, logs LogStore) ([]uint64, error) {
	names, err := logs.List(ctx, certificateFolder)
	if err != nil {
		return nil, explain("list", certificateFolder, err)
	}
	var numbers []uint64
	for _, name := range names {
		if !recordForm.MatchString(name) {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(name, ".json"), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("number of certificate %s: %w", name, err)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
