#include "store/index_writer.h"

#include <algorithm>

#include "store/index_rows.h"
#include "store/index_words.h"
#include "store/record.h"
#include "store/segment_join.h"
#include "store/word_rows.h"

namespace atelier {
namespace {

using lmdb::value_of;

// Says in the segments, of which each has its range of sequences, that documents are gone; the
// newest that may list one is taken for the one that does. Returns which segments changed.
std::vector<bool> note_dead(std::vector<Segment>& segments, std::vector<std::uint64_t> dead) {
  std::vector<bool> changed(segments.size(), false);
  std::sort(dead.begin(), dead.end());
  dead.erase(std::unique(dead.begin(), dead.end()), dead.end());
  for (const std::uint64_t sequence : dead) {
    for (std::size_t i = segments.size(); i-- > 0;) {
      Segment& one = segments[i];
      if (!one.whole() || sequence < one.first || sequence > one.last) continue;
      if (one.dead >= one.documents) continue;
      ++one.dead;
      changed[i] = true;
      break;
    }
  }
  return changed;
}

}  // namespace

// --- collecting

void IndexWriter::changed(std::string_view id, const Winner* before, const Winner* after,
                          bool keeps_sequence) {
  for (const IndexPtr& index : *indexes_) {
    if (index->state == IndexStatus::State::kDropping || !index->takes_id(id)) continue;
    const bool same = before && after && before->body == after->body;
    if (index->is_words()) {
      if (index->is_outdated() || (same && keeps_sequence)) continue;
      // Words of a sequence that is gone are dead by themselves.
      if (before && !keeps_sequence && index->takes(id, before->body)) {
        words_[index->number].dead.push_back(before->sequence);
      }
      if (before && keeps_sequence) collect(*index, id, *before, false);
      if (after) collect(*index, id, *after, true);
      continue;
    }
    if (same) continue;  // an index of values does not name the sequence
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

void IndexWriter::collect_words(const Index& index, const Winner& winner, bool stands) {
  WordList& list = words_[index.number].list;
  list.begin_document(winner.sequence, stands);
  std::uint32_t all = 0;
  for_each_word(index, winner.body, [&](std::string_view word) {
    ++all;
    list.add(word);
  });
  // The list of every document that has words, with how many: its length for BM25.
  if (all > 0) list.add("", all);
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

bool IndexWriter::publish() {
  if (indexes_ != before_) registry_.set(indexes_);
  if (join_) registry_.set_join(true);
  return join_;
}

// --- writing

void IndexWriter::flush(lmdb::WriteTxn& txn, const Tables& tables, record::State& state) {
  flush_values(txn, tables, state);
  for (const auto& [index, words] : words_) {
    if (txn.failed()) break;
    if (const Status done = flush_words(txn, tables, index, words); !done) txn.fail(done.error());
  }
  words_.clear();
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

// A new segment behind all others.
Status IndexWriter::flush_words(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t index,
                                const Words& words) {
  ATELIER_TRY(segments, read_segments(txn.get(), tables, index));
  if (!words.list.empty()) {
    Segment made;
    for (const Segment& one : segments) {
      made.number = std::max(made.number, one.number + 1);
      made.age = std::max(made.age, one.age + 1);
    }
    word_rows::RowsBuilder builder(
        index, made.number, [&](const std::string& key, const std::string& row) {
          made.bytes += key.size() + row.size();
          txn.put(tables.words, value_of(std::string_view(key)), value_of(std::string_view(row)));
        });
    words.list.each([&](std::string_view word, const std::vector<word_rows::Posting>& postings) {
      for (const word_rows::Posting& one : postings) {
        builder.add(word, one);
        if (word.empty() && one.count > 0) ++made.documents;
      }
      if (!word.empty()) return;
      made.first = postings.front().sequence;
      made.last = postings.back().sequence;
    });
    builder.finish();
    segments.push_back(made);
  }
  std::vector<bool> changed = note_dead(segments, words.dead);
  if (!words.list.empty()) changed.back() = true;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (changed[i]) put_segment(txn, tables, index, segments[i]);
  }
  if (txn.failed()) return txn.error();
  const auto more = join_small(txn, tables, index, std::move(segments));
  if (txn.failed()) return txn.error();
  // Damage there is told by the background work and refuses no write.
  join_ = join_ || !more || *more;
  return ok();
}

}  // namespace atelier
