package transform

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"

	"chatferry"
)

func TestSecretsAreCut(t *testing.T) {
	const secret = "hunter2"
	cases := []struct{ name, record, want string }{
		{"none", `{"id":1, "name":"n"}`, `{"id":1, "name":"n"}`},
		{"first", `{"client_secret":"hunter2","id":1}`, `{"id":1}`},
		{"last", `{"id":1,"access_token":"hunter2"}`, `{"id":1}`},
		{"between", `{ "id":1 ,"refresh_token":{"x":"hunter2"}, "name":"n" }`, `{ "id":1 , "name":"n" }`},
		{"spacing", "{ \"id\" : 1 ,\n \"x\" : [ 1 , { } ] }", "{ \"id\" : 1 ,\n \"x\" : [ 1 , { } ] }"},
		{"deep", `{"id":1,"x":[{"client_secret":"hunter2"},[],[1,{"a":{"access_token":"hunter2","b":2}}]],"y":{}}`, `{"id":1,"x":[{},[],[1,{"a":{"b":2}}]],"y":{}}`},
		{"escaped name", `{"id":1,"client\u005fsecret":"hunter2"}`, `{"id":1}`},
		{"letter case", `{"id":1,"Client_Secret":"hunter2"}`, `{"id":1}`},
		{"only secrets", `{"x":{"client_secret":"hunter2","access_token":"hunter2"},"id":1}`, `{"x":{},"id":1}`},
		{"like a secret", `{"id":1,"client_secrets":0,"name":"client_secret"}`, `{"id":1,"client_secrets":0,"name":"client_secret"}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := run(t, New(chatferry.OAuthClients, Options{}), page(chatferry.OAuthClients, "", c.record))
			if b.Books.Loaded.N != 1 {
				t.Fatalf("%+v", b.Rejects)
			}
			sameJSON(t, rebuilt(t, chatferry.OAuthClients, b)[0], []byte(c.want))
			var want chatferry.Tally
			sum := sha256.Sum256([]byte(c.want))
			e := chatferry.Entry(chatferry.OAuthClients, &sum)
			want.Count(int64(len(c.record)), &e)
			if b.Books.Read != want {
				t.Error("the digest is not that of the record without its secrets")
			}
			if dump := fmt.Sprint(b.Rows[0].Record); bytes.Contains([]byte(dump), []byte(secret)) {
				t.Error("the secret is in the rows")
			}
		})
	}
}

// TestSecretRejects: a bad record that may hold credentials leaves none of its bytes.
func TestSecretRejects(t *testing.T) {
	for _, record := range []string{
		`{"client_secret":"hunter2"`, `{"client_secret":"hunter2"}`, `["hunter2"]`, `{"id":1,"client_secret":"hunter2","client_secret":"hunter2"}`,
		"{\"id\":1,\"client_secret\":\"hunter2\",\"x\":\"\xff\"}", ``, `{"id":1,"x":` + nested(MaxDepth) + `}`,
	} {
		b := run(t, New(chatferry.OAuthClients, Options{}), page(chatferry.OAuthClients, "", record))
		if len(b.Rejects) != 1 || b.Rejects[0].Raw != nil || bytes.Contains([]byte(b.Rejects[0].Reason), []byte("hunter2")) {
			t.Errorf("%.60s: %+v", record, b.Rejects)
		}
	}
	p := page(chatferry.OAuthClients, "", `{"client_secret":"hunter2"`)
	p.Records[0].Fault = &chatferry.Fault{Code: chatferry.CodeTruncated, Reason: "cut"}
	if b := run(t, New(chatferry.OAuthClients, Options{}), p); b.Rejects[0].Raw != nil {
		t.Error("a fault of the Source keeps the record's bytes")
	}
}
