package transform

import "strings"

// The roles that every account has. Any other one was made by its administrators.
const (
	RoleOwner         = "owner"
	RoleAdministrator = "administrator"
	RoleAgent         = "agent"
)

// LegacyRole is the role of an agent of the legacy account: what the flags of its record say, or else the role that it
// names, "" if none. One that every account has is named in the same way wherever it comes from.
func LegacyRole(owner, administrator bool, named string) string {
	switch {
	case owner:
		return RoleOwner
	case administrator:
		return RoleAdministrator
	case named == "":
		return RoleAgent
	}
	for _, role := range []string{RoleOwner, RoleAdministrator, RoleAgent} {
		if strings.EqualFold(named, role) {
			return role
		}
	}
	return named
}

// UpgradedRole is what becomes of a role in the unified account, and why where it changes. The owner of Support owns the
// unified account, and the owner of Chat becomes an administrator. A role that the account's administrators made does
// not carry over; it becomes "", since nobody but they can say what takes its place.
func UpgradedRole(legacy string, ownsSupport bool) (role, why string) {
	switch {
	case ownsSupport && legacy == RoleOwner:
		return RoleOwner, ""
	case ownsSupport:
		return RoleOwner, "owns Support"
	case legacy == RoleOwner:
		return RoleAdministrator, "owned Chat"
	case legacy == RoleAdministrator || legacy == RoleAgent:
		return legacy, ""
	}
	return "", "a custom role does not carry over"
}
