// The checks of the indexes' tables: each row by itself, and all rows of an index against what the
// documents say.
//
// The second is a comparison of sums: of a number for each row that is there, and of one for each
// that should be. So it needs no memory, tells that an index is wrong, and not where: an index is
// made anew as a whole.
#include <cstring>
#include <functional>
#include <map>
#include <set>

#include "base/limits.h"
#include "store/index_rows.h"
#include "store/index_set.h"
#include "store/index_words.h"
#include "store/verify_run.h"

namespace atelier {
namespace {

using index_rows::Posting;

constexpr std::size_t kBucketBytes = 8;

struct Sum {
  std::uint64_t rows = 0, total = 0;
  void add(std::string_view key, std::uint64_t more = 0) {
    ++rows;
    total += std::hash<std::string_view>()(key) * (2 * more + 1);
  }
  bool operator==(const Sum&) const = default;
};

struct IndexCheck {
  VerifyRun& run;
  std::map<std::uint64_t, Index> indexes;
  std::map<std::uint64_t, Sum> there, wanted;
  std::set<std::string> buckets;
  std::uint64_t fragment_rows = 0;

  // Whether what the index holds of this sequence is settled: not while it is being built.
  static bool settled(const Index& index, std::uint64_t sequence) {
    return index.state == IndexStatus::State::kReady || sequence <= index.built ||
           sequence > index.until;
  }

  void definitions() {
    run.each("indexes", [&](std::string_view key, std::string_view value) {
      auto index = decode_index(key, value);
      if (!index) {
        run.found("indexes: " + index.error().message);
      } else {
        if (index->until > run.state.last_sequence) {
          run.found("indexes: '" + index->definition.name + "' is built beyond the last sequence");
        }
        indexes.emplace(index->number, std::move(*index));
      }
      return true;
    });
  }

  const Index* index_of(std::string_view table, std::string_view key) {
    std::size_t pos = 0;
    std::uint64_t number = 0;
    const bool read = index_rows::get_ordered(key, pos, &number);
    const auto known = indexes.find(number);
    if (read && known != indexes.end()) return &known->second;
    run.found(std::string(table) + ": a row belongs to no index");
    return nullptr;
  }

  // --- values

  void value_row(const std::string& key, std::string_view row) {
    const Index* index = index_of("values", key);
    const auto id = index_rows::id_of_value_row(key, row);
    if (!id) return run.found("values: " + id.error().message);
    if (!index || index->state != IndexStatus::State::kReady) return;
    there[index->number].add(key);
  }

  void value_entry(const std::string& above, std::string_view part, std::string_view value,
                   std::size_t level) {
    const std::string key = above + std::string(part);
    if (part.size() < kFragmentBytes) return value_row(key, value);
    if (part.size() > kFragmentBytes || value.size() != kBucketBytes || level > kValueLevelsMax) {
      return run.found("values: a bucket of long keys has no number");
    }
    const std::string bucket(value);
    if (!buckets.insert(bucket).second) return run.found("values: a bucket stands in two rows");
    std::uint64_t rows = 0;
    run.each(
        "value-fragments",
        [&](std::string_view inner, std::string_view row) {
          if (inner.substr(0, kBucketBytes) != bucket) return false;
          ++rows;
          ++fragment_rows;
          value_entry(key, inner.substr(kBucketBytes), row, level + 1);
          return true;
        },
        bucket);
    if (rows == 0) run.found("values: a bucket of long keys is empty");
  }

  void values() {
    run.each("values", [&](std::string_view key, std::string_view value) {
      value_entry("", key, value, 0);
      return true;
    });
    if (run.rows("value-fragments") != fragment_rows) {
      run.found("value-fragments: " + std::to_string(run.rows("value-fragments")) +
                " rows, but keys lead to " + std::to_string(fragment_rows));
    }
  }

  // --- words

  void words() {
    std::string word_before;
    std::uint64_t last = 0;
    std::vector<Posting> postings;
    run.each("words", [&](std::string_view key, std::string_view row) {
      const Index* index = index_of("words", key);
      postings.clear();
      if (const Status read = index_rows::decode_block(key, row, &postings); !read) {
        run.found("words: " + read.error().message);
        return true;
      }
      std::string_view word;
      std::uint64_t first = 0;
      index_rows::split_block_key(key, &word, &first);
      if (word == word_before && first <= last) run.found("words: two blocks of a word overlap");
      word_before = word;
      last = postings.back().sequence;
      if (!index) return true;
      for (const Posting& one : postings) {
        if (settled(*index, one.sequence)) {
          there[index->number].add(index_rows::block_key(word, one.sequence), one.count);
        }
      }
      return true;
    });
  }

  // --- what the documents say

  void document(std::string_view id, const record::DocRow& doc) {
    for (const auto& [number, index] : indexes) {
      if (index.state == IndexStatus::State::kDropping || !index.takes(id, doc.body)) continue;
      if (index.is_words()) {
        if (settled(index, doc.sequence)) document_words(index, doc);
        continue;
      }
      std::string key;
      index_rows::put_ordered(key, number);
      if (index.ready() && index.append_values(id, doc.body, key)) {
        wanted[number].add(key + std::string(id));
      }
    }
  }

  void document_words(const Index& index, const record::DocRow& doc) {
    std::map<std::string, std::uint32_t, std::less<>> counts;
    std::uint32_t all = 0;
    for_each_word(index, doc.body, [&](std::string_view word) {
      ++all;
      const auto known = counts.find(word);
      ++(known != counts.end() ? known->second : counts[std::string(word)]);
    });
    if (all > 0) counts[""] = all;
    for (const auto& [word, count] : counts) {
      const std::string key = index_rows::word_key(index.number, word);
      wanted[index.number].add(index_rows::block_key(key, doc.sequence), count);
    }
  }

  void documents() {
    run.each("sequences", [&](std::string_view key, std::string_view value) {
      std::uint64_t sequence = 0;
      if (key.size() == sizeof sequence) std::memcpy(&sequence, key.data(), sizeof sequence);
      record::SequenceRow change;
      if (!record::decode_sequence(sequence, value, &change) || change.deleted) return true;
      const auto row = run.find_document(change.id);
      record::DocRow doc;
      if (!row || !record::decode_doc(change.id, *row, &doc)) return true;  // told at docs
      if (!doc.deleted && doc.has_body && !doc.evicted) document(change.id, doc);
      return true;
    });
  }

  void compare() {
    for (const auto& [number, index] : indexes) {
      if (index.state == IndexStatus::State::kDropping) continue;
      // Words that an older version cut are renewed when the store is opened.
      if (index.is_words() && index.words_version != kWordsVersion) continue;
      if (there[number] == wanted[number]) continue;
      run.found((index.is_words() ? "words: the index '" : "values: the index '") +
                index.definition.name + "' does not fit the documents: it has " +
                std::to_string(there[number].rows) + " entries, they have " +
                std::to_string(wanted[number].rows));
    }
  }
};

}  // namespace

void check_indexes(VerifyRun& run) {
  IndexCheck check{run, {}, {}, {}, {}, 0};
  check.definitions();
  check.values();
  check.words();
  if (check.indexes.empty()) return;
  check.documents();
  check.compare();
}

}  // namespace atelier
