package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/checkpoint/objectstore/sims3"
)

// stubUploads stages and publishes files of a few bytes in the bucket of the logs, as the store for buckets must: what is
// staged is an upload to the final name.
type stubUploads struct{ bucket objectstore.Bucket }

var _ stager = (*stubUploads)(nil)

const refMark = "?uploadId="

func parseRef(ref string) objectstore.Upload {
	name, escaped, _ := strings.Cut(ref, refMark)
	id, err := url.QueryUnescape(escaped)
	if err != nil {
		panic(err)
	}
	return objectstore.Upload{Name: name, ID: id}
}

func (s *stubUploads) stage(shard chatferry.ShardID, _, seq uint64, table chatferry.Table, _ string, data []byte) (chatferry.PartFile, error) {
	return s.stageAs(chatferry.PartFile{
		Kind: chatferry.FileRows, Table: table, Name: fmt.Sprintf("tables/%s/part-%s-%012d.parquet", table, shard, seq), Rows: 2,
	}, data)
}

func (s *stubUploads) stageAs(f chatferry.PartFile, data []byte) (chatferry.PartFile, error) {
	ctx := context.Background()
	u, err := s.bucket.CreateUpload(ctx, f.Name)
	if err != nil {
		return f, err
	}
	f.Size, f.SHA256 = int64(len(data)), sha256.Sum256(data)
	f.Staging, f.StoreChecksum = u.Name+refMark+url.QueryEscape(u.ID), objectstore.CompositeSHA256(f.SHA256)
	_, err = s.bucket.UploadPart(ctx, u, 1, bytes.NewReader(data), f.Size, f.SHA256)
	return f, err
}

func (*stubUploads) sealed() error { return nil }

func (s *stubUploads) Publish(ctx context.Context, f chatferry.PartFile) error {
	u := parseRef(f.Staging)
	var last error
	for range 5 {
		info, err := s.bucket.Head(ctx, f.Name)
		switch {
		case err == nil && info.Checksum != f.StoreChecksum:
			return chatferry.Errorf(chatferry.KindIncompatible, "", "%s is taken by other bytes", f.Name)
		case err == nil:
			return s.bucket.Abort(ctx, u)
		case !errors.Is(err, objectstore.ErrNotExist):
			return err
		case errors.Is(last, objectstore.ErrAmbiguous):
			return last // it may be completed later
		case errors.Is(last, objectstore.ErrNoUpload):
			return chatferry.ErrStagingGone
		}
		parts, err := s.bucket.ListParts(ctx, u)
		if err == nil {
			_, err = s.bucket.Complete(ctx, u, parts)
		}
		last = err
	}
	return last
}

func (s *stubUploads) Unpublish(ctx context.Context, f chatferry.PartFile) error {
	return s.bucket.Delete(ctx, f.Name)
}

// nameForm finds the Shard in the name of a file, or the generation if it is of a replace.
var nameForm = regexp.MustCompile(`/(?:part-)?(?:(\d{12})|r(\d{12}))-\d{12}\.`)

func (s *stubUploads) ListStaged(ctx context.Context, shard chatferry.ShardID) ([]chatferry.Staged, error) {
	var out []chatferry.Staged
	for u, err := range s.bucket.ListUploads(ctx, "") {
		if err != nil {
			return nil, err
		}
		m := nameForm.FindStringSubmatch(u.Name)
		if m != nil && (m[1] == shard.String() || m[1] == "" && shard == replacements) {
			generation, _ := strconv.ParseUint("0"+m[2], 10, 64) // 0: of a Shard
			out = append(out, chatferry.Staged{
				Ref: u.Name + refMark + url.QueryEscape(u.ID), Shard: shard, Generation: generation, Begun: u.Begun,
			})
		}
	}
	return out, nil
}

func (s *stubUploads) StagedShards(ctx context.Context) ([]chatferry.ShardID, error) {
	var out []chatferry.ShardID
	for u, err := range s.bucket.ListUploads(ctx, "") {
		if err != nil {
			return nil, err
		}
		if m := nameForm.FindStringSubmatch(u.Name); m != nil {
			shard, _ := strconv.ParseUint("0"+m[1], 10, 64) // 0: of a replace
			out = append(out, chatferry.ShardID(shard))
		}
	}
	return out, nil
}

func (s *stubUploads) Unstage(ctx context.Context, st chatferry.Staged) error {
	return s.bucket.Abort(ctx, parseRef(st.Ref))
}

// bucketGround is a simulated bucket as the ground of a dataset. All that it has is durable.
type bucketGround struct{ *sims3.Store }

func (g bucketGround) Durable(name string) ([]byte, bool) {
	if strings.Contains(name, refMark) {
		return g.Uploaded(parseRef(name).ID)
	}
	return g.Object(name)
}
