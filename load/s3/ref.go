package s3

import (
	"net/url"
	"strings"

	"chatferry"
	"chatferry/checkpoint/objectstore"
	"chatferry/load"
)

// A reference of an upload, PartFile.Staging, is what S3 itself calls it below the root: <name>?uploadId=<id>. The parts
// are not in it, so that a record of the log stays small: the store lists them when they are needed, with ETags that
// are true then. A part that was sent twice may have another ETag than the one that was answered first.
const refMark = "?uploadId="

func refOf(u objectstore.Upload) string { return u.Name + refMark + url.QueryEscape(u.ID) }

// parseRef returns the upload of a reference.
func parseRef(ref string) (objectstore.Upload, error) {
	name, escaped, _ := strings.Cut(ref, refMark)
	id, err := url.QueryUnescape(escaped)
	if _, ok := load.ShardOfName(name); !ok || id == "" || err != nil {
		return objectstore.Upload{}, chatferry.Errorf(chatferry.KindIncompatible, hintReport, "%q is not the reference of an upload", ref)
	}
	return objectstore.Upload{Name: name, ID: id}, nil
}

// checkName refuses final names that no file of a Part has, so that a damaged record can neither publish over a log nor
// remove one.
func checkName(name string) error {
	if _, ok := load.ShardOfName(name); !ok {
		return chatferry.Errorf(chatferry.KindIncompatible, hintReport, "%q is not the name of a file of a Part", name)
	}
	return nil
}

const hintReport = "keep the dataset as it is and report this"
