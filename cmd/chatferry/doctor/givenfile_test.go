package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A list of users is read in every form that people have it in, or refused with what is wrong about it.
func TestReadUsers(t *testing.T) {
	for _, tt := range []struct {
		name, text, fault string // fault is in the reason; empty: the two users are read
	}{
		{"csv", "id,name,email,role,owner,suspended\n11,Ana Sá,ana@acme.example,admin,true,false\n12,\"Rui, Jr.\",rui@acme.example,agent,,\n", ""},
		{"csv of a spreadsheet", "\ufeffUser ID;Full name;E-mail;Notes;Role;Is owner\r\n11;Ana Sá;ana@acme.example;x;admin;1\r\n12;Rui, Jr.;rui@acme.example;y;agent;0\r\n", ""},
		{"json list", `[{"id":11,"name":"Ana Sá","email":"ana@acme.example","role":"admin","owner":true},{"id":"12","name":"Rui, Jr.","email":"rui@acme.example","role":"agent","photo":{}}]`, ""},
		{"json of the API", `{"users":[{"id":11,"name":"Ana Sá","email":"ana@acme.example","role":"admin","owner":1},{"id":12,"name":"Rui, Jr.","email":"rui@acme.example","role":"agent"}],"count":2}`, ""},
		{"json lines", "{\"id\":11,\"name\":\"Ana Sá\",\"email\":\"ana@acme.example\",\"role\":\"admin\",\"owner\":true}\n{\"id\":12,\"name\":\"Rui, Jr.\",\"email\":\"rui@acme.example\",\"role\":\"agent\"}\n", ""},

		{"empty", " \n", "empty"},
		{"no column of addresses", "id,name\n1,Ana\n", `no column "email"`},
		{"a row that is too short", "id,email\n1\n", "wrong number of fields"},
		{"cut", `[{"id":11,"email":"ana@acme.example"},{"id"`, "not JSON"},
		{"not a list", `{"users":7}`, "not a list"},
		{"an address that is none", `[{"email":{"a":1}}]`, "record 1"},
		{"not text", "id,email\n1,\xff\n", "not UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "users")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			f := ReadUsers(file)
			if tt.fault != "" {
				if f.Gap == nil || !strings.Contains(f.Gap.Reason, tt.fault) || strings.Contains(f.Gap.Reason, "acme") {
					t.Errorf("got %+v", f)
				}
				return
			}
			want := []User{
				{ID: 11, Name: "Ana Sá", Email: "ana@acme.example", Role: "admin", Owner: true},
				{ID: 12, Name: "Rui, Jr.", Email: "rui@acme.example", Role: "agent"},
			}
			if f.Gap != nil || !slices.Equal(f.Value, want) {
				t.Errorf("got %+v, %+v", f.Value, f.Gap)
			}
		})
	}
	if f := ReadUsers(filepath.Join(t.TempDir(), "absent")); f.Gap == nil || f.Known {
		t.Errorf("got %+v", f)
	}
}

func TestReadGroupsAndBilling(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	if f := ReadGroups(write("groups.csv", "Group name,Agents\nTier 1,4\nTier 2,5\n")); !slices.Equal(f.Value, []string{"Tier 1", "Tier 2"}) {
		t.Errorf("got %+v", f)
	}
	if f := ReadBilling(write("billing.json", `{"company":"Acme","postal_code":4000,"vat":null}`)); f.Value["postal_code"] != "4000" || f.Value["company"] != "Acme" {
		t.Errorf("got %+v", f)
	}
	if f := ReadBilling(write("list.json", `[1]`)); f.Gap == nil {
		t.Errorf("got %+v", f)
	}
}
