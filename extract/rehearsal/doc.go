// Package rehearsal makes up a legacy chat account: every Stream of it, consistent in itself, with the quirks that real
// exports have, some conversations of Zendesk Message among the chats, and some records that are broken. Tests, the demo
// and benchmarks carry it over, and hold what came out against what the account itself says must come out.
//
// An account follows from its [Options] alone. Its chats are numbered, and each is made from the seed and its number, so
// that an account of many million chats takes no memory and its months can be written side by side.
//
//	account, calendar, staff, visitor, chat, talk, presence, tally   what happened
//	quirk, bad                                                       what is odd or broken
//	wire…, config, automation, analytics                             how it is written down
//	record, truth                                                    records, and what must become of them
//	dump, layout, encode                                             files
//
// Nobody in it exists: addresses are of domains and networks kept for examples, secrets say that they are fake.
package rehearsal
