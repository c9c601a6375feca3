package transform

import "chatferry"

func chatFields() []field {
	return []field{
		str("id").isKey(),
		low("type"),
		seconds("timestamp"),
		seconds("end_timestamp"),
		seconds("update_timestamp"),
		low("started_by"),
		text("message"),
		object("visitor", str("id"), str("name"), str("email"), str("phone"), text("notes")),
		object("session",
			str("id"), low("browser"), low("platform"), text("user_agent"), str("ip"), low("city"), low("region"),
			low("country_code"), low("country_name"), seconds("start_date"), seconds("end_date")),
		strs("agent_ids").upgraded(),
		strs("agent_names"),
		integer("department_id").orNull().upgraded(),
		low("department_name").orNull(),
		integer("duration"),
		countFields(),
		responseTimeFields(),
		boolean("missed"),
		boolean("dropped"),
		float("abandon_time"),
		boolean("proactive"),
		boolean("triggered"),
		boolean("triggered_response").orNull(),
		boolean("unread"),
		low("rating").orNull(),
		text("comment").orNull(),
		strs("tags"),
		ints("skills_requested"),
		boolean("skills_fulfilled"),
		low("referrer_search_engine"),
		text("referrer_search_terms"),
		boolean("deleted"),
		integer("zendesk_ticket_id").orNull(),
		rows("history", chatferry.ChatHistory),
		rows("webpath", chatferry.ChatWebpath),
		rows("engagements", chatferry.ChatEngagements),
		rows("conversions", chatferry.ChatConversions),
		evidence("channel"),
		evidence("via"),
		evidence("source"),
		evidence("backend"),
	}
}

func countFields() field {
	return object("count", integer("total"), integer("agent"), integer("visitor"))
}

func responseTimeFields() field {
	return object("response_time", integer("first"), float("avg"), integer("max"))
}

func historyFields() []field {
	return []field{
		low("type"),
		micros("timestamp"),
		str("name"),
		str("nick"),
		low("sender_type"),
		integer("agent_id").upgraded(),
		str("channel"),
		text("msg"),
		text("options"),
		str("msg_id"),
		integer("department_id").upgraded(),
		low("department_name"),
		integer("prev_department_id").upgraded(),
		strs("tags"),
		strs("new_tags"),
		low("rating"),
		low("new_rating"),
		text("comment"),
		text("new_comment"),
		integer("queue_position"),
		integer("wait_queue"),
		object("attachment", text("url"), text("name"), integer("size"), low("mime_type")),
		strs("skills_name"),
		rawJSON("conversion"),
	}
}

func webpathFields() []field {
	return []field{text("from"), text("to"), text("title"), seconds("timestamp")}
}

func engagementFields() []field {
	return []field{
		str("id"),
		str("agent_id").upgraded(),
		low("agent_name"),
		low("agent_full_name"),
		integer("department_id").orNull().upgraded(),
		instant("timestamp"),
		float("duration"),
		boolean("accepted"),
		boolean("assigned"),
		low("started_by"),
		low("rating").orNull(),
		text("comment").orNull(),
		countFields(),
		responseTimeFields(),
		ints("skills_requested"),
		boolean("skills_fulfilled"),
	}
}

func chatConversionFields() []field {
	return []field{str("id"), integer("goal_id"), low("goal_name"), instant("timestamp"), attributionFields()}
}

// attributionFields are those seen inside chats (names of agent and department) and in the conversions export (the chat).
func attributionFields() field {
	return object("attribution",
		integer("agent_id").upgraded(), low("agent_name"), integer("department_id").upgraded(), low("department_name"),
		str("chat_id"), instant("chat_timestamp"))
}
