#include "store/index_set.h"

#include <algorithm>

#include "base/json_text.h"
#include "base/limits.h"
#include "query/collate.h"
#include "revtree/varint.h"
#include "store/record.h"

namespace atelier {
namespace {

constexpr std::string_view kDesignPrefix = "_design/";

query::DocumentView view_of(std::string_view id, std::string_view body) {
  query::DocumentView view;
  view.id = id;
  view.body = body;
  return view;
}

// What a filter may ask: the rest is no part of the body, and changes without a new revision of it.
Status check_filter(const query::Selector& filter) {
  for (const std::string& field : filter.fields()) {
    for (const std::string_view special : {"_rev", "_deleted", "_attachments"}) {
      if (field == special || (field.starts_with(special) && field[special.size()] == '.')) {
        return invalid("the filter of an index may not ask for '" + field + "'");
      }
    }
  }
  return ok();
}

Status compile_fields(Index& index) {
  const IndexDefinition& definition = index.definition;
  if (definition.fields.empty()) return invalid("an index needs a field");
  if (definition.fields.size() > kIndexFieldsMax) {
    return Error(ErrorCode::kTooLarge,
                 "an index has more than " + std::to_string(kIndexFieldsMax) + " fields");
  }
  for (std::size_t i = 0; i < definition.fields.size(); ++i) {
    const std::string& field = definition.fields[i];
    if (field == "_id" && !index.is_words()) {
      index.paths.emplace_back();
    } else {
      if (field.starts_with('_')) return invalid("'" + field + "' cannot be indexed");
      ATELIER_TRY(path, query::FieldPath::parse(field));
      index.paths.emplace_back(std::move(path));
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (index.paths[j] == index.paths[i]) {
        return invalid("the field '" + field + "' stands in an index twice");
      }
    }
  }
  return ok();
}

}  // namespace

bool Index::takes_id(std::string_view id) const {
  return id.starts_with(id_prefix) && !id.starts_with(kDesignPrefix);
}

bool Index::takes(std::string_view id, std::string_view body) const {
  return takes_id(id) && (!filter || filter->matches(view_of(id, body)));
}

bool Index::append_values(std::string_view id, std::string_view body, std::string& key) const {
  const query::JsonView document(body);
  for (const auto& path : paths) {
    if (!path) {
      const std::string quoted = json::quoted(id);
      query::encode_key(query::JsonView(quoted), key);
      continue;
    }
    const auto value = path->find(document);
    if (!value) return false;
    query::encode_key(*value, key);
  }
  return true;
}

Result<Index> compile_index(const IndexDefinition& definition) {
  Index index;
  index.definition = definition;
  if (definition.name.empty() || definition.name.size() > kIndexNameBytesMax ||
      !json::is_utf8(definition.name)) {
    return invalid("an index needs a name of at most " + std::to_string(kIndexNameBytesMax) +
                   " bytes of UTF-8");
  }
  if (definition.prefix.size() >= kIdBytesMax || !json::is_utf8(definition.prefix) ||
      definition.prefix.starts_with('_') || definition.prefix.find(':') != std::string::npos) {
    return invalid("'" + definition.prefix.substr(0, 80) + "' is no prefix of ids");
  }
  if (!definition.prefix.empty()) index.id_prefix = definition.prefix + ":";
  ATELIER_CHECK(compile_fields(index));
  if (!definition.filter.empty()) {
    ATELIER_TRY(filter, query::Selector::compile(definition.filter));
    ATELIER_CHECK(check_filter(filter));
    // One text for one meaning: a second declaration in other words is the same index.
    index.definition.filter = filter.canonical();
    index.filter = std::move(filter);
    if (index.filter->matches_everything()) {
      index.filter.reset();
      index.definition.filter.clear();
    }
  }
  return index;
}

std::string index_key(std::uint32_t number) {
  std::string key;
  for (int shift = 24; shift >= 0; shift -= 8) key.push_back(static_cast<char>(number >> shift));
  return key;
}

std::string encode_index(const Index& index) {
  std::string row;
  const IndexDefinition& definition = index.definition;
  row.push_back(static_cast<char>(definition.kind));
  row.push_back(static_cast<char>(index.state));
  bytes::put_varint(row, index.built);
  bytes::put_varint(row, index.until);
  bytes::put_varint(row, index.is_words() ? kWordsVersion : 0);
  bytes::put_text(row, definition.name);
  bytes::put_text(row, definition.prefix);
  bytes::put_text(row, definition.filter);
  bytes::put_varint(row, definition.fields.size());
  for (const std::string& field : definition.fields) bytes::put_text(row, field);
  return record::encode_checked(index_key(index.number), row);
}

Result<Index> decode_index(std::string_view key, std::string_view row) {
  const Error damaged(ErrorCode::kCorrupt, "the definition of an index is damaged on the disk");
  const auto checked = record::decode_checked(key, row);
  if (!checked || key.size() != 4) return damaged;
  bytes::Reader in(*checked);
  IndexDefinition definition;
  const std::uint8_t kind = in.byte();
  const std::uint8_t state = in.byte();
  const std::uint64_t built = in.varint();
  const std::uint64_t until = in.varint();
  const std::uint64_t words_version = in.varint();
  definition.name = in.text();
  definition.prefix = in.text();
  definition.filter = in.text();
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) definition.fields.emplace_back(in.text());
  if (!in.ok() || !in.at_end() || kind > 1 || state > 2) return damaged;
  definition.kind = static_cast<IndexDefinition::Kind>(kind);
  auto index = compile_index(definition);
  if (!index) return damaged;
  for (const char c : key) index->number = index->number << 8 | static_cast<std::uint8_t>(c);
  index->state = static_cast<IndexStatus::State>(state);
  index->built = built;
  index->until = until;
  index->words_version = words_version;
  return index;
}

std::shared_ptr<const IndexSet> IndexRegistry::get() const {
  const std::lock_guard lock(mutex_);
  return indexes_;
}

void IndexRegistry::set(std::shared_ptr<const IndexSet> indexes) {
  const std::lock_guard lock(mutex_);
  indexes_ = std::move(indexes);
  problem_.clear();
}

std::string IndexRegistry::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void IndexRegistry::set_problem(std::string words) {
  const std::lock_guard lock(mutex_);
  problem_ = std::move(words);
}

}  // namespace atelier
