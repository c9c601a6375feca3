package load

import (
	"fmt"
	"regexp"
	"strconv"

	"chatferry"
)

// RowsName is the final name of the file that holds a Part's rows of one table.
func RowsName(t chatferry.Table, shard chatferry.ShardID, seq uint64) string {
	return fmt.Sprintf("tables/%s/part-%s-%012d.parquet", t, shard, seq)
}

// LedgerName is the final name of a Part's ledger.
func LedgerName(shard chatferry.ShardID, seq uint64) string {
	return fmt.Sprintf("_chatferry/ledger/%s-%012d.parquet", shard, seq)
}

// QuarantineName is the final name of the file that holds a Part's Rejects.
func QuarantineName(shard chatferry.ShardID, seq uint64) string {
	return fmt.Sprintf("_chatferry/quarantine/%s-%012d.ndjson.zst", shard, seq)
}

// ReplacedRowsName is the final name of the k-th file of rows of a table that a replace adds.
func ReplacedRowsName(t chatferry.Table, generation, k uint64) string {
	return fmt.Sprintf("tables/%s/part-r%012d-%012d.parquet", t, generation, k)
}

// ReplacedLedgerName is the final name of the k-th ledger that a replace adds.
func ReplacedLedgerName(generation, k uint64) string {
	return fmt.Sprintf("_chatferry/ledger/r%012d-%012d.parquet", generation, k)
}

// ReplacedQuarantineName is the final name of the k-th file of Rejects that a replace leaves in quarantine.
func ReplacedQuarantineName(generation, k uint64) string {
	return fmt.Sprintf("_chatferry/quarantine/r%012d-%012d.ndjson.zst", generation, k)
}

// ReplayedName is the final name of the k-th file of Rejects that a replace takes out of quarantine.
func ReplayedName(generation, k uint64) string {
	return fmt.Sprintf("_chatferry/replayed/r%012d-%012d.ndjson.zst", generation, k)
}

// partName has the forms above: whether a replace adds the file, and the number of its generation or Shard.
var partName = regexp.MustCompile(
	`^(?:tables/[a-z][a-z0-9_]*/part-|_chatferry/(?:ledger|quarantine|replayed)/)(r?)(\d{12,})-\d{12,}\.(?:parquet|ndjson\.zst)$`)

// ShardOfName returns the Shard whose Part a file with this final name belongs to, 0 if a replace adds it. It is not ok
// if it is no name of such a file.
func ShardOfName(name string) (shard chatferry.ShardID, ok bool) {
	shard, _, ok = ownerOfName(name)
	return shard, ok
}

// GenerationOfName returns the generation of the replace that adds a file with this final name, 0 if none does.
func GenerationOfName(name string) uint64 {
	_, generation, _ := ownerOfName(name)
	return generation
}

func ownerOfName(name string) (shard chatferry.ShardID, generation uint64, ok bool) {
	m := partName.FindStringSubmatch(name)
	if m == nil {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(m[2], 10, 64)
	switch {
	case err != nil:
		return 0, 0, false
	case m[1] != "":
		return 0, n, true
	}
	return chatferry.ShardID(n), 0, true
}
