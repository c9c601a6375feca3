package sims3

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The answers in XML.
type (
	listBucketResult struct {
		IsTruncated           bool
		EncodingType          string
		NextContinuationToken string `xml:",omitempty"`
		Contents              []listedObject
	}
	listedObject struct {
		Key, LastModified, ETag string
		Size                    int64
	}
	listMultipartUploadsResult struct {
		IsTruncated        bool
		NextKeyMarker      string
		NextUploadIdMarker string
		Upload             []listedUpload
	}
	listedUpload struct{ Key, UploadId, Initiated string }

	listPartsResult struct {
		IsTruncated          bool
		NextPartNumberMarker int
		Part                 []listedPart
	}
	listedPart struct {
		PartNumber           int
		Size                 int64
		ETag, ChecksumSHA256 string
	}
	initiateMultipartUploadResult struct{ UploadId string }
	completeMultipartUploadResult struct{ ETag string }
)

func spell(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// document is the answer's body; nil if it has none.
func document(r *request, a answer, q url.Values) (name string, body any) {
	switch r.op {
	case "ListObjectsV2":
		out := listBucketResult{IsTruncated: a.more, EncodingType: q.Get("encoding-type")}
		for _, o := range a.objects {
			out.NextContinuationToken = o.Name
			key := o.Name
			if out.EncodingType == "url" {
				key = url.QueryEscape(key)
			}
			out.Contents = append(out.Contents, listedObject{key, spell(o.Modified), o.ETag, o.Size})
		}
		return "ListBucketResult", out
	case "ListMultipartUploads":
		out := listMultipartUploadsResult{IsTruncated: a.more}
		for _, u := range a.uploads {
			out.NextKeyMarker, out.NextUploadIdMarker = u.Name, u.ID
			out.Upload = append(out.Upload, listedUpload{u.Name, u.ID, spell(u.Begun)})
		}
		return "ListMultipartUploadsResult", out
	case "ListParts":
		out := listPartsResult{IsTruncated: a.more}
		for _, p := range a.parts {
			out.NextPartNumberMarker = p.Number
			out.Part = append(out.Part, listedPart{p.Number, p.Size, p.ETag, base64.StdEncoding.EncodeToString(p.SHA256[:])})
		}
		return "ListPartsResult", out
	case "CreateMultipartUpload":
		return "InitiateMultipartUploadResult", initiateMultipartUploadResult{a.upload}
	case "CompleteMultipartUpload":
		return "CompleteMultipartUploadResult", completeMultipartUploadResult{a.etag}
	}
	return "", nil
}

func writeAnswer(w http.ResponseWriter, r *request, a answer, q url.Values, f Fault) {
	if a.etag != "" {
		w.Header().Set("ETag", a.etag)
	}
	name, body := document(r, a, q)
	if body == nil {
		if a.status != 0 {
			w.WriteHeader(a.status)
		}
		return
	}
	text := bytes.NewBufferString(xml.Header)
	if err := xml.NewEncoder(text).EncodeElement(body, xml.StartElement{Name: xml.Name{Local: name}}); err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/xml")
	writeBody(w, text.Bytes(), f)
}

// writeBody writes the body of an answer, or half of it.
func writeBody(w http.ResponseWriter, data []byte, f Fault) {
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	if f.Cut {
		_, _ = w.Write(data[:len(data)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	if _, err := w.Write(data); err != nil {
		panic(http.ErrAbortHandler) // the client broke off
	}
}
