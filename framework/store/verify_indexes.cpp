// The checks of the indexes' tables: each row by itself, and all rows of an index against what the
// documents say.
//
// The second is a comparison of sums: of a number for each row that is there, and of one for each
// that should be. So it needs little memory (a bit for each document; more where segments of words
// overlap), tells that an index is wrong, and not where: an index is made anew as a whole.
#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <set>

#include "base/limits.h"
#include "store/index_rows.h"
#include "store/index_set.h"
#include "store/index_words.h"
#include "store/segments.h"
#include "store/sequence_set.h"
#include "store/verify_run.h"
#include "store/word_rows.h"

namespace atelier {
namespace {

using word_rows::Posting;

constexpr std::size_t kBucketBytes = 8;

struct Sum {
  std::uint64_t rows = 0, total = 0;
  void add(std::string_view key, std::uint64_t more = 0) {
    ++rows;
    total += std::hash<std::string_view>()(key) * (2 * more + 1);
  }
  bool operator==(const Sum&) const = default;
};

struct Part {
  Segment segment;
  Segment there;          // what its rows say of documents, bytes, first and last
  bool overlaps = false;  // other segments may list the same sequences
};

struct IndexCheck {
  explicit IndexCheck(VerifyRun& with) : run(with) {}

  VerifyRun& run;
  std::map<std::uint64_t, Index> indexes;
  std::map<std::uint64_t, Sum> there, wanted;
  std::set<std::string> buckets;
  std::uint64_t fragment_rows = 0;
  std::map<std::uint64_t, std::vector<Part>> parts;  // by index
  SequenceSet live;                                  // sequences that documents have
  // Of overlapping segments: index and sequence -> one more than the age of the newest that lists
  // it.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> newest;

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

  void segments() {
    run.each("segments", [&](std::string_view key, std::string_view row) {
      auto segment = decode_segment(key, row);
      if (!segment) {
        run.found("segments: " + segment.error().message);
        return true;
      }
      std::uint64_t number = 0;
      for (const char c : key.substr(0, 4)) number = number << 8 | static_cast<std::uint8_t>(c);
      const auto known = indexes.find(number);
      if (known == indexes.end() || !known->second.is_words()) {
        run.found("segments: a row belongs to no index of words");
        return true;
      }
      if (segment->dead > segment->documents && segment->whole()) {
        run.found("segments: more documents are gone than there were");
      }
      parts[number].push_back({std::move(*segment), {}, false});
      return true;
    });
    for (auto& [number, all] : parts) check_ages(number, all);
    run.each("sequences", [&](std::string_view key, std::string_view) {
      std::uint64_t sequence = 0;
      if (key.size() == sizeof sequence) std::memcpy(&sequence, key.data(), sizeof sequence);
      live.insert(sequence);
      return true;
    });
  }

  // Sets `overlaps` and reads what is asked of those.
  void check_ages(std::uint64_t index, std::vector<Part>& all) {
    std::set<std::uint64_t> ages;
    std::vector<Part*> whole;
    for (Part& part : all) {
      if (!part.segment.whole()) continue;
      if (!ages.insert(part.segment.age).second) run.found("segments: two have one age");
      whole.push_back(&part);
    }
    std::sort(whole.begin(), whole.end(),
              [](const Part* a, const Part* b) { return a->segment.first < b->segment.first; });
    Part* furthest = nullptr;
    for (Part* part : whole) {
      if (furthest && part->segment.first <= furthest->segment.last) {
        furthest->overlaps = part->overlaps = true;
      }
      if (!furthest || part->segment.last > furthest->segment.last) furthest = part;
    }
    for (const Part* part : whole) {
      if (part->overlaps) read_newest(index, part->segment);
    }
  }

