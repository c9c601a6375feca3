package transform

import (
	"slices"

	"chatferry"

	"github.com/apache/arrow/go/v17/arrow"
)

// The keys of the hints that a column's Arrow metadata may hold for the Parquet writer.
const (
	HintDictionary = "chatferry.dictionary" // "1": few different values
	HintStatistics = "chatferry.statistics" // "0": free text, whose smallest and largest value are of no use
)

// The columns that every table has besides those of its fields.
const (
	ColumnExtra        = "_extra"         // what the other columns do not hold, as JSON
	ColumnRawSHA256    = "_raw_sha256"    // parents: SHA-256 of the record's bytes
	ColumnSourceShard  = "_source_shard"  // the Shard the record was read from,
	ColumnSourceSeq    = "_source_seq"    // the Part it was loaded with,
	ColumnSourceOffset = "_source_offset" // and its Offset
	ColumnChatID       = "chat_id"        // child tables and attachments: the chat
	ColumnIndex        = "index"          // the same: the element's index in its array
)

// storage is the physical form of a column.
type storage uint8

const (
	storeString storage = iota
	storeInt64
	storeTime
	storeFloat64
	storeBool
	storeInt32
	storeSHA256
	storeStrings
	storeInts
)

// columnSpec is one column of a table.
type columnSpec struct {
	name  string
	store storage
	hint  hint
	byRow bool // not of the record's values: set for every row by what is around it
	empty bool // filled by nothing that is read
}

// layout is everything that is fixed about one table: its columns, and how the members of a record find them.
type layout struct {
	table   chatferry.Table
	columns []columnSpec
	root    *node
	schema  *arrow.Schema

	extra, sha, shard, seq, offset int // indexes of columns; -1: not in this table
	chatID, index                  int
	idCreatedAt, suspect           int
}

// tableFields returns the declaration of a table that a JSON Stream feeds.
func tableFields(t chatferry.Table) []field {
	switch t {
	case chatferry.Account.Parent():
		return accountFields()
	case chatferry.Agents.Parent():
		return agentFields()
	case chatferry.Roles.Parent():
		return roleFields()
	case chatferry.Departments.Parent():
		return departmentFields()
	case chatferry.Skills.Parent():
		return skillFields()
	case chatferry.Shortcuts.Parent():
		return shortcutFields()
	case chatferry.Triggers.Parent():
		return triggerFields()
	case chatferry.Goals.Parent():
		return goalFields()
	case chatferry.Bans.Parent():
		return banFields()
	case chatferry.RoutingSettings.Parent():
		return routingFields()
	case chatferry.OAuthClients.Parent():
		return oauthClientFields()
	case chatferry.Chats.Parent():
		return chatFields()
	case chatferry.ChatHistory:
		return historyFields()
	case chatferry.ChatWebpath:
		return webpathFields()
	case chatferry.ChatEngagements:
		return engagementFields()
	case chatferry.ChatConversions:
		return chatConversionFields()
	case chatferry.Visitors.Parent():
		return visitorFields()
	case chatferry.AgentTimeline.Parent():
		return agentTimelineFields()
	case chatferry.AgentEvents.Parent():
		return agentEventFields()
	case chatferry.DepartmentEvents.Parent():
		return departmentEventFields()
	case chatferry.Conversions.Parent():
		return conversionFields()
	case chatferry.Attachments.Parent():
		return attachmentFields()
	}
	if s := chatferry.Stream(t); s.CSV() && s.Known() {
		return csvFields(s)
	}
	return nil
}

// Schema returns the schema of a table, or nil if no Stream feeds such a table.
func Schema(t chatferry.Table) *arrow.Schema {
	l := newLayout(t)
	if l == nil {
		return nil
	}
	return l.schema
}

func isChild(t chatferry.Table) bool {
	return slices.Contains(chatferry.Chats.Tables()[1:], t)
}

func newLayout(t chatferry.Table) *layout {
	fields := tableFields(t)
	if fields == nil {
		return nil
	}
	l := &layout{table: t, sha: -1, chatID: -1, index: -1, idCreatedAt: -1, suspect: -1}
	child := isChild(t)
	if child {
		l.chatID = l.add(columnSpec{name: ColumnChatID, store: storeString, byRow: true})
		l.index = l.add(columnSpec{name: ColumnIndex, store: storeInt32, byRow: true})
	}
	l.root = l.node("", fields)
	if t == chatferry.Chats.Parent() {
		l.idCreatedAt = l.add(columnSpec{name: "id_created_at", store: storeTime})
		l.suspect = l.add(columnSpec{name: "message_suspect", store: storeString, hint: hintLow})
	}
	l.extra = l.add(columnSpec{name: ColumnExtra, store: storeString, hint: hintText})
	if !child {
		l.sha = l.add(columnSpec{name: ColumnRawSHA256, store: storeSHA256, byRow: true})
	}
	l.shard = l.add(columnSpec{name: ColumnSourceShard, store: storeInt64, byRow: true})
	l.seq = l.add(columnSpec{name: ColumnSourceSeq, store: storeInt64, byRow: true})
	l.offset = l.add(columnSpec{name: ColumnSourceOffset, store: storeInt64, byRow: true})
	l.schema = l.arrowSchema()
	return l
}

func (l *layout) add(c columnSpec) int {
	l.columns = append(l.columns, c)
	return len(l.columns) - 1
}

// column returns the index of a column, or -1.
func (l *layout) column(name string) int {
	return slices.IndexFunc(l.columns, func(c columnSpec) bool { return c.name == name })
}

func (l *layout) arrowSchema() *arrow.Schema {
	fields := make([]arrow.Field, len(l.columns))
	for i, c := range l.columns {
		fields[i] = arrow.Field{Name: c.name, Type: c.store.arrowType(), Nullable: true}
		switch c.name {
		case ColumnChatID, ColumnIndex, ColumnRawSHA256, ColumnSourceShard, ColumnSourceSeq, ColumnSourceOffset:
			fields[i].Nullable = false
		}
		switch c.hint {
		case hintLow:
			fields[i].Metadata = arrow.NewMetadata([]string{HintDictionary}, []string{"1"})
		case hintText:
			fields[i].Metadata = arrow.NewMetadata([]string{HintStatistics}, []string{"0"})
		}
	}
	return arrow.NewSchema(fields, nil)
}

func (s storage) arrowType() arrow.DataType {
	switch s {
	case storeInt64:
		return arrow.PrimitiveTypes.Int64
	case storeTime:
		return arrow.FixedWidthTypes.Timestamp_us
	case storeFloat64:
		return arrow.PrimitiveTypes.Float64
	case storeBool:
		return arrow.FixedWidthTypes.Boolean
	case storeInt32:
		return arrow.PrimitiveTypes.Int32
	case storeSHA256:
		return &arrow.FixedSizeBinaryType{ByteWidth: 32}
	case storeStrings:
		return arrow.ListOf(arrow.BinaryTypes.String)
	case storeInts:
		return arrow.ListOf(arrow.PrimitiveTypes.Int64)
	default:
		return arrow.BinaryTypes.String
	}
}
