// Package estimate says beforehand what carrying an account or a dump over takes, and afterwards whether it was so.
//
// An account is asked for what it tells cheaply: the Streams of its configuration are read as the cut-over reads them, so that
// their records, bytes and requests are counted, not guessed; chats are counted by month with the counts of searches; of the
// other Streams a few pages are looked at. A dump is listed, and the beginnings of some of its files are read. Every figure
// bears how it was found: counted, sampled or assumed.
//
// From the requests follows the time: requests go out one interval apart, over several Lanes, each of which waits for its
// answer before it asks again. That course is played through, request by request; see course.
//
// Nothing is written but the estimate itself.
package estimate
