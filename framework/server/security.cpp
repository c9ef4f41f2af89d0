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

}  // namespace

bool names_members(std::string_view security) {
  return lists(security, "members", "names") || lists(security, "members", "roles");
}

Rights rights_of(std::string_view security, const Principal& who, bool open) {
  Rights rights;
  rights.admin = who.admin || is_in(security, "admins", who);
  rights.read =
      rights.admin || is_in(security, "members", who) || (open && !names_members(security));
  return rights;
}

}  // namespace atelier::server
