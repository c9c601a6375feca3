// Package rehearsal makes up a legacy chat account: every Stream of it, consistent in itself, with the quirks that real
// exports have, some conversations of Zendesk Message among the chats, and some records that are broken. Tests, the demo
// and benchmarks carry it over, and hold what came out against what the account itself says must come out.
//
// An account follows from its [Options] alone. Its chats are numbered, and each is made from the seed and its number, so
// that an account of many million chats takes no memory and its months can be written side by side.
//
//	account.go, calendar.go, staff.go, visitor.go, chat.go, talk.go, presence.go   what happened
//	quirk.go, bad.go                                                               what is odd or broken
//	wire*.go, config.go, automation.go, tally.go, analytics.go                        how it is written down
//	record.go, truth.go                                                            records, and what must become of them
//	dump.go, layout.go, encode.go                                                  files
//
// Nobody in it exists: addresses are of domains and networks kept for examples, secrets say that they are fake.
package rehearsal
