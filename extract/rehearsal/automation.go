package rehearsal

import "fmt"

func (a *Account) shortcutRecords() []string {
	var out []string
	for k, s := range []struct{ name, message, options, tags string }{
		{"help", "Do you need a hand with that?", "Yes/No", `["help_survey"]`},
		{"hours", "We are here from 7 to 20 h, Monday to Friday.\nAt weekends it may take a little longer.", "", `[]`},
		{"volta", "Pode devolver o artigo até 30 dias depois da compra.", "", `["devolução"]`},
		{"rücksendung", "Das Etikett für die Rücksendung finden Sie in Ihrem Konto unter \"Meine Bestellungen\".", "", `["Rücksendung"]`},
		{"保証", "保証期間は2年間です。", "", `[]`},
		{"bye", "Thank you for visiting Fernweh Outdoor 👋", "Great/Good/Poor", `["goodbye_survey","bye"]`},
	} {
		raw := fmt.Sprintf(`{"name":%s,"message":%s,"options":%s,"tags":%s`, quoted(s.name), quoted(s.message), quoted(s.options), s.tags)
		if k > 1 { // newer ones say where they hold
			raw += fmt.Sprintf(`,"id":%s,"scope":"all","departments":[%d],"agents":[]`, quoted(s.name), a.departments[k%len(a.departments)].id)
		}
		out = append(out, raw+`}`)
	}
	for k := len(out); k < a.o.Shortcuts; k++ {
		name := quoted(fmt.Sprintf("phrase-%05d", k))
		out = append(out, fmt.Sprintf(`{"name":%s,"message":"This is answer %d to what customers ask most: it is in stock, and leaves us within two working days.",`+
			`"options":"","tags":["phrase","batch_%d"],"id":%s,"scope":"all","departments":[],"agents":[]}`, name, k, k/100, name))
	}
	return out
}

// triggerRecords returns triggers, whose conditions and actions are expressions in prefix notation, in nested arrays.
func (a *Account) triggerRecords() []string {
	d := a.departments[0].id
	var out []string
	for k, t := range []struct{ name, description, event, condition, actions string }{
		{
			"Chat rescuer", "Answers when nobody does", "chat_requested",
			`["and",["not",["firedBefore"]],["and",["neq","@account_status","offline"],["stillOnSite",60],["eq","@visitor_served",false]]]`,
			`[["setTriggered",true],["sendMessageToVisitor","Customer Service","Sorry for the wait! Somebody will be with you soon."]]`,
		},
		{
			"Greet at the checkout", "", "page_enter",
			`["and",["icontains","@visitor_page_url","/checkout"],["or",["gt","@visitor_page_count",3],["eq","@visitor_country_code","DE"]],["stillOnPage",45.5]]`,
			`[["wait",5],["sendMessageToVisitor","Customer Service","Do you need help with your order?"],["addTag","checkout"]]`,
		},
		{
			"Route to sales", "Before the purchase", "chat_requested",
			`["and",["eq","@visitor_department",null],["not",["icontains","@visitor_tags","vip"]]]`,
			fmt.Sprintf(`[["setDepartment",%d],["addTag","auto_routed"]]`, d),
		},
		{
			"Boas-vindas", "Só para o Brasil e Portugal", "page_enter",
			`["or",["eq","@visitor_country_code","BR"],["eq","@visitor_country_code","PT"]]`,
			`[["sendMessageToVisitor","Atendimento","Olá! Posso ajudar?"]]`,
		},
	} {
		raw := `{`
		if k != 1 { // one was never given an id
			raw += fmt.Sprintf(`"id":%d,`, 4100+k)
		}
		raw += fmt.Sprintf(`"name":%s,"description":%s,"enabled":%s,"definition":{"event":%q,"condition":%s,"actions":%s`,
			quoted(t.name), quoted(t.description), [...]string{"true", "1", "false", "0"}[k], t.event, t.condition, t.actions)
		if k > 1 {
			raw += `,"version":1,"editor":"advanced"`
		}
		out = append(out, raw+`}}`)
	}
	return out
}
