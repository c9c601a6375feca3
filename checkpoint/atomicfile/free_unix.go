//go:build unix

package atomicfile

import "golang.org/x/sys/unix"

// Free returns how many bytes an ordinary user can still write on the disk that holds the folder root, and the size of
// that disk.
func Free(root string) (free, total int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(root, &s); err != nil {
		return 0, 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), nil
}
