// Package live lets a run be watched over HTTP while it works: the page of its report, metrics for Prometheus, and a word on
// whether it is alive. It changes nothing and takes no orders.
//
// A run must not become slower because somebody watches it. The page is made by one request at a time, and served again to all
// others until it is stale: after a time that grows with what it took to make. Metrics are counters in memory.
//
// Nothing that is served is a value of a record. It tells all the same how large an account is, where its dataset lies and how
// it is carried, so that it is served on this machine alone unless the user says otherwise. A page in a browser of this machine
// could reach a loopback address under a name of its own (DNS rebinding); so a request has to name an address, localhost, or
// a name that the user has given.
package live
