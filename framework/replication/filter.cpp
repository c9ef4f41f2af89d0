#include "replication/filter.h"

#include <algorithm>
#include <map>

#include "base/json_text.h"

namespace atelier {
namespace {

std::vector<std::string> sorted_once(std::vector<std::string> list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

/// Members in the order of their names, at every depth.
std::string with_sorted_members(std::string_view normal) {
  json::Writer out;
  if (json::kind_of(normal) == json::Kind::kObject) {
    std::map<std::string, std::string> members;
    json::for_each_member(normal, [&](std::string_view key, std::string_view value) {
      members.emplace(key, with_sorted_members(value));
      return true;
    });
    out.begin_object();
    for (const auto& [key, value] : members) out.key(key).raw(value);
    out.end_object();
  } else if (json::kind_of(normal) == json::Kind::kArray) {
    out.begin_array();
    json::for_each_element(normal, [&](std::string_view element) {
      out.raw(with_sorted_members(element));
      return true;
    });
    out.end_array();
  } else {
    out.raw(normal);
  }
  return out.take();
}

void append_list(json::Writer& out, std::string_view name, const std::vector<std::string>& list) {
  if (list.empty()) return;
  out.key(name).begin_array();
  for (const std::string& item : sorted_once(list)) out.string(item);
  out.end_array();
}

}  // namespace

bool ReplicationFilter::wants_id(std::string_view id) const {
  const auto begins = [&](const std::string& prefix) {
    return id.size() > prefix.size() && id.starts_with(prefix) && id[prefix.size()] == ':';
  };
  if (!prefixes.empty() && std::none_of(prefixes.begin(), prefixes.end(), begins)) return false;
  return ids.empty() || std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::string ReplicationFilter::canonical() const {
  if (empty()) return "";
  json::Writer out;
  out.begin_object();
  append_list(out, "ids", ids);
  append_list(out, "prefixes", prefixes);
  if (!selector.empty()) out.key("selector").raw(with_sorted_members(selector));
  out.end_object();
  return out.take();
}

}  // namespace atelier
