#include "store/index_writer.h"

#include <algorithm>

#include "base/limits.h"
#include "store/block_append.h"
#include "store/index_words.h"
#include "store/record.h"

namespace atelier {
namespace {

using index_rows::Posting;
using lmdb::value_of;

}  // namespace

// --- collecting

void IndexWriter::changed(std::string_view id, const Winner* before, const Winner* after) {
  for (const IndexPtr& index : *indexes_) {
    if (index->state == IndexStatus::State::kDropping || !index->takes_id(id)) continue;
    // An index of values does not name the sequence.
    if (!index->is_words() && before && after && before->body == after->body) continue;
    if (before) collect(*index, id, *before, false);
    if (after) collect(*index, id, *after, true);
  }
}

void IndexWriter::add(const Index& index, std::string_view id, const Winner& winner) {
  collect(index, id, winner, true);
}

void IndexWriter::collect(const Index& index, std::string_view id, const Winner& winner, bool add) {
  if (!index.takes(id, winner.body)) return;
  if (index.is_words()) return collect_words(index, winner, add);
  collect_values(index, id, winner, add);
}

void IndexWriter::collect_values(const Index& index, std::string_view id, const Winner& winner,
                                 bool add) {
  std::string key;
  index_rows::put_ordered(key, index.number);
  if (!index.append_values(id, winner.body, key)) return;
  key.append(id);
  values_.push_back({std::move(key), id.size(), add});
}

void IndexWriter::collect_words(const Index& index, const Winner& winner, bool add) {
  std::string& key = scratch_;
  key.clear();
  index_rows::put_ordered(key, index.number);
  const std::size_t head = key.size();
  ++pass_;
  const auto collect_word = [&](std::string_view word, std::uint32_t count) {
    key.resize(head);
    key.append(word);
    key.push_back('\0');
    auto known = words_.find(std::string_view(key));
    if (known == words_.end()) known = words_.try_emplace(key).first;
    std::vector<WordChange>& changes = known->second;
    if (!changes.empty() && changes.back().pass == pass_) {
      changes.back().posting.count += count;
    } else {
      changes.push_back({{winner.sequence, count}, pass_, add});
    }
  };
  std::uint32_t all = 0;
  for_each_word(index, winner.body, [&](std::string_view word) {
    ++all;
    collect_word(word, 1);
  });
  // The list of every document that has words, with how many: its length for BM25.
  if (all > 0) collect_word("", all);
}

// --- definitions

void IndexWriter::put(lmdb::WriteTxn& txn, const Tables& tables, Index index) {
  const std::string row = encode_index(index);
  txn.put(tables.indexes, value_of(std::string_view(index_key(index.number))),
          value_of(std::string_view(row)));
  auto next = std::make_shared<IndexSet>(*indexes_);
  std::erase_if(*next, [&](const IndexPtr& one) { return one->number == index.number; });
  next->push_back(std::make_shared<const Index>(std::move(index)));
  std::sort(next->begin(), next->end(),
            [](const IndexPtr& a, const IndexPtr& b) { return a->number < b->number; });
  indexes_ = std::move(next);
}

void IndexWriter::erase(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t number) {
  txn.erase(tables.indexes, value_of(std::string_view(index_key(number))));
  auto next = std::make_shared<IndexSet>(*indexes_);
  std::erase_if(*next, [&](const IndexPtr& one) { return one->number == number; });
  indexes_ = std::move(next);
}

void IndexWriter::publish() {
  if (indexes_ != before_) registry_.set(indexes_);
}

// --- writing

void IndexWriter::flush(lmdb::WriteTxn& txn, const Tables& tables, record::State& state) {
  flush_values(txn, tables, state);
  flush_words(txn, tables);
}

void IndexWriter::flush_values(lmdb::WriteTxn& txn, const Tables& tables, record::State& state) {
  // Of several changes of one key the last stands.
  std::stable_sort(values_.begin(), values_.end(),
                   [](const ValueChange& a, const ValueChange& b) { return a.key < b.key; });
  for (std::size_t i = 0; i < values_.size() && !txn.failed(); ++i) {
    const ValueChange& change = values_[i];
    if (i + 1 < values_.size() && values_[i + 1].key == change.key) continue;
    if (change.add) {
      put_row(txn, tables.values, state.next_bucket, change.key,
              index_rows::value_row(change.key, change.id_bytes), false);
    } else {
      erase_row(txn, tables.values, change.key);
    }
  }
  values_.clear();
}

void IndexWriter::flush_words(lmdb::WriteTxn& txn, const Tables& tables) {
  std::vector<std::pair<std::string_view, std::vector<WordChange>*>> sorted;
  sorted.reserve(words_.size());
  for (auto& [word, changes] : words_) sorted.emplace_back(word, &changes);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [word, changes] : sorted) {
    if (txn.failed()) break;
    flush_word(txn, tables, word, *changes);
  }
  words_.clear();
}