  void read_newest(std::uint64_t index, const Segment& segment) {
    const std::string head =
        word_rows::segment_key(static_cast<std::uint32_t>(index), segment.number) + '\0';
    run.each(
        "words",
        [&](std::string_view key, std::string_view row) {
          if (!key.starts_with(head)) return false;
          word_rows::RowReader reader(key, row);
          std::vector<Posting> postings;
          if (reader.next() && reader.entry().word.empty() &&
              word_rows::decode_postings(reader.entry(), &postings)) {
            for (const Posting& one : postings) {
              std::uint64_t& age = newest[{index, one.sequence}];
              age = std::max(age, segment.age + 1);
            }
          }
          return true;
        },
        head);
  }

  Part* part_of(std::uint64_t index, std::uint64_t segment) {
    for (Part& part : parts[index]) {
      if (part.segment.number == segment) return &part;
    }
    return nullptr;
  }

  void words() {
    segments();
    std::string before;  // the last word, with the key of its segment
    std::uint64_t last = 0;
    std::vector<Posting> postings;
    run.each("words", [&](std::string_view key, std::string_view row) {
      const Index* index = index_of("words", key);
      // Rows of older versions are read by nobody and go in the background.
      if (!index || index->is_outdated()) return true;
      word_rows::Key names;
      word_rows::RowReader reader(key, row);
      const bool is_key = word_rows::split_key(key, &names);
      Part* part = is_key ? part_of(index->number, names.segment) : nullptr;
      if (is_key && !part && index->state != IndexStatus::State::kDropping) {
        run.found("words: a row belongs to no segment");
      }
      if (part) part->there.bytes += key.size() + row.size();
      while (reader.next()) {
        postings.clear();
        if (const Status read = word_rows::decode_postings(reader.entry(), &postings); !read) {
          run.found("words: " + read.error().message);
          return true;
        }
        const std::string word =
            word_rows::segment_key(index->number, names.segment) + std::string(reader.entry().word);
        if (word < before || (word == before && postings.front().sequence <= last)) {
          run.found("words: rows of a segment are out of order");
        }
        before = word;
        last = postings.back().sequence;
        if (part) entry(*index, *part, reader.entry().word, postings);
      }
      if (!reader.status()) run.found("words: " + reader.status().error().message);
      return true;
    });
    for (const auto& [number, all] : parts) compare_parts(indexes.at(number), all);
  }

  void entry(const Index& index, Part& part, std::string_view word,
             const std::vector<Posting>& postings) {
    for (const Posting& one : postings) {
      if (word.empty()) {
        Segment& sum = part.there;
        sum.documents += one.count > 0 ? 1 : 0;
        sum.first = sum.first == 0 ? one.sequence : std::min(sum.first, one.sequence);
        sum.last = std::max(sum.last, one.sequence);
      }
      if (!part.segment.whole() || one.count == 0) continue;
      if (!live.contains(one.sequence) || !settled(index, one.sequence)) continue;
      if (part.overlaps) {
        const auto known = newest.find({index.number, one.sequence});
        if (known != newest.end() && known->second != part.segment.age + 1) continue;
      }
      there[index.number].add(word_rows::row_key("", word, one.sequence), one.count);
    }
  }

  void compare_parts(const Index& index, const std::vector<Part>& all) {
    if (index.is_outdated() || index.state == IndexStatus::State::kDropping) return;
    for (const auto& [segment, sum, overlaps] : all) {
      if (segment.state == Segment::State::kDropping) continue;
      if (segment.bytes != sum.bytes || segment.documents != sum.documents ||
          segment.first != sum.first || segment.last != sum.last) {
        run.found("segments: a segment of '" + index.definition.name +
                  "' has other rows than it says");
      }
    }
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
      wanted[index.number].add(word_rows::row_key("", word, doc.sequence), count);
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
      if (index.is_outdated()) continue;
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
  IndexCheck check(run);
  check.definitions();
  check.values();
  check.words();
  if (check.indexes.empty()) return;
  check.documents();
  check.compare();
}

}  // namespace atelier
