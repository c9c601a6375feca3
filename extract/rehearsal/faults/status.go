package faults

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	unauthorisedJSON = `{"error":"invalid_token","description":"the access token is not valid, or not any more"}`
	forbiddenJSON    = `{"error":"forbidden","description":"the token may not read this"}`
	missingJSON      = `{"error":"not_found","description":"there is no such resource"}`
	tooManyJSON      = `{"error":"too_many_requests","description":"the rate limit was exceeded"}`
	unavailableJSON  = `{"error":"service_unavailable","description":"try again later"}`

	proxyPage = "<html>\r\n<head><title>Bad Gateway</title></head>\r\n<body>\r\n<center><h1>The server did not answer</h1></center>\r\n</body>\r\n</html>\r\n"
	loginPage = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n<body><form action=\"/login\" method=\"post\">" +
		"<input name=\"email\"><input name=\"password\" type=\"password\"></form></body></html>\n"
	// loginElsewhere is on a host that is kept for examples.
	loginElsewhere = "https://login.example.com/sign-in"

	clockOff = 2 * time.Hour
)

// status answers with a status and a body instead.
func status(code int, media, body string) func(*turn) bool {
	return func(t *turn) bool {
		t.answer.become(code, media, body)
		return true
	}
}

// revoke refuses the token of the request, now and from now on.
func revoke(t *turn) bool {
	t.h.mu.Lock()
	t.h.revoked[t.r.Header.Get("Authorization")] = true
	t.h.mu.Unlock()
	t.answer.become(http.StatusUnauthorized, "application/json", unauthorisedJSON)
	return true
}

// redirect sends the client to another host.
func redirect(t *turn) bool {
	t.answer.become(http.StatusFound, "text/html; charset=utf-8", "")
	t.answer.header.Set("Location", loginElsewhere)
	return true
}

// tooMany answers 429; retry writes Retry-After, or "" for none.
func tooMany(retry func(t *turn) string) func(*turn) bool {
	return func(t *turn) bool {
		after := retry(t)
		t.answer.become(http.StatusTooManyRequests, "application/json", tooManyJSON)
		if after != "" {
			t.answer.header.Set("Retry-After", after)
		}
		return true
	}
}

func retrySeconds(t *turn) string {
	return strconv.Itoa(int((t.h.o.RetryAfter + time.Second - 1) / time.Second))
}

func retryDate(t *turn) string {
	return t.answer.date().Add(t.h.o.RetryAfter).UTC().Format(http.TimeFormat)
}

func retryBare(*turn) string { return "" }

func retryDay(*turn) string { return "86400" }

func retryNegative(*turn) string { return "-30" }

func retryGarbage(t *turn) string {
	return oneOf(t.rng, "soon", "5 minutes", "1e3", "0x10")
}

func oneOf(r *rand.Rand, texts ...string) string { return texts[r.IntN(len(texts))] }

// clock makes the server's clock wrong.
func clock(off time.Duration) func(*turn) bool {
	return func(t *turn) bool {
		t.answer.header.Set("Date", t.answer.date().Add(off).UTC().Format(http.TimeFormat))
		return true
	}
}

// date is the server's clock, as the answer tells it.
func (a *answer) date() time.Time {
	if at, err := http.ParseTime(a.header.Get("Date")); err == nil {
		return at
	}
	return time.Now()
}