namespace {

// The block that a sequence is in, or would be in: the last one of the word that does not begin
// behind it, else its first one.
struct Block {
  std::string key;       // empty: the word has none
  std::string next_key;  // of the block behind it; empty: none
  std::vector<Posting> postings;
  bool full = false;
};

Status find_block(MDB_txn* txn, MDB_dbi table, std::string_view word, std::uint64_t sequence,
                  Block* block) {
  const std::string wanted = index_rows::block_key(word, sequence);
  lmdb::Cursor cursor(txn, table);
  const auto in_word = [&] { return cursor.key().starts_with(word); };
  bool more = cursor.seek(wanted);
  block->key.clear();
  block->next_key.clear();
  block->postings.clear();
  block->full = false;
  if (more && cursor.key() != wanted && in_word()) block->next_key = cursor.key();
  if (!more || cursor.key() != wanted) more = cursor.move(more ? MDB_PREV : MDB_LAST);
  if (more && in_word()) {
    block->key = cursor.key();
    block->full = cursor.value().size() >= kPostingBlockBytes;
    ATELIER_CHECK(index_rows::decode_block(cursor.key(), cursor.value(), &block->postings));
    if (block->key == wanted && cursor.move(MDB_NEXT) && in_word()) block->next_key = cursor.key();
  } else if (!block->next_key.empty()) {
    // Before the word's first block: into that one.
    if (!cursor.seek(block->next_key)) return cursor.status();
    block->key = std::move(block->next_key);
    block->next_key.clear();
    ATELIER_CHECK(index_rows::decode_block(cursor.key(), cursor.value(), &block->postings));
    if (cursor.move(MDB_NEXT) && in_word()) block->next_key = cursor.key();
  }
  return cursor.status();
}

// What the block holds after the changes; both are ascending.
template <class Changes>
std::vector<Posting> merged(const std::vector<Posting>& old, const Changes& changes,
                            std::size_t from, std::size_t to) {
  std::vector<Posting> out;
  out.reserve(old.size() + (to - from));
  std::size_t at = 0;
  for (std::size_t i = from; i < to; ++i) {
    const std::uint64_t sequence = changes[i].posting.sequence;
    while (at < old.size() && old[at].sequence < sequence) out.push_back(old[at++]);
    if (at < old.size() && old[at].sequence == sequence) ++at;
    if (changes[i].add) out.push_back(changes[i].posting);
  }
  out.insert(out.end(), old.begin() + static_cast<std::ptrdiff_t>(at), old.end());
  return out;
}

}  // namespace

namespace {

// Puts postings that are behind everything that the word has. False: they are not, and nothing was
// written.
Result<bool> append_postings(lmdb::WriteTxn& txn, MDB_dbi table, std::string_view word,
                             const std::vector<Posting>& postings) {
  std::size_t begin = 0;
  std::string key, row;
  {
    lmdb::Cursor cursor(txn.get(), table);
    bool more = cursor.seek(index_rows::block_key(word, postings.front().sequence));
    if (more && cursor.key().starts_with(word)) return false;
    more = cursor.move(more ? MDB_PREV : MDB_LAST);
    ATELIER_CHECK(cursor.status());
    if (more && cursor.key().starts_with(word)) {
      ATELIER_TRY(last, index_rows::last_of_block(cursor.key(), cursor.value()));
      if (last >= postings.front().sequence) return false;
      // A full block stays as it is.
      if (cursor.value().size() < kPostingBlockBytes) {
        key = cursor.key();
        ATELIER_TRY(longer, index_rows::append_to_block(key, cursor.value(), postings, begin));
        row = std::move(longer);
      }
    }
  }
  if (!key.empty())
    txn.put(table, value_of(std::string_view(key)), value_of(std::string_view(row)));
  while (begin < postings.size() && !txn.failed()) {
    key = index_rows::block_key(word, postings[begin].sequence);
    row = index_rows::encode_block(word, postings, begin);
    txn.put(table, value_of(std::string_view(key)), value_of(std::string_view(row)));
  }
  return true;
}

}  // namespace

void IndexWriter::flush_word(lmdb::WriteTxn& txn, const Tables& tables, std::string_view word,
                             std::vector<WordChange>& changes) {
  const auto before = [](const WordChange& a, const WordChange& b) {
    return a.posting.sequence < b.posting.sequence;
  };
  if (!std::is_sorted(changes.begin(), changes.end(), before)) {
    std::stable_sort(changes.begin(), changes.end(), before);
  }
  // Of several changes of one posting the last stands.
  std::vector<Posting> added;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const bool last =
        i + 1 == changes.size() || changes[i + 1].posting.sequence != changes[i].posting.sequence;
    if (!last) continue;
    if (changes[i].add) added.push_back(changes[i].posting);
    changes[kept++] = changes[i];
  }
  changes.resize(kept);
  if (added.size() == changes.size()) {
    const auto appended = append_postings(txn, tables.words, word, added);
    if (!appended) return txn.fail(appended.error());
    if (*appended) return;
  }
  Block block;
  for (std::size_t i = 0; i < changes.size() && !txn.failed();) {
    const Status found =
        find_block(txn.get(), tables.words, word, changes[i].posting.sequence, &block);
    if (!found) return txn.fail(found.error());
    std::uint64_t behind = UINT64_MAX;  // where the next block begins
    std::string_view next_word;
    if (!block.next_key.empty()) index_rows::split_block_key(block.next_key, &next_word, &behind);
    std::size_t to = i;
    while (to < changes.size() && changes[to].posting.sequence < behind) ++to;
    if (block.full && block.postings.back().sequence < changes[i].posting.sequence) {
      block.key.clear();  // behind a full block: a new one, and that one stays as it is
      block.postings.clear();
    }
    const std::vector<Posting> postings = merged(block.postings, changes, i, to);
    i = to;
    const bool stays = !postings.empty() && !block.postings.empty() &&
                       postings.front().sequence == block.postings.front().sequence;
    if (!block.key.empty() && !stays) {
      txn.erase(tables.words, value_of(std::string_view(block.key)));
    }
    for (std::size_t begin = 0; begin < postings.size() && !txn.failed();) {
      const std::string key = index_rows::block_key(word, postings[begin].sequence);
      const std::string row = index_rows::encode_block(word, postings, begin);
      txn.put(tables.words, value_of(std::string_view(key)), value_of(std::string_view(row)));
    }
  }
}

}  // namespace atelier
