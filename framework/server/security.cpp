#include "server/security.h"

#include "base/json_text.h"

namespace atelier::server {

namespace {

bool lists(std::string_view security, std::string_view group, std::string_view kind) {
  const auto list = json::find(security, {group, kind});
  return list && json::kind_of(*list) == json::Kind::kArray && *list != "[]";
}

bool is_in(std::string_view security, std::string_view group, const Principal& who) {
  bool found = false;
  const auto look = [&](std::string_view kind, auto&& matches) {
    const auto list = json::find(security, {group, kind});
    if (!list || json::kind_of(*list) != json::Kind::kArray) return;
    json::for_each_element(*list, [&](std::string_view element) {
      const auto text = json::string_value(element);
      found = found || (text && matches(*text));
      return !found;
    });
  };
  if (!who.name.empty()) look("names", [&](const std::string& name) { return name == who.name; });
  look("roles", [&](const std::string& role) { return who.has_role(role); });
  return found;
}

constexpr std::string_view kGroups[] = {"admins", "moderators", "members", "readers"};

bool is_list_of_strings(std::string_view value) {
  if (json::kind_of(value) != json::Kind::kArray) return false;
  bool strings = true;
  json::for_each_element(value, [&](std::string_view element) {
    strings = json::kind_of(element) == json::Kind::kString;
    return strings;
  });
  return strings;
}

}  // namespace

bool names_members(std::string_view security) {
  for (std::string_view group : {"moderators", "members", "readers"})
    if (lists(security, group, "names") || lists(security, group, "roles")) return true;
  return false;
}

Rights rights_of(std::string_view security, const Principal& who, bool open) {
  const std::string anonymous = json::string_member(security, "anonymous").value_or("");
  const bool unsaid = anonymous.empty() && open && !names_members(security);
  Rights rights;
  rights.admin = who.admin || is_in(security, "admins", who);
  rights.moderate = rights.admin || is_in(security, "moderators", who);
  rights.named = rights.moderate || is_in(security, "members", who);
  const bool reader = is_in(security, "readers", who);  // and no more, whatever is open to all
  rights.write = rights.named || (!reader && (unsaid || anonymous == "writer"));
  rights.read = rights.write || reader || anonymous == "reader";
  return rights;
}

std::string security_fault(std::string_view object) {
  for (std::string_view group : kGroups) {
    const auto people = json::member(object, group);
    if (!people) continue;
    if (json::kind_of(*people) != json::Kind::kObject)
      return std::string(group) + " must be a JSON object";
    for (const char* kind : {"names", "roles"}) {
      const auto list = json::member(*people, kind);
      if (list && !is_list_of_strings(*list))
        return std::string(kind) + " must be a JSON list of strings";
    }
  }
  const auto anonymous = json::member(object, "anonymous");
  if (!anonymous) return {};
  const std::string word = json::string_value(*anonymous).value_or("");
  if (word == "none" || word == "reader" || word == "writer") return {};
  return "anonymous must be none, reader or writer";
}

}  // namespace atelier::server
