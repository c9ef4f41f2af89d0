// What one write transaction does to the indexes: collected while its jobs run, written at its end,
// sorted, so that a commit of many documents touches each word's block once.
//
// Invariants
//   1. Collected changes are sets: adding what is there and taking away what is not are no
//      errors. So the background build and writes may meet in any order.
//   2. Nothing is collected for a document before its write is certain (see Writer, invariant 2);
//      a transaction that is thrown away takes its collection along.
// Thread rule: the writer's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/index_rows.h"
#include "store/index_set.h"
#include "store/lmdb.h"
#include "store/tables.h"

namespace atelier {

namespace record {
struct State;
}

class IndexWriter {
 public:
  /// A document's winner, when it is one that indexes take: not deleted, its body kept.
  struct Winner {
    std::uint64_t sequence = 0;
    std::string_view body;
  };

  explicit IndexWriter(IndexRegistry& registry)
      : registry_(registry), before_(registry.get()), indexes_(before_) {}

  const IndexSet& indexes() const { return *indexes_; }
  /// The winner changed from one to the other; either may be null. Copies what it keeps.
  void changed(std::string_view id, const Winner* before, const Winner* after);
  /// Adds a winner to one index.
  void add(const Index& index, std::string_view id, const Winner& winner);

  /// Writes a definition and its state, and puts it in the place of the one of its number.
  void put(lmdb::WriteTxn& txn, const Tables& tables, Index index);
  /// Takes the definition's row away.
  void erase(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t number);

  /// Writes what was collected. Errors are kept by the transaction.
  void flush(lmdb::WriteTxn& txn, const Tables& tables, record::State& state);
  /// After the commit.
  void publish();

 private:
  struct ValueChange {
    std::string key;
    std::size_t id_bytes;
    bool add;
  };
  struct WordChange {
    index_rows::Posting posting;
    std::uint64_t pass;  // which document's words it comes from
    bool add;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  void collect(const Index& index, std::string_view id, const Winner& winner, bool add);
  void collect_values(const Index& index, std::string_view id, const Winner& winner, bool add);
  void collect_words(const Index& index, const Winner& winner, bool add);
  void flush_values(lmdb::WriteTxn& txn, const Tables& tables, record::State& state);
  void flush_words(lmdb::WriteTxn& txn, const Tables& tables);
  void flush_word(lmdb::WriteTxn& txn, const Tables& tables, std::string_view word,
                  std::vector<WordChange>& changes);

  IndexRegistry& registry_;
  const std::shared_ptr<const IndexSet> before_;
  std::shared_ptr<const IndexSet> indexes_;
  std::vector<ValueChange> values_;  // in the order of their making
  std::unordered_map<std::string, std::vector<WordChange>, Hash, std::equal_to<>> words_;  // by key
  std::uint64_t pass_ = 0;
  std::string scratch_;
};

}  // namespace atelier
