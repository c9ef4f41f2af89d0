// The indexes of a store in memory: compiled definitions, and how far each is built.
//
// Invariants
//   1. An Index never changes; a new state is a new Index under the same number.
//   2. The registry shows what the last commit wrote; a write transaction works on a copy of it.
// Thread rule: Index and IndexSet are values that any thread may read; IndexRegistry is safe from
// any thread but for what is marked.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "query/json_view.h"
#include "query/selector.h"
#include "store/index.h"

namespace atelier {

struct JoinMemory;

/// Grows when query/words.h cuts or folds texts in another way, or the rows of words are others:
/// indexes of words are then renewed.
inline constexpr std::uint64_t kWordsVersion = 2;  // 2: segments

struct Index {
  std::uint32_t number = 0;  // first part of the keys of its rows
  IndexDefinition definition;
  IndexStatus::State state = IndexStatus::State::kBuilding;
  // Winners with a sequence in (built, until] are not in the index yet unless they were written
  // since it was made; all others are.
  std::uint64_t built = 0, until = 0;
  std::uint64_t words_version = 0;  // kWordsVersion, when it was made; 0 for values

  // Compiled from the definition.
  std::vector<std::optional<query::FieldPath>> paths;  // nullopt: `_id`
  std::optional<query::Selector> filter;
  std::string id_prefix;  // with the colon

  bool is_words() const { return definition.kind == IndexDefinition::Kind::kWords; }
  /// Of words whose rows are none of this version's.
  bool is_outdated() const { return words_version != (is_words() ? kWordsVersion : 0); }
  bool ready() const { return state == IndexStatus::State::kReady && !is_outdated(); }
  /// Whether a winner that is not deleted belongs to it, by its id alone and by its body.
  bool takes_id(std::string_view id) const;
  bool takes(std::string_view id, std::string_view body) const;
  /// Appends the keys of the fields' values. False: a field is missing.
  bool append_values(std::string_view id, std::string_view body, std::string& key) const;
};
using IndexPtr = std::shared_ptr<const Index>;
using IndexSet = std::vector<IndexPtr>;  // by number

/// Errors: kInvalid and kTooLarge with what is wrong; kUnsupported for filters that cannot be.
Result<Index> compile_index(const IndexDefinition& definition);

/// The definition's row.
std::string encode_index(const Index& index);
Result<Index> decode_index(std::string_view key, std::string_view row);
std::string index_key(std::uint32_t number);

class IndexRegistry {
 public:
  std::shared_ptr<const IndexSet> get() const;
  void set(std::shared_ptr<const IndexSet> indexes);
  std::string problem() const;
  void set_problem(std::string words);
  /// Whether segments of words wait for being joined.
  bool join() const { return join_; }
  void set_join(bool join) { join_ = join; }

  std::shared_ptr<JoinMemory> join_memory;  // the writer's own

 private:
  std::atomic<bool> join_{false};
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::shared_ptr<const IndexSet> indexes_ = std::make_shared<const IndexSet>();
  std::string problem_;
};

}  // namespace atelier
