package transform

func accountFields() []field {
	return []field{
		str("account_key"),
		low("status"),
		seconds("create_date"),
		object("plan",
			low("name"), text("short_desc"), text("long_desc"), float("price"), integer("max_agents"), integer("goals"),
			low("max_departments"), low("max_concurrent_chats"), low("max_history_search_days"),
			low("max_basic_triggers"), low("max_advanced_triggers"), low("widget_customization"),
			boolean("agent_leaderboard"), boolean("agent_reports"), boolean("analytics"), boolean("chat_reports"),
			boolean("daily_reports"), boolean("email_reports"), boolean("file_upload"), boolean("high_load"),
			boolean("integrations"), boolean("ip_restriction"), boolean("monitoring"), boolean("operating_hours"),
			boolean("rest_api"), boolean("sla"), boolean("support"), boolean("unbranding")),
		object("billing",
			str("first_name"), str("last_name"), str("email"), str("company"), text("address1"), text("address2"),
			str("city"), str("state"), str("postal_code"), low("country_code"), text("additional_info")),
	}
}

func agentFields() []field {
	return []field{
		integer("id").isKey().upgraded(),
		str("email"),
		str("first_name"),
		str("last_name"),
		str("display_name"),
		boolean("enabled"),
		integer("role_id"),
		object("roles", boolean("owner"), boolean("administrator")),
		ints("departments").upgraded(),
		ints("enabled_departments").upgraded(),
		ints("skills"),
		low("scope"),
		seconds("create_date"),
		seconds("last_login").orNull(),
		integer("login_count"),
	}
}

func roleFields() []field {
	return []field{
		integer("id").isKey(),
		str("name"),
		text("description"),
		boolean("enabled"),
		integer("members_count"),
		object("permissions",
			low("visitors_seen"), low("proactive_chatting"), low("view_past_chats"), low("manage_bans"),
			low("access_analytics"), low("view_monitor"), low("edit_department_agents"), low("set_agent_chat_limit"),
			low("manage_shortcuts"), boolean("edit_visitor_information"), boolean("edit_visitor_notes"),
			boolean("edit_chat_tags")),
	}
}

func departmentFields() []field {
	return []field{
		integer("id").isKey().upgraded(),
		str("name"),
		text("description"),
		boolean("enabled"),
		ints("members").upgraded(),
		object("settings",
			boolean("chat_enabled"), low("solved_ticket_reassignment_strategy"), integer("support_group_id")),
	}
}

func skillFields() []field {
	return []field{
		integer("id").isKey(), str("name"), text("description"), boolean("enabled"), ints("members").upgraded(),
	}
}

func shortcutFields() []field {
	return []field{
		str("name").isKey(),
		str("id"),
		text("message"),
		text("options"),
		strs("tags"),
		low("scope"),
		ints("departments").upgraded(),
		ints("agents").upgraded(),
	}
}

// triggerFields: the id is missing in records of some accounts; the name stands in for it (see Key).
func triggerFields() []field {
	return []field{integer("id"), str("name"), text("description"), boolean("enabled"), rawJSON("definition")}
}

func goalFields() []field {
	return []field{
		integer("id").isKey(),
		str("name"),
		text("description"),
		boolean("enabled"),
		low("attribution_model"),
		integer("attribution_period"),
		rawJSON("settings"),
	}
}

func banFields() []field {
	return []field{
		integer("id").isKey(),
		low("type"),
		text("reason"),
		instant("created_at"),
		str("visitor_id"),
		str("visitor_name"),
		str("ip_address"),
	}
}

func routingFields() []field {
	return []field{
		integer("agent_id").upgraded(),
		low("routing_mode"),
		object("chat_limit", boolean("enabled"), integer("limit"), low("limit_type"), boolean("allow_agent_override")),
		object("skill_routing", boolean("enabled"), integer("max_wait_time")),
		object("reassignment", boolean("enabled"), integer("timeout")),
		object("auto_idle", boolean("enabled"), integer("reassignments_before_idle"), low("new_status")),
		object("auto_accept", boolean("enabled")),
	}
}

// oauthClientFields have no secrets: those are cut out before a record is decoded.
func oauthClientFields() []field {
	return []field{
		integer("id").isKey(),
		str("name"),
		str("company"),
		str("client_identifier"),
		low("client_type"),
		text("redirect_uris"),
		low("scopes"),
		integer("agent_id").upgraded(),
		seconds("create_date").orNaive(),
		seconds("update_date").orNaive(),
	}
}
