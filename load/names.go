package load

import (
	"fmt"

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
