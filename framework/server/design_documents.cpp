#include "server/design_documents.h"

#include "base/digest.h"
#include "base/json_text.h"

namespace atelier::server {

namespace {

constexpr std::string_view kFunctionReason =
    "JavaScript that came as data is never run here. Ask by a selector with _find and _index, read "
    "by id ranges with _all_docs, or follow _changes.";

using json::Kind;

Failure wrong(std::string reason) {
  return {400, "invalid_design_doc", std::move(reason)};
}

Failure wrong_type(const std::string& path, std::string_view type) {
  return wrong("`" + path + "` field must have " + std::string(type) + " type");
}

/// A member that is a group of functions by name.
std::optional<Failure> group_fault(std::string_view body, const std::string& name,
                                   bool nested_too) {
  const auto group = json::member(body, name);
  if (!group) return std::nullopt;
  if (json::kind_of(*group) != Kind::kObject) return wrong_type(name, "object");
  std::optional<Failure> fault;
  json::for_each_member(*group, [&](std::string_view key, std::string_view value) {
    const Kind kind = json::kind_of(value);
    if (kind != Kind::kString && !(nested_too && kind == Kind::kObject))
      fault = wrong_type(name + "." + std::string(key), nested_too ? "object or string" : "string");
    return !fault;
  });
  return fault;
}

std::optional<Failure> options_fault(std::string_view body, bool partitioned) {
  const auto options = json::member(body, "options");
  if (!options) return std::nullopt;
  if (json::kind_of(*options) != Kind::kObject) return wrong_type("options", "object");
  for (const char* flag : {"include_design", "local_seq", "partitioned"}) {
    const auto value = json::member(*options, flag);
    if (value && !json::bool_value(*value))
      return wrong_type("options." + std::string(flag), "boolean");
  }
  if (!partitioned && json::bool_member(*options, "partitioned").value_or(false))
    return wrong("partitioned option cannot be true in a non-partitioned database.");
  return std::nullopt;
}

std::optional<Failure> view_fault(const std::string& name, std::string_view view, bool query) {
  const std::string path = "views." + name;
  if (json::kind_of(view) != Kind::kObject) return wrong_type(path, "object");
  if (name == "lib") return std::nullopt;
  const auto map = json::member(view, "map");
  const Kind wanted = query ? Kind::kObject : Kind::kString;
  if (map && json::kind_of(*map) != wanted)
    return wrong_type(path + ".map", query ? "object" : "string");
  const auto reduce = json::member(view, "reduce");
  if (reduce && json::kind_of(*reduce) != Kind::kString)
    return wrong_type(path + ".reduce", "string");
  if (!map) return wrong("View `" + name + "` must contain map function");
  return std::nullopt;
}

std::optional<Failure> views_fault(std::string_view body) {
  const auto views = json::member(body, "views");
  if (!views) return std::nullopt;
  if (json::kind_of(*views) != Kind::kObject) return wrong_type("views", "object");
  const bool query = json::string_member(body, "language") == "query";
  std::optional<Failure> fault;
  json::for_each_member(*views, [&](std::string_view name, std::string_view view) {
    fault = view_fault(std::string(name), view, query);
    return !fault;
  });
  return fault;
}

}  // namespace

std::optional<Failure> design_document_fault(std::string_view id, std::string_view body,
                                             bool partitioned) {
  if (!id.starts_with("_design/")) return std::nullopt;
  if (auto fault = group_fault(body, "filters", true)) return fault;
  const auto language = json::member(body, "language");
  if (language && json::kind_of(*language) != Kind::kString)
    return wrong_type("language", "string");
  if (auto fault = group_fault(body, "lists", true)) return fault;
  if (auto fault = options_fault(body, partitioned)) return fault;
  const auto rewrites = json::member(body, "rewrites");
  if (rewrites && json::kind_of(*rewrites) != Kind::kString &&
      json::kind_of(*rewrites) != Kind::kArray)
    return wrong_type("rewrites", "string or array");
  for (const char* group : {"shows", "updates"})
    if (auto fault = group_fault(body, group, true)) return fault;
  const auto validation = json::member(body, "validate_doc_update");
  if (validation && json::kind_of(*validation) != Kind::kString)
    return wrong_type("validate_doc_update", "string");
  return views_fault(body);
}

void get_design_info(const Call& call, const std::string& id) {
  const auto design = call.store().get(id);
  if (!design) return call.respond(error_reply(design.error()));
  const std::string views(json::member(design->body, "views").value_or("{}"));
  // A plain number would count what is hidden.
  const bool all = !call.guard || !call.guard->restricted();
  const auto sequence = static_cast<std::int64_t>(all ? call.store().last_sequence() : 0);
  json::Writer out;
  out.begin_object().key("name").string(id.substr(8)).key("view_index").begin_object();
  out.key("updates_pending").raw(R"({"minimum":0,"preferred":0,"total":0})");
  out.key("waiting_commit").boolean(false).key("waiting_clients").integer(0);
  out.key("updater_running").boolean(false).key("update_seq").integer(sequence);
  out.key("sizes").raw(R"({"file":0,"external":0,"active":0})");
  out.key("signature").string(hex(md5(views))).key("purge_seq").integer(0);
  out.key("language").string(json::string_member(design->body, "language").value_or("javascript"));
  out.key("compact_running").boolean(false).key("collator_versions").raw("[]");
  out.end_object().end_object();
  call.respond(json_reply(200, out.take()));
}

void refuse_function(const Call& call, const std::string& id, const std::string& path) {
  const auto design = call.store().get(id);
  if (!design) return call.respond(error_reply(design.error()));
  const auto slash = path.find('/');
  const std::string kind = path.substr(0, slash);
  std::string name = slash == std::string::npos ? "" : path.substr(slash + 1);
  name = name.substr(0, name.find('/'));
  struct Group {
    std::string_view route, member, missing;
  };
  constexpr Group kGroups[] = {{"_view", "views", "missing_named_view"},
                               {"_show", "shows", ""},
                               {"_list", "lists", ""},
                               {"_update", "updates", ""}};
  for (const Group& group : kGroups) {
    if (kind != group.route || json::find(design->body, {group.member, name})) continue;
    return call.respond(
        missing(group.missing.empty() ? "missing json key: " + name : std::string(group.missing)));
  }
  call.respond(not_implemented(kFunctionReason));
}

}  // namespace atelier::server
