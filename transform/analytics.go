package transform

func visitorFields() []field {
	return []field{
		str("id").isKey(),
		str("name"),
		str("email"),
		str("phone"),
		text("notes"),
		str("external_id"),
		boolean("banned"),
		seconds("created"),
	}
}

// attachmentFields: content_base64 is the whole file, so it has neither a dictionary nor statistics.
func attachmentFields() []field {
	return []field{
		str(ColumnChatID).isKey(),
		integer(ColumnIndex).isKey(),
		text("url"),
		text("name"),
		integer("size"),
		low("mime_type"),
		low("status"),
		low("reason"),
		integer("http_status"),
		low("content_type"),
		low("content_encoding"),
		integer("content_length"),
		seconds("fetched_at"),
		integer("fetched_size"),
		str("sha256"),
		text("content_base64"),
	}
}

func agentTimelineFields() []field {
	return []field{
		integer("agent_id").isKey().upgraded(),
		micros("start_time").isKey(),
		float("duration"),
		low("status"),
		integer("engagement_count"),
	}
}

// agentEventFields: the values are status words, or counts written as numbers; either is the text of the column.
func agentEventFields() []field {
	return []field{
		str("id").isKey(),
		integer("account_id"),
		integer("agent_id").upgraded(),
		low("field_name"),
		low("previous_value"),
		low("value"),
		micros("timestamp"),
	}
}

func departmentEventFields() []field {
	return []field{
		str("id").isKey(),
		integer("department_id").upgraded(),
		low("field_name"),
		rawJSON("previous_value").orNull(),
		rawJSON("value"),
		instant("timestamp"),
	}
}

func conversionFields() []field {
	return []field{
		str("id").isKey(),
		instant("timestamp"),
		integer("goal_id").orNull(),
		low("goal_name").orNull(),
		attributionFields(),
	}
}
