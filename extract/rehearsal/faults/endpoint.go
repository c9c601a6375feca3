package faults

import (
	"hash/fnv"
	"net/http"
	"strings"
)

// bulkEndpoint is the endpoint of chats that are asked for by id.
const bulkEndpoint = "chats?ids"

// groups are the paths below the root whose second word names a resource rather than one object.
var groups = map[string]bool{"incremental": true, "oauth": true, "routing_settings": true}

// endpointOf returns what a request is about, whatever root it goes through: "incremental/chats", "chats?ids", "chats/{}"
// for single chats. api is false for what is not below a root.
func endpointOf(r *http.Request) (name string, api bool) {
	path, api := strings.CutPrefix(r.URL.Path, "/api/v2/")
	path = strings.TrimPrefix(path, "chat/")
	words := strings.Split(strings.Trim(path, "/"), "/")
	if !api {
		if len(words) > 1 && words[0] == "attachments" {
			return words[0] + "/{}", false
		}
		return strings.Join(words, "/"), false
	}
	whole := 1
	switch {
	case groups[words[0]], len(words) == 2 && (path == "chats/search" || path == "bans/ip"):
		whole = 2
	case path == "chats" && r.URL.Query().Has("ids"):
		return bulkEndpoint, true
	}
	name = strings.Join(words[:min(whole, len(words))], "/")
	if len(words) > whole {
		name += "/{}"
	}
	return name, true
}

// linked reports whether the pages of an endpoint lead to each other by next_url alone, until there is none.
func linked(endpoint string) bool { return endpoint == "chats" || endpoint == "chats/search" }

// limited reports whether a client says how many records a page of an endpoint may hold, and ends when there are fewer.
func limited(endpoint string) bool { return exported(endpoint) || sinceID(endpoint) }

// exported reports whether an endpoint is an incremental export.
func exported(endpoint string) bool { return strings.HasPrefix(endpoint, "incremental/") }

// sinceID reports whether an endpoint is paged by the id to begin with.
func sinceID(endpoint string) bool { return endpoint == "agents" || endpoint == "bans" }

// mostOf is how many records a page of a limited endpoint holds when the client does not say.
func mostOf(endpoint string) int {
	if sinceID(endpoint) {
		return 100
	}
	return 1000
}

// within reports whether a rule's path names an endpoint.
func within(endpoint, path string, api bool) bool {
	if path == "" {
		return api
	}
	rest, ok := strings.CutPrefix(endpoint, path)
	return ok && (rest == "" || rest[0] == '/' || rest[0] == '?')
}

// pageOf tells one page from all others: the same request has the same number, whatever the order of its parameters.
func pageOf(r *http.Request) uint64 {
	h := fnv.New64a()
	// Writing to a hash does not fail.
	_, _ = h.Write([]byte(r.Method + " " + r.URL.Path + "?" + r.URL.Query().Encode()))
	return h.Sum64()
}
