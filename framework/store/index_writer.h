// What one write transaction does to the indexes: collected while its jobs run, written at its end,
// sorted: values row by row, words as one segment (store/segments.h) a commit.
//
// Invariants
//   1. Collected changes are sets: adding what is there and taking away what is not are no
//      errors. So the background build and writes may meet in any order.
//   2. Nothing is collected for a document before its write is certain (see Writer, invariant 2);
//      a transaction that is thrown away takes its collection along.
// Thread rule: the writer's thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/index_set.h"
#include "store/lmdb.h"
#include "store/segments.h"
#include "store/tables.h"
#include "store/word_list.h"

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
  /// The winner changed from one to the other; either may be null. `keeps_sequence`: the document
  /// stands where it stood in the sequence feed. Copies what it keeps.
  void changed(std::string_view id, const Winner* before, const Winner* after, bool keeps_sequence);
  /// Adds a winner to one index.
  void add(const Index& index, std::string_view id, const Winner& winner);

  /// Writes a definition and its state, and puts it in the place of the one of its number.
  void put(lmdb::WriteTxn& txn, const Tables& tables, Index index);
  /// Takes the definition's row away.
  void erase(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t number);

  /// Writes what was collected. Errors are kept by the transaction.
  void flush(lmdb::WriteTxn& txn, const Tables& tables, record::State& state);
  /// After the commit. Returns whether there is work for the background.
  bool publish();

 private:
  struct ValueChange {
    std::string key;
    std::size_t id_bytes;
    bool add;
  };
  struct Words {
    WordList list;
    std::vector<std::uint64_t> dead;  // sequences that documents of the index had
  };
  void collect(const Index& index, std::string_view id, const Winner& winner, bool add);
  void collect_values(const Index& index, std::string_view id, const Winner& winner, bool add);
  void change_words(const Index& index, std::string_view id, const Winner* before,
                    const Winner* after);
  void collect_words(const Index& index, const Winner& winner, bool stands);
  void flush_values(lmdb::WriteTxn& txn, const Tables& tables, record::State& state);
  Status flush_words(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t index,
                     const Words& words);

  IndexRegistry& registry_;
  const std::shared_ptr<const IndexSet> before_;
  std::shared_ptr<const IndexSet> indexes_;
  std::vector<ValueChange> values_;       // in the order of their making
  std::map<std::uint32_t, Words> words_;  // by the index's number
  bool join_ = false;                     // there is something for join_step()
};

}  // namespace atelier
