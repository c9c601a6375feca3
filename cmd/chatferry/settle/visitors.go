package settle

import "chatferry"

// ChatVisitors is the table of the visitors of all chats, derived from them.
const ChatVisitors chatferry.Table = "chat_visitors"
