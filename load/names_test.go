package load_test

import (
	"testing"

	"chatferry"
	"chatferry/load"
)

func TestShardOfName(t *testing.T) {
	const big = chatferry.ShardID(1_234_567_890_123)
	for name, want := range map[string]chatferry.ShardID{
		load.RowsName("chat_history", 7, 3):           7,
		load.RowsName("chats", big, 3):                big,
		load.LedgerName(7, 1_234_567_890_123):         7,
		load.QuarantineName(7, 3):                     7,
		load.ReplacedRowsName("analytics_2", 9, 3):    0,
		load.ReplacedLedgerName(1_234_567_890_123, 3): 0,
	} {
		if got, ok := load.ShardOfName(name); got != want || !ok {
			t.Errorf("%s: shard %s, %v", name, got, ok)
		}
	}
	for _, name := range []string{
		"", "tables", "tables/", "tables/../_chatferry/FORMAT", "_chatferry/FORMAT", "_chatferry/log/dataset/000000000001.json",
		"/tables/chats/part-000000000007-000000000001.parquet", "tables//part-000000000007-000000000001.parquet",
		"tables/chats/part-7-1.parquet", "tables/chats/part-000000000007-000000000001.parquet.tmp",
		"tables/chats/000000000007-000000000001.parquet", "tables/a/b/part-000000000007-000000000001.parquet",
		"_chatferry/ledger/000000000007.parquet", "_chatferry/ledger/x000000000007-000000000001.parquet",
		"tables/chats/part-99999999999999999999999-000000000001.parquet", "tables/chats/part-000000000007-000000000001.parquet\n",
	} {
		if got, ok := load.ShardOfName(name); ok {
			t.Errorf("%q is taken for a file of shard %s", name, got)
		}
	}
	for name, want := range map[string]uint64{
		load.ReplacedRowsName("analytics_2", 9, 3):    9,
		load.ReplacedLedgerName(1_234_567_890_123, 3): 1_234_567_890_123,
		load.RowsName("chat_history", 7, 3):           0,
		"_chatferry/FORMAT":                           0,
	} {
		if got := load.GenerationOfName(name); got != want {
			t.Errorf("%s: generation %d, want %d", name, got, want)
		}
	}
}
