#include "room_questions.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/json_text.h"
#include "base/limits.h"
#include "node.h"
#include "server/person.h"
#include "server/room_end.h"

namespace atelier::host {
namespace {

struct Found {
  SearchHit hit;
  const IndexDefinition* index;
};

void write_hit(json::Writer& out, const Found& found) {
  const Document& document = found.hit.document;
  out.begin_object().key("doc").begin_object().key("_id").string(document.id);
  out.key("_rev").string(document.rev.to_string());
  json::for_each_member(document.body, [&](std::string_view name, std::string_view value) {
    out.key(name).raw(value);
    return true;
  });
  out.end_object().key("highlights").begin_array();
  for (const Highlight& place : found.hit.highlights) {
    out.begin_object().key("field").string(found.index->fields[place.field]);
    out.key("begin").integer(static_cast<std::int64_t>(place.begin));
    out.key("end").integer(static_cast<std::int64_t>(place.end)).end_object();
  }
  out.end_array().end_object();
}

Result<std::string> search(const Store& store, std::string_view request) {
  const std::vector<IndexStatus> indexes = store.indexes();
  const auto limit = json::int_member(request, "limit").value_or(50);
  if (limit < 1 || limit > static_cast<std::int64_t>(kSearchLimitMax)) {
    return invalid("the limit is a number from 1 to " + std::to_string(kSearchLimitMax));
  }
  SearchQuery query;
  query.words = json::string_member(request, "words").value_or("");
  query.limit = static_cast<std::size_t>(limit);
  std::vector<Found> found;
  bool any = false;
  for (const IndexStatus& index : indexes) {
    if (index.definition.kind != IndexDefinition::Kind::kWords ||
        index.state != IndexStatus::State::kReady) {
      continue;
    }
    any = true;
    query.index = index.definition.name;
    ATELIER_TRY(answer, store.search(query));
    for (SearchHit& hit : answer.hits) found.push_back({std::move(hit), &index.definition});
  }
  if (!any) {
    return Error(ErrorCode::kUnsupported,
                 "no collection of this room is searched by words (a plugin that asks for it makes "
                 "its index when it first opens the room)");
  }
  std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return a.hit.document.sequence > b.hit.document.sequence;
  });
  if (found.size() > query.limit) found.erase(found.begin() + limit, found.end());
  json::Writer out;
  out.begin_object().key("hits").begin_array();
  for (const Found& one : found) write_hit(out, one);
  out.end_array().end_object();
  return out.take();
}

Result<std::string> retention(Store& store, std::string_view request) {
  Retention wanted = store.retention();
  if (const auto age_ms = json::int_member(request, "tombstones")) wanted.tombstones_ms = *age_ms;
  Status read = ok();
  json::for_each_member(json::member(request, "lifetimes").value_or("{}"),
                        [&](std::string_view prefix, std::string_view value) {
                          const auto ms = json::int_value(value);
                          if (!ms) read = invalid("a lifetime is a number of milliseconds");
                          if (ms && *ms == 0) wanted.lifetimes_ms.erase(std::string(prefix));
                          if (ms && *ms != 0) wanted.lifetimes_ms[std::string(prefix)] = *ms;
                          return read.has_value();
                        });
  ATELIER_CHECK(read);
  if (!(wanted == store.retention())) ATELIER_CHECK(store.set_retention(wanted));
  return encode_retention(wanted);
}

Status may_end(const Store& store) {
  const std::string upstream = Node::upstream_of(store);
  if (upstream.empty()) return ok();
  return Error(ErrorCode::kForbidden, "this room is a copy of " + upstream +
                                          ": it is ended there, by an administrator of it");
}

Result<std::string> empty(Store& store, std::string_view request) {
  const auto ended = store.get(server::kEndedId);
  if (!ended) return invalid("the room was not ended");
  ATELIER_TRY(page, server::empty_room(store, json::string_member(request, "from").value_or("")));
  json::Writer out;
  out.begin_object().key("documents").integer(static_cast<std::int64_t>(page.documents));
  if (page.next) out.key("next").string(*page.next);
  out.end_object();
  return out.take();
}

Result<std::string> erase(Store& store) {
  ATELIER_TRY(done, server::finish_removal(store));
  return std::string(done ? R"({"done":true})" : R"({"done":false})");
}

Result<std::string> answer_to(Catalog& catalog, const std::string& command,
                              const std::string& body) {
  ATELIER_TRY(request, json::normalize(body));
  ATELIER_TRY(store, catalog.open(json::string_member(request, "room").value_or(""), false));
  if (command == "room-search") return search(*store, request);
  if (command == "room-retention") return retention(*store, request);
  ATELIER_CHECK(may_end(*store));
  if (command == "room-may-end") return std::string("{}");
  return command == "room-empty" ? empty(*store, request) : erase(*store);
}

}  // namespace

std::optional<Result<std::string>> room_control(Catalog& catalog, const std::string& command,
                                                const std::string& body) {
  constexpr std::string_view kCommands[] = {"room-search", "room-retention", "room-may-end",
                                            "room-empty", "room-erase"};
  if (std::find(std::begin(kCommands), std::end(kCommands), command) == std::end(kCommands))
    return std::nullopt;
  return answer_to(catalog, command, body);
}

}  // namespace atelier::host
