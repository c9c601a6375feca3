package transform

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf16"

	"chatferry"
)

// generated makes chats of about 4.5 KB with about ten history entries, a third of them with every letter beyond ASCII
// written as \u, from a seed.
func generated(seed uint64, n int) []string {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]string, n)
	for i := range out {
		out[i] = generatedChat(r, i)
		if i%3 == 0 {
			out[i] = asciiOnly(out[i])
		}
	}
	return out
}

var phrases = []string{
	"Olá, tudo bem? Preciso de ajuda com o meu pedido.", "Hello, how can I help you today?", "ありがとうございます、助かりました。",
	"The invoice of last month has not arrived yet, could you send it again to the same address?", "Danke schön, das hat geklappt!",
	"Please hold on for a moment while I look into this for you.", "ok 👍", "Can you tell me your order number, please?\\nIt is printed at the top right.",
	"Não consigo entrar na minha conta desde ontem, aparece \\\"senha inválida\\\".", "Thank you very much, have a nice day!",
}

func generatedChat(r *rand.Rand, i int) string {
	visitor := fmt.Sprintf("2314999.g%012d", i)
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	var h, agents strings.Builder
	entries := 7 + r.IntN(7)
	room := strings.ReplaceAll(visitor, ".", "-")
	for k := range entries {
		if k > 0 {
			h.WriteByte(',')
		}
		name, nick, id := "Visitor "+visitor[8:], "visitor:"+visitor, fmt.Sprintf(`"msg_id":"%d",`, 1493008604612+int64(k))
		if k%2 == 1 {
			name, nick, id = "Ana Souza", "agent:4123471", ""
		}
		fmt.Fprintf(&h, `{"name":"%s","timestamp":"2021-04-26T13:%02d:%02d.%03d000Z","nick":"%s",%s"msg":"%s %s","type":"chat.msg","options":"","channel":"#supportchat:%s","sender_type":"%s"}`,
			name, k, r.IntN(60), r.IntN(1000), nick, id, pick(phrases...), pick(phrases...), room, pick("Visitor", "Agent"))
		agents.Reset()
		agents.WriteString(`"4123471"`)
	}
	return fmt.Sprintf(`{"id":"2104.2314999.SVh%010d","type":"chat","timestamp":"2021-04-26T13:54:02Z","end_timestamp":"2021-04-26T14:24:02Z","update_timestamp":"2021-04-27T02:00:%02dZ","started_by":"visitor",`+
		`"visitor":{"id":"%s","name":"Visitor %d","email":"%s","phone":"","notes":""},`+
		`"session":{"id":"210426.2314999.%d","browser":"%s","platform":"%s","user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:53.0) Gecko/20100101 Firefox/53.0","ip":"192.0.2.%d","city":"São Paulo","region":"São Paulo","country_code":"BR","country_name":"Brazil","start_date":"2021-04-26T13:53:50Z","end_date":"2021-04-26T14:24:02Z"},`+
		`"webpath":[{"from":"https://example.com/?q=%d","to":"https://example.com/help/contact?ref=banner","title":"Contato — Example","timestamp":"2021-04-26T13:53:51Z"}],`+
		`"history":[%s],"agent_ids":[%s],"agent_names":["Ana Souza"],"department_id":1817719521,"department_name":"Vendas","count":{"total":%d,"agent":%d,"visitor":%d},`+
		`"duration":%d,"response_time":{"first":%d,"avg":%.14f,"max":347},"missed":false,"dropped":false,"proactive":false,"triggered":false,"triggered_response":null,"unread":false,"rating":%s,"comment":null,"tags":["vip","%s"],"conversions":[],`+
		`"referrer_search_engine":"","referrer_search_terms":"","deleted":false,"zendesk_ticket_id":%d}`,
		i, i%60, visitor, i, pick("", "ana@example.com"), i, pick("Firefox", "Chrome", "Safari"), pick("Linux", "Windows", "Mac OS"), r.IntN(255), i,
		h.String(), agents.String(), entries, entries/2, entries-entries/2, r.IntN(3000), r.IntN(60), r.Float64()*200, pick("null", `"good"`, `"bad"`), pick("one", "two"), i)
}

// asciiOnly writes every letter beyond ASCII as \u.
func asciiOnly(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		for _, u := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, u)
		}
	}
	return b.String()
}

// pagesOf cuts records into Pages of about a MiB, and returns their bytes.
func pagesOf(s chatferry.Stream, records []string) (pages []*chatferry.Page, bytes int64) {
	from, size := 0, 0
	for i, r := range records {
		size += len(r)
		bytes += int64(len(r))
		if size >= 1<<20 || i == len(records)-1 {
			pages = append(pages, page(s, "", records[from:i+1]...))
			from, size = i+1, 0
		}
	}
	return pages, bytes
}
