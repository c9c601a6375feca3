package chatapi

import (
	"net/http"
)

// attachment answers with the bytes of a file that a visitor sent. It asks for no token: the name is the secret.
func attachment(c *call) *failure {
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		return &failure{status: http.StatusMethodNotAllowed, code: "method_not_allowed", description: "files can only be read"}
	}
	content, media, ok := c.s.account.File(c.args[0])
	if !ok {
		return notFound("there is no such file")
	}
	c.body, c.media = content, media
	return nil
}
