package checkpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"chatferry"
)

// The lock keeps a second run from wasting effort. It is politeness only: whoever ignores it, or takes it over by
// mistake, is held back by the logs. On a disk it is this file; a bucket has an ObjectLock.

// lockName is the lock's file, below the root.
const lockName = Folder + "/lock"

// heartbeatSize is the fixed size of the heartbeat, so that it is always overwritten whole.
const heartbeatSize = 512

// LockOptions say how a Lock is taken.
type LockOptions struct {
	RunID    string
	TakeOver bool          // take it at once, whoever holds it
	Beat     time.Duration // between two heartbeats; 0: 2 s, of an ObjectLock 15 s
	Patience time.Duration // how long a heartbeat must stand still before the lock is taken over; 0: 90 s
	// Waiting is told, once a Beat, who holds the lock and for how long the heartbeat has stood still. It may be nil.
	Waiting func(holder string, still time.Duration)

	flock func(*os.File) (supported, locked bool, err error) // nil: that of the system
}

// heartbeat is what a holder writes into the lock.
type heartbeat struct {
	PID   int    `json:"pid"`
	Host  string `json:"host"`
	RunID string `json:"run_id"`
	Count uint64 `json:"count"`
	// Of an ObjectLock:
	Token    string `json:"token,omitempty"` // of this holder alone
	Released bool   `json:"released,omitempty"`
}

func newHeartbeat(runID string) heartbeat {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return heartbeat{PID: os.Getpid(), Host: host, RunID: runID}
}

// Lock is held until Release.
type Lock struct {
	file *os.File
	path string
	beat heartbeat
	stop chan struct{}
	done sync.WaitGroup
}

// TakeLock takes the lock of the dataset whose root is a folder on this machine. A lock that is free is taken at once,
// one that a dead process left too. If a process holds it, its heartbeat is watched by this process's own clock: when it
// changes, the error is of KindLocked and names the holder; when it stands still for all of Patience, the lock is taken
// over, and the holder, should it ever wake up, is left with a file that has lost its name.
func TakeLock(ctx context.Context, root string, o LockOptions) (*Lock, error) {
	o = o.withDefaults(2 * time.Second)
	if o.flock == nil {
		o.flock = flock
	}
	if err := os.Mkdir(filepath.Join(root, Folder), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, explain("make folder", Folder, err)
	}
	path := filepath.Join(root, filepath.FromSlash(lockName))
	file, err := wait(ctx, path, o)
	if err != nil {
		return nil, err
	}
	l := &Lock{file: file, path: path, stop: make(chan struct{}), beat: newHeartbeat(o.RunID)}
	if err := l.pulse(); err != nil {
		l.file.Close()
		return nil, explain("write", lockName, err)
	}
	l.done.Add(1)
	go l.run(o.Beat)
	return l, nil
}

// wait returns the lock's file once this process may have it.
func wait(ctx context.Context, path string, o LockOptions) (*os.File, error) {
	if o.TakeOver {
		return replaceLock(path, o)
	}
	var last []byte
	var since time.Time
	for {
		file, held, err := tryLock(path, o)
		if err != nil {
			return nil, explain("lock", lockName, err)
		}
		if file != nil {
			return file, nil
		}
		switch {
		case since.IsZero():
			last, since = held, time.Now()
		case !bytes.Equal(held, last) && len(held) > 0:
			return nil, locked(lockName, held)
		case time.Since(since) >= o.Patience:
			return replaceLock(path, o)
		}
		if err := o.watch(ctx, held, since); err != nil {
			return nil, err
		}
	}
}

func (o LockOptions) withDefaults(beat time.Duration) LockOptions {
	if o.Beat == 0 {
		o.Beat = beat
	}
	if o.Patience == 0 {
		o.Patience = 90 * time.Second
	}
	return o
}

