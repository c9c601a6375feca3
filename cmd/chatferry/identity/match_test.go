package identity

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"chatferry"
)

func line(e Entry) string {
	return strings.TrimSpace(fmt.Sprintf("%d>%d %s %s %s", e.Legacy, e.Upgraded, e.Status, e.By, e.Role))
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		name string
		of   chatferry.Stream
		s    sides
		want []string
	}{
		{
			"e-mails as they are folded", chatferry.Agents,
			sides{legacy: []Member{{ID: 1, Key: fold(" Ann@Example.COM ")}}, upgraded: []Member{{ID: 100, Key: fold("ann@example.com")}}},
			[]string{"1>100 matched email"},
		},
		{
			"two of one side are nobody", chatferry.Agents,
			sides{legacy: []Member{{ID: 1, Key: "a"}, {ID: 2, Key: "a"}, {ID: 3, Key: "b"}}, upgraded: []Member{{ID: 100, Key: "a"}, {ID: 101, Key: "b"}, {ID: 102, Key: "b"}}},
			[]string{"1>0 ambiguous", "2>0 ambiguous", "3>0 ambiguous", "0>100 ambiguous", "0>101 ambiguous", "0>102 ambiguous"},
		},
		{
			"without an e-mail nobody is matched", chatferry.Agents,
			sides{legacy: []Member{{ID: 1}, {ID: 2}}, upgraded: []Member{{ID: 100}}},
			[]string{"1>0 no_email", "2>0 no_email", "0>100 new"},
		},
		{
			"a file resolves what is ambiguous, and knows who left", chatferry.Agents,
			sides{
				legacy: []Member{{ID: 1, Key: "a"}, {ID: 2, Key: "a"}}, upgraded: []Member{{ID: 100, Key: "a"}, {ID: 101, Key: "z"}},
				given: map[int64]int64{2: 101, 9: 101},
			},
			[]string{"1>100 matched email", "2>101 matched file", "9>101 matched file"},
		},
		{
			"what is upgraded is not legacy as well", chatferry.Agents,
			sides{legacy: []Member{{ID: 1, Key: "a"}, {ID: 100, Key: "a"}}, upgraded: []Member{{ID: 100, Key: "a"}}},
			[]string{"1>100 matched email"},
		},
		{
			"the group counts more than the name", chatferry.Departments,
			sides{
				legacy:   []Member{{ID: 1, Key: "Sales", Group: 101}, {ID: 2, Key: "Support"}, {ID: 3, Key: "sales"}},
				upgraded: []Member{{ID: 100, Key: "Sales"}, {ID: 101, Key: "Vendas"}, {ID: 102, Key: "Support"}},
			},
			[]string{"1>101 matched support_group_id", "2>102 matched name", "3>0 missing", "0>100 new"},
		},
		{
			"roles", chatferry.Agents,
			sides{
				legacy: []Member{
					{ID: 1, Key: "chat", Role: "owner"},
					{ID: 2, Key: "support", Role: "agent"},
					{ID: 3, Key: "admin", Role: "administrator"},
					{ID: 4, Key: "lead", Role: "Team lead"},
				},
				upgraded: []Member{{ID: 100, Key: "chat"}, {ID: 101, Key: "support", Owner: true}, {ID: 102, Key: "admin"}, {ID: 103, Key: "lead"}},
			},
			[]string{"1>100 matched email administrator", "2>101 matched email owner", "3>102 matched email administrator", "4>103 matched email"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := match(tt.of, tt.s)
			var got []string
			for _, e := range m.Entries {
				got = append(got, line(e))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An id of either side becomes that of the upgraded one. One that is of two is of nobody.
func TestUpgraded(t *testing.T) {
	m := NewMap(chatferry.Agents, []Entry{
		{Legacy: 1, Upgraded: 100, Status: Matched},
		{Legacy: 2, Status: Missing},
		{Upgraded: 101, Status: New},
		{Legacy: 101, Upgraded: 102, Status: Matched}, // a number that both sides gave
	})
	for id, want := range map[int64]int64{1: 100, 100: 100, 2: 0, 3: 0, 101: 0, 102: 102} {
		if got, ok := m.Upgraded(id); got != want && ok || ok != (want != 0) {
			t.Errorf("%d becomes %d, %v; want %d", id, got, ok, want)
		}
	}
}

// Whatever the sides are, the order in which they come does not matter, and a map that is made of a map says the same.
func TestMapsAreKept(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		of := Of()[seed%2]
		var s sides
		members := func(from int64) (out []Member) {
			for i := range rng.Int64N(8) {
				m := Member{ID: from + i}
				if of == chatferry.Agents {
					m.Name = fmt.Sprint("n", i)
				}
				if rng.IntN(6) > 0 {
					m.Key = fmt.Sprint("k", rng.IntN(6))
				}
				out = append(out, m)
			}
			return out
		}
		s.legacy, s.upgraded = members(1), members(5)
		s.given = map[int64]int64{}
		for i := range s.legacy {
			if s.legacy[i].Role = []string{"agent", "owner", "Trainee"}[rng.IntN(3)]; of == chatferry.Departments {
				s.legacy[i].Role = ""
				s.legacy[i].Group = rng.Int64N(14)
			}
		}
		for i := range s.upgraded {
			s.upgraded[i].Owner = of == chatferry.Agents && rng.IntN(5) == 0
			if rng.IntN(6) == 0 {
				s.given[rng.Int64N(20)+1] = s.upgraded[i].ID
			}
		}
		first := match(of, s)
		rng.Shuffle(len(s.legacy), func(i, j int) { s.legacy[i], s.legacy[j] = s.legacy[j], s.legacy[i] })
		rng.Shuffle(len(s.upgraded), func(i, j int) { s.upgraded[i], s.upgraded[j] = s.upgraded[j], s.upgraded[i] })
		unexported := cmpopts.IgnoreUnexported(Entry{})
		if diff := cmp.Diff(first.Entries, match(of, s).Entries, unexported); diff != "" {
			t.Fatalf("seed %d: in another order: %s", seed, diff)
		}
		kept := sides{given: map[int64]int64{}}
		kept.takeLegacy(first.Entries)
		kept.takeUpgraded(first.Entries)
		if diff := cmp.Diff(first.Entries, match(of, kept).Entries, unexported); diff != "" {
			t.Fatalf("seed %d: of the map itself: %s", seed, diff)
		}
		seen := map[int64]bool{}
		for _, e := range first.Entries {
			if e.Legacy != 0 && seen[e.Legacy] {
				t.Fatalf("seed %d: %d stands there twice", seed, e.Legacy)
			}
			seen[e.Legacy] = true
		}
	}
}

func TestReadFiles(t *testing.T) {
	write := func(text string) string {
		name := filepath.Join(t.TempDir(), "map.csv")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	u, err := ReadFiles(write("Role, E-Mail ,email,upgraded_id,legacy_id\n owner ,x,A@b.c,100,\n,,,101,7\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	members := u.members[chatferry.Agents]
	slices.SortFunc(members, func(a, b Member) int { return int(a.ID - b.ID) })
	if diff := cmp.Diff([]Member{{ID: 100, Key: "a@b.c", Owner: true}, {ID: 101}}, members); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[int64]int64{7: 101}, u.given[chatferry.Agents]); diff != "" || u.members[chatferry.Departments] != nil {
		t.Error(diff, u.members)
	}
	for text, want := range map[string]string{
		"":                                       "it has no header",
		"email,id\n":                             "it has no column upgraded_id",
		"upgraded_id,email\n,a@b.c\n":            "line 2: upgraded_id is empty",
		"upgraded_id,email\n1,\n":                "line 2: legacy_id and email are both empty",
		"upgraded_id,legacy_id\n1,2\n-1,3\n":     `line 3: upgraded_id "-1" is no id`,
		"upgraded_id,legacy_id\n1,2\n\n3,2\n":    "line 4: legacy_id 2 stands in an earlier line with another id",
		"upgraded_id,legacy_id\n1,2\n\"a\nb,3\n": "line 3",
	} {
		if _, err := ReadFiles(write(text), ""); err == nil || !strings.Contains(err.Error(), want) || chatferry.KindOf(err) != chatferry.KindUsage {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
