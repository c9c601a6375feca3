// Package hydrate finds in a dataset what the Chat API gives only one by one, when asked by its name: visitors, which it
// cannot list, and the files that were sent in chats.
//
// Both lists are read out of the columns of the Parquet files of Shards that are done, so they depend on the dataset alone
// and not on when they are asked for. They are in the order of their keys, so that a Position is a key. No list is ever
// held in memory: one scan of the columns keeps the smallest keys behind the last one that was given, some tens of
// thousands, and the next scan those behind them.
package hydrate
