#include "replication/filter.h"

#include <algorithm>

#include "base/json_text.h"
#include "query/selector.h"

namespace atelier {
namespace {

std::vector<std::string> sorted_once(std::vector<std::string> list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
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
  if (!selector.empty()) {
    const auto compiled = query::Selector::compile(selector);
    out.key("selector");
    if (compiled) {
      out.raw(compiled->canonical());
    } else {
      out.string(selector);  // the replication will say what is wrong with it
    }
  }
  out.end_object();
  return out.take();
}

}  // namespace atelier
