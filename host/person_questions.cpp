#include "person_questions.h"

#include <cstdint>

#include "base/json_text.h"
#include "server/person.h"

namespace atelier::host {
namespace {

constexpr std::string_view kUsers = "_users";
constexpr std::string_view kUserPrefix = "org.couchdb.user:";

std::int64_t number(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

struct Question {
  std::string room, name, from, as;
};

Result<std::string> find(const Store& store, const Question& question) {
  ATELIER_TRY(page, server::find_named(store, question.name, question.from));
  json::Writer out;
  out.begin_object().key("leaves").begin_array();
  for (const server::NamedLeaf& leaf : page.leaves) {
    out.begin_object().key("id").string(leaf.id).key("rev").string(leaf.rev.to_string());
    out.key("deleted").boolean(leaf.deleted).key("values").integer(number(leaf.places.values));
    out.key("mentions").integer(number(leaf.places.mentions)).end_object();
  }
  out.end_array().key("evicted").integer(number(page.evicted));
  if (page.next) out.key("next").string(*page.next);
  out.end_object();
  return out.take();
}

Result<std::string> remove(Store& store, const Question& question) {
  ATELIER_TRY(page, server::remove_named(store, {question.name, question.as}, question.from));
  json::Writer out;
  out.begin_object().key("documents").integer(number(page.documents));
  out.key("revisions").integer(number(page.revisions)).key("old").integer(number(page.old));
  out.key("left").begin_array();
  for (const auto& left : page.left)
    out.begin_object().key("id").string(left.id).key("reason").string(left.reason).end_object();
  out.end_array().key("mentioned").begin_array();
  for (const std::string& id : page.mentioned) out.string(id);
  out.end_array().key("evicted").integer(number(page.evicted));
  if (page.next) out.key("next").string(*page.next);
  out.end_object();
  return out.take();
}

/// Checkpoints name nobody but by a digest; what this program keeps beside the documents may.
Result<std::string> locals(const Store& store, const Question& question) {
  json::Writer out;
  out.begin_object().key("locals").begin_array();
  for (const Store::LocalDocument& local : store.list_locals()) {
    if (!server::places_of_name(local.body, question.name).any()) continue;
    out.begin_object().key("_id").string("_local/" + local.id);
    json::for_each_member(local.body, [&](std::string_view key, std::string_view value) {
      out.key(key).raw(value);
      return true;
    });
    out.end_object();
  }
  out.end_array().end_object();
  return out.take();
}

Result<std::string> finish(Store& store, const Question& question) {
  ATELIER_TRY(changed, server::remove_from_locals(store, question.name));
  ATELIER_TRY(done, server::finish_removal(store));
  json::Writer out;
  out.begin_object().key("locals").integer(number(changed)).key("done").boolean(done).end_object();
  return out.take();
}

/// Only a deleted account: one that is there has sessions.
Result<std::string> forget(Store& users, const Question& question) {
  const std::string id = std::string(kUserPrefix) + question.name;
  if (users.get(id)) return Error(ErrorCode::kConflict, "the account is there");
  const auto tree = users.tree(id);
  if (!tree && tree.error().code == ErrorCode::kNotFound) return std::string("{}");
  if (!tree) return tree.error();
  std::vector<RevId> leaves;
  for (const std::int32_t leaf : tree->leaves()) leaves.push_back(tree->node(leaf).rev);
  ATELIER_CHECK(server::begin_removal(users));
  ATELIER_CHECK(users.purge(id, leaves));
  return std::string("{}");
}

Result<std::string> answer_to(Catalog& catalog, const std::string& command,
                              const std::string& body) {
  ATELIER_TRY(request, json::normalize(body));
  const auto word = [&](const char* key) { return json::string_member(request, key).value_or(""); };
  const Question question{word("room"), word("name"), word("from"), word("as")};
  if (question.name.empty()) return invalid("the question names nobody");
  if (command == "person-forget") {
    if (!catalog.exists(kUsers)) return std::string("{}");
    ATELIER_TRY(users, catalog.open(kUsers, false));
    return forget(*users, question);
  }
  ATELIER_TRY(store, catalog.open(question.room, false));
  if (command == "person-find") return find(*store, question);
  if (command == "person-remove") return remove(*store, question);
  if (command == "person-locals") return locals(*store, question);
  if (command == "person-finish") return finish(*store, question);
  return not_found("no such command");
}

}  // namespace

std::optional<Result<std::string>> person_control(Catalog& catalog, const std::string& command,
                                                  const std::string& body) {
  if (!command.starts_with("person-")) return std::nullopt;
  return answer_to(catalog, command, body);
}

}  // namespace atelier::host
