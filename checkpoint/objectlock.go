package checkpoint

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"chatferry/checkpoint/objectstore"
)

// objectLockName is the lock's object, below the root.
const objectLockName = Folder + "/lock.json"

// lockPatience bounds the calls of a lock that nobody waits for longer: a run that ends, or that asks for a reason.
const lockPatience = 5 * time.Second

// ObjectLock is the lock of a dataset in a bucket: an object that its holder writes again at every beat, each time over
// the version it wrote before. It is held until Release.
type ObjectLock struct {
	bucket objectstore.Bucket
	beat   heartbeat
	cancel context.CancelFunc
	done   sync.WaitGroup

	etag string      // of the version that was written last
	lost atomic.Bool // another holder's version was seen
}

// TakeObjectLock takes the lock of the dataset whose root is the bucket. One that is free is taken at once. One that is
// held is watched by this process's own clock: when its heartbeat changes, the error is of KindLocked and names the
// holder; when it stands still for all of Patience, the lock is taken over, and the holder, should it ever wake up, finds
// another's version in the place of its own.
func TakeObjectLock(ctx context.Context, bucket objectstore.Bucket, o LockOptions) (*ObjectLock, error) {
	o = o.withDefaults(15 * time.Second)
	l := &ObjectLock{bucket: bucket, beat: newHeartbeat(o.RunID)}
	var token [16]byte
	_, _ = rand.Read(token[:]) // never fails
	l.beat.Token = hex.EncodeToString(token[:])
	if err := l.take(ctx, o); err != nil {
		return nil, err
	}
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.done.Add(1)
	go l.run(ctx, o.Beat)
	return l, nil
}

// take returns once the lock's object holds this process's heartbeat.
func (l *ObjectLock) take(ctx context.Context, o LockOptions) error {
	var seen string // the ETag of the heartbeat that is watched
	var since time.Time
	for {
		held, etag, err := l.read(ctx)
		if err != nil {
			return explain("read", objectLockName, err)
		}
		still := since.IsZero() || etag == seen
		switch {
		case etag == "" || isReleased(held) || o.TakeOver || still && !since.IsZero() && time.Since(since) >= o.Patience:
			ours, err := l.write(ctx, etag)
			if ours || err != nil {
				return explain("write", objectLockName, err)
			}
			continue // another process wrote in between
		case !still:
			return locked(l.bucket.URI(objectLockName), held)
		case since.IsZero():
			seen, since = etag, time.Now()
		}
		if err := o.watch(ctx, held, since); err != nil {
			return err
		}
	}
}

// read returns the lock's object and its ETag; both are empty if there is none.
func (l *ObjectLock) read(ctx context.Context) (held []byte, etag string, err error) {
	held, info, err := l.bucket.Get(ctx, objectLockName)
	if errors.Is(err, objectstore.ErrNotExist) {
		return nil, "", nil
	}
	return held, info.ETag, err
}

// write puts this process's heartbeat over the version with an ETag, or where no object is. It is false when another
// process has written in between. What became of a call that failed is looked up.
func (l *ObjectLock) write(ctx context.Context, over string) (ours bool, err error) {
	l.beat.Count++
	data, err := json.Marshal(l.beat)
	if err != nil {
		return false, err
	}
	var etag string
	if over == "" {
		etag, err = l.bucket.PutIfAbsent(ctx, objectLockName, data)
	} else {
		etag, err = l.bucket.PutIfMatch(ctx, objectLockName, data, over)
	}
	if err == nil {
		l.etag = etag
		return true, nil
	}
	held, etag, rerr := l.read(ctx)
	switch {
	case rerr != nil:
		return false, errors.Join(err, rerr)
	case l.isOurs(held):
		l.etag = etag
		return true, nil
	case errors.Is(err, objectstore.ErrExist), errors.Is(err, objectstore.ErrChanged), errors.Is(err, objectstore.ErrNotExist):
		return false, nil
	}
	return false, err
}

func (l *ObjectLock) isOurs(held []byte) bool {
	var h heartbeat
	return json.Unmarshal(held, &h) == nil && h.Token == l.beat.Token
}

func isReleased(held []byte) bool {
	var h heartbeat
	return json.Unmarshal(held, &h) == nil && h.Released
}

func (l *ObjectLock) run(ctx context.Context, every time.Duration) {
	defer l.done.Done()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			// A heartbeat that cannot be written makes a newcomer think that this run is dead, and the logs sort that out.
			if ours, err := l.write(ctx, l.etag); err == nil && !ours {
				l.lost.Store(true)
				return
			}
		}
	}
}

// Held reports whether the lock's object is still this process's. It is false after a take-over, and true as long as
// the store does not say otherwise.
func (l *ObjectLock) Held() bool {
	if l.lost.Load() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	held, _, err := l.read(ctx)
	return err != nil || l.isOurs(held)
}

// Release ends the heartbeat and gives the lock back, unless another process has it by now. A store that does not answer
// makes the next run wait, and is no failure of this one.
func (l *ObjectLock) Release() error {
	l.cancel()
	l.done.Wait()
	if l.lost.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	l.beat.Released = true
	_, err := l.write(ctx, l.etag)
	if ctx.Err() != nil || errors.Is(err, objectstore.ErrUnreachable) {
		return nil
	}
	return explain("release", objectLockName, err)
}

// LastObjectSign looks at the lock of the dataset whose root is the bucket, for people: what a run may do rests on the
// logs. It returns nil if no run has left a sign. A heartbeat of the last few beats counts as life, by the store's clock
// and this machine's.
func LastObjectSign(ctx context.Context, bucket objectstore.Bucket) (*Sign, error) {
	held, info, err := bucket.Get(ctx, objectLockName)
	switch {
	case errors.Is(err, objectstore.ErrNotExist) || err == nil && isReleased(held):
		return nil, nil
	case err != nil:
		return nil, explain("read", objectLockName, err)
	}
	const beats = 5 * 15 * time.Second
	return &Sign{At: info.Modified, Live: time.Since(info.Modified) < beats}, nil
}