// watch tells who is waited for, and waits until the heartbeat may have changed.
func (o LockOptions) watch(ctx context.Context, held []byte, since time.Time) error {
	if o.Waiting != nil {
		o.Waiting(holder(held), time.Since(since))
	}
	timer := time.NewTimer(o.Beat)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// locked is the error about a heartbeat that changes.
func locked(place string, held []byte) error {
	return &chatferry.Error{
		Kind: chatferry.KindLocked, Op: "lock", Place: place,
		Err:  fmt.Errorf("a live run holds the dataset: %s", holder(held)),
		Hint: "wait for it to end, or stop it; --take-over ends it by force",
	}
}

// tryLock returns the lock's file if it is free, or else the heartbeat that stands in it.
func tryLock(path string, o LockOptions) (file *os.File, held []byte, err error) {
	for {
		file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, nil, err
		}
		supported, locked, err := o.flock(file)
		if err != nil {
			file.Close()
			return nil, nil, err
		}
		held, err := readHeartbeat(file)
		if err != nil {
			file.Close()
			return nil, nil, err
		}
		if supported && !locked || !supported && len(held) > 0 {
			return nil, held, file.Close()
		}
		if sameFile(file, path) {
			return file, nil, nil
		}
		// It was taken over between open and flock: look at the new one.
		file.Close()
	}
}

// replaceLock gives the lock's name to a new file that this process holds.
func replaceLock(path string, o LockOptions) (*os.File, error) {
	temp, err := os.CreateTemp(filepath.Dir(path), ".lock-*")
	if err != nil {
		return nil, explain("make", lockName, err)
	}
	if _, _, err = o.flock(temp); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		temp.Close()
		_ = os.Remove(temp.Name())
		return nil, explain("take over", lockName, err)
	}
	return temp, nil
}

func readHeartbeat(f *os.File) ([]byte, error) {
	b := make([]byte, heartbeatSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return bytes.TrimRight(b[:n], " \n\x00"), nil
}

func sameFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

// holder names the holder for a person: "pid 4711 on host".
func holder(beat []byte) string {
	var h heartbeat
	if json.Unmarshal(beat, &h) != nil {
		return "a process that has not said its name"
	}
	return fmt.Sprintf("pid %d on %s, run %s", h.PID, h.Host, h.RunID)
}

// Sign is what the lock of a dataset tells about a run that may be working on it.
type Sign struct {
	At   time.Time // of the last heartbeat, by the clock of the disk
	Live bool      // a process holds the lock; frozen or not
}

// LastSign looks at the lock of the dataset whose root is a folder on this machine, for people: what a run may do rests
// on the logs. It returns nil if no run has left a sign. Where flock is not supported a heartbeat of the last few beats
// counts as life.
func LastSign(root string) (*Sign, error) {
	path := filepath.Join(root, filepath.FromSlash(lockName))
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, explain("open", lockName, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, explain("look at", lockName, err)
	}
	if info.Size() == 0 {
		return nil, nil
	}
	// The lock is taken for an instant; a run that begins just then looks again after a beat.
	supported, locked, err := flock(f)
	if err != nil {
		return nil, explain("lock", lockName, err)
	}
	const beats = 5 * 2 * time.Second
	return &Sign{At: info.ModTime(), Live: supported && !locked || !supported && time.Since(info.ModTime()) < beats}, nil
}

// Held reports whether the lock's name still leads to this process's file. It is false after a take-over.
func (l *Lock) Held() bool { return sameFile(l.file, l.path) }

func (l *Lock) run(every time.Duration) {
	defer l.done.Done()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
			// A heartbeat that cannot be written makes a newcomer think that this run is dead, and the logs sort
			// that out; to stop a working run over it would be worse.
			_ = l.pulse()
		}
	}
}

func (l *Lock) pulse() error {
	l.beat.Count++
	b, err := json.Marshal(l.beat)
	if err != nil {
		return err
	}
	line := bytes.Repeat([]byte(" "), heartbeatSize)
	copy(line[:heartbeatSize-1], b)
	line[heartbeatSize-1] = '\n'
	_, err = l.file.WriteAt(line, 0)
	return err
}

// Release ends the heartbeat and gives the lock back. It changes nothing but the file that this process holds, which
// after a take-over is no longer the lock.
func (l *Lock) Release() error {
	close(l.stop)
	l.done.Wait()
	err := l.file.Truncate(0)
	if cerr := l.file.Close(); err == nil {
		err = cerr
	}
	return explain("release", lockName, err)
}
