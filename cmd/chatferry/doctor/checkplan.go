package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

var planQuestions = []question{
	{"plan.api", "The plan includes the API", "The plan gives the API by which the account is read.", planAPI},
	{"plan.history", "The plan shows the whole history", "No chat is too old to be read.", planHistory},
	{"plan.analytics", "The plan includes analytics", "Explore is there after the upgrade if the plan includes it.", planAnalytics},
	{
		"billing.details", "Chat and Support are billed alike",
		"Accounts with the same billing details and cycle are not affected by the upgrade.", billingDetails,
	},
}

func planAPI(l *look) {
	a, ok := take(l, &l.f.Account)
	if !ok {
		return
	}
	l.see("plan %s", named(string(a.Plan.Name)))
	if status := folded(a.Status); status != "active" && status != "" {
		l.see("the account's status is %s", status)
		l.warn("An account that is not active may not be upgraded, or may end before it is.", "ask Zendesk what its status means")
	}
	switch {
	case a.Plan.RestAPI == nil:
		l.see("the record does not say rest_api")
		l.unsure("Whether the API will go on answering is not known.", "ask Zendesk whether the plan includes the REST API")
	case !bool(*a.Plan.RestAPI):
		l.see("rest_api is false")
		l.fail("The API may refuse everything at any time; Lite and Basic plans are without it.", "have the plan changed until the account is carried over")
	default:
		l.see("rest_api is true")
	}
}

func named(s string) string {
	if s == "" {
		return "without a name"
	}
	return s
}

func planHistory(l *look) {
	a, ok := take(l, &l.f.Account)
	if !ok {
		return
	}
	limit := strings.ToLower(string(a.Plan.HistoryDays))
	l.see("max_history_search_days is %s", named(limit))
	days, err := strconv.Atoi(limit)
	switch {
	case limit == "unlimited":
		return
	case limit == "" || err != nil:
		l.unsure("Whether old chats are hidden is not known.", "look in the dashboard whether History shows the oldest chats")
		return
	}
	s, ok := take(l, &l.f.Sample)
	if oldest, err := time.Parse(time.RFC3339, s.Oldest); ok && err == nil {
		age := int(l.f.Now.Sub(oldest).Hours() / 24)
		l.see("the oldest chat that was seen is %s old", counted(int64(age), "day"))
		if age > days+1 {
			l.warn("Searches show the last "+counted(int64(days), "day")+" only, but the export gives older chats. An account without the export would hide them.",
				"do not rely on searches and dashboard exports; carry the account over by its incremental export")
			return
		}
	}
	l.warn("Chats that are older than "+counted(int64(days), "day")+" may be hidden: an export of such an account looks complete and is not.",
		"have the plan changed, or ask Zendesk, before the account is carried over and upgraded")
}

func planAnalytics(l *look) {
	a, ok := take(l, &l.f.Account)
	if !ok {
		return
	}
	switch {
	case a.Plan.Analytics == nil:
		l.see("the record does not say analytics")
		l.unsure("Whether Explore will be there is not known.", "ask Zendesk whether the plan includes Explore")
	case !bool(*a.Plan.Analytics):
		l.see("analytics is false")
		l.warn("Reports may not be there after the upgrade.", "carry the analytics streams over, and keep the reports that were mailed")
	default:
		l.see("analytics is true")
	}
}

// billed are the members of billing details that are compared; the others are free words.
var billed = []string{"company", "first_name", "last_name", "email", "address1", "address2", "city", "state", "postal_code", "country_code", "cycle"}

// cycleWords are what descriptions of plans call billing cycles.
var cycleWords = map[string]string{"yearly": "yearly", "annual": "yearly", "annually": "yearly", "monthly": "monthly", "quarterly": "quarterly"}

// cycle finds the billing cycle in the description of a plan.
func cycle(texts ...string) string {
	for _, t := range texts {
		for word := range strings.FieldsFuncSeq(strings.ToLower(t), func(r rune) bool { return r < 'a' || r > 'z' }) {
			if c := cycleWords[word]; c != "" {
				return c
			}
		}
	}
	return ""
}

func billingDetails(l *look) {
	a, ok := take(l, &l.f.Account)
	if !ok {
		return
	}
	if len(a.Billing) == 0 {
		l.see("the account has no billing details of its own: it is billed with Support")
		return
	}
	l.see("the account has billing details of its own")
	support, ok := take(l, &l.f.Billing)
	if !ok {
		l.unsure("Different details or cycles mean that both accounts have to be merged in billing before the upgrade.", "")
		return
	}
	chat := map[string]string{"cycle": cycle(string(a.Plan.Long), string(a.Plan.Short))}
	for k, v := range a.Billing {
		chat[k] = string(v)
	}
	var same, differ, untold []string
	for _, name := range billed {
		ours, theirs := chat[name], support[name]
		if name == "cycle" {
			theirs = cycle(theirs)
		}
		_, told := support[name]
		switch {
		case !told && ours == "":
		case !told || name == "cycle" && (ours == "" || theirs == ""):
			untold = append(untold, name)
		case folded(ours) == folded(theirs):
			same = append(same, name)
		default:
			differ = append(differ, name)
		}
	}
	for what, names := range map[string][]string{"the same": same, "different": differ, "not told by both": untold} {
		if len(names) > 0 {
			l.see("%s: %s", what, strings.Join(names, ", "))
		}
	}
	slices.Sort(l.Seen[1:])
	switch {
	case slices.Contains(differ, "cycle"):
		l.fail("Chat and Support are billed in different cycles: the accounts are merged in billing before the upgrade, and terms are aligned, which may bring charges.",
			"ask Zendesk for the merge and the charges of the alignment, before a date for the upgrade is set")
	case len(differ) > 0:
		l.fail("Chat and Support have different billing details: the accounts are merged in billing before the upgrade.",
			"make the details equal, or ask Zendesk for the merge, before a date for the upgrade is set")
	case len(untold) > 0:
		l.unsure("What is the same is unaffected; the rest was not told.",
			fmt.Sprintf("add to the file of --support-billing: %s; see in the dashboard what the API does not tell", strings.Join(untold, ", ")))
	}
}
