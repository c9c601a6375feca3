// Package progress shows a person, or a program, how far a run is.
//
// A [Tracker] is told by the Lanes what they do and counts. A view draws what it counted: [NewBar] a table on a terminal,
// [NewLines] a line now and then, [NewJSON] one JSON object a line. [Run] lets a view draw at its own pace until the run
// has ended.
//
// The rate is that of the last half minute, so that it follows the source; work of earlier runs does not count in it.
// There is no estimate of the time left before there is enough to estimate from.
package progress
