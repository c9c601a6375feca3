// Package notify tells others how a run ended: a webhook, a command, or both.
//
// Both are given the same JSON object, an Event: what ended, how, the counts of each Stream, and the command that goes on. It
// holds no value of any record, no secret, and no sentence of a server; what went wrong in detail stays on stderr and in the
// log of the machine that ran.
//
// A webhook is sent as the Standard Webhooks convention has it (standardwebhooks.com), so that its receivers can use a library:
//
//	webhook-id         names the event; the same in every try, so that a receiver can drop what it has had
//	webhook-timestamp  seconds of the epoch, when the try began
//	webhook-signature  "v1," and the base64 of HMAC-SHA256(secret, id "." timestamp "." body)
//
// The secret is the bytes of its text, or what the base64 behind whsec_ holds. What may pass is tried again, later each time:
// no answer, 408, 425, 429, 5xx. A redirect is followed within the origin alone, and only if it keeps method and body.
//
// No failure here is a failure of the run: it is told on stderr, within a bound of time.
package notify
