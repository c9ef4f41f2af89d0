#include "store/segment_join.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <span>

#include "base/limits.h"
#include "store/index_rows.h"
#include "store/word_rows.h"

namespace atelier {
namespace {

using lmdb::value_of;
using word_rows::Posting;

// The postings of a segment in the order of words and sequences. Nothing may be written to the
// table while it stands.
class SegmentReader {
 public:
  SegmentReader(MDB_txn* txn, const Tables& tables, std::uint32_t index, const Segment& segment)
      : age_(segment.age),
        key_(word_rows::segment_key(index, segment.number)),
        cursor_(txn, tables.words) {}

  /// To the first posting behind this one.
  bool seek(std::string_view word, std::uint64_t sequence) {
    const std::string wanted = word_rows::row_key(key_, word, sequence);
    bool more = cursor_.seek(wanted);
    // What is looked for may stand within the row before.
    if (!more || cursor_.key() != wanted) {
      more = cursor_.move(more ? MDB_PREV : MDB_LAST);
      if (!more || !cursor_.key().starts_with(key_)) more = cursor_.seek(wanted);
    }
    if (!open(more)) return false;
    do {
      if (!next_entry()) return false;
      while (word_ == word && in_entry() && this->sequence() <= sequence) ++at_;
    } while (std::string_view(word_) < word || !in_entry());
    return true;
  }

  // The place; valid while the last move returned true.
  const std::string& word() const { return word_; }
  std::uint64_t sequence() const { return postings_[at_].sequence; }
  const Posting& posting() const { return postings_[at_]; }
  std::uint64_t age() const { return age_; }
  bool in_entry() const { return at_ < postings_.size(); }

  void skip() { ++at_; }  // within the entry
  bool next_entry() {
    postings_.clear();
    at_ = 0;
    while (!row_.next()) {
      if (status_ = row_.status(); !status_ || !open(cursor_.move(MDB_NEXT))) return false;
    }
    word_ = row_.entry().word;
    status_ = word_rows::decode_postings(row_.entry(), &postings_);
    return status_.has_value();
  }
  Status status() const { return status_; }

 private:
  bool open(bool more) {
    if (!more) status_ = cursor_.status();
    if (!more || !cursor_.key().starts_with(key_)) return false;
    row_.open(cursor_.key(), cursor_.value());
    return true;
  }

  const std::uint64_t age_;
  const std::string key_;
  lmdb::Cursor cursor_;
  word_rows::RowReader row_;
  std::string word_;
  std::vector<Posting> postings_;
  std::size_t at_ = 0;
  Status status_ = ok();
};

// The documents of these segments that still are.
Status find_live(MDB_txn* txn, const Tables& tables, std::uint32_t index,
                 std::span<const Segment> segments, SequenceSet* live) {
  constexpr int kStepsMax = 8;  // of a walk, before a search from the top is less work
  for (const Segment& segment : segments) {
    SegmentReader reader(txn, tables, index, segment);
    lmdb::Cursor sequences(txn, tables.sequences);
    bool more = sequences.seek_number(segment.first);
    for (bool read = reader.seek("", 0); read && reader.word().empty();
         read = reader.next_entry()) {
      for (; reader.in_entry() && more; reader.skip()) {
        const std::uint64_t wanted = reader.sequence();
        for (int i = 0; more && i < kStepsMax && sequences.number() < wanted; ++i) {
          more = sequences.move(MDB_NEXT);
        }
        if (more && sequences.number() < wanted) more = sequences.seek_number(wanted);
        if (more && sequences.number() == wanted) live->insert(wanted);
      }
    }
    ATELIER_CHECK(reader.status());
    ATELIER_CHECK(sequences.status());
  }
  return ok();
}

// One step of a join: from where `out` is, up to the bytes that a step may be.
class Join {
 public:
  Join(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t index, Segment& out,
       std::span<const Segment> parts, bool oldest, const SequenceSet* live)
      : txn_(txn), tables_(tables), index_(index), out_(out), oldest_(oldest), live_(live) {
    for (const Segment& part : parts) readers_.emplace_back(txn.get(), tables, index, part);
  }

  /// Returns whether the end was reached.
  Result<bool> run(std::size_t bytes_max) {
    word_rows::RowsBuilder builder(index_, out_.number, [&](std::string key, std::string row) {
      bytes_ += key.size() + row.size();
      rows_.emplace_back(std::move(key), std::move(row));
    });
    for (SegmentReader& reader : readers_) push(reader, reader.seek(out_.word, out_.sequence));
    while (status_ && !heap_.empty() && bytes_ < bytes_max && postings_ < bytes_max) {
      run_of_one(builder);
    }
    ATELIER_CHECK(status_);
    builder.finish();
    const bool ended = heap_.empty();
    heap_.clear();
    readers_.clear();  // before anything is written
    for (const auto& [key, row] : rows_) {
      txn_.put(tables_.words, value_of(std::string_view(key)), value_of(std::string_view(row)));
    }
    out_.bytes += bytes_;
    if (txn_.failed()) return txn_.error();
    return ended;
  }

 private:
  static bool behind(const SegmentReader* a, const SegmentReader* b) {
    if (const int order = a->word().compare(b->word()); order != 0) return order > 0;
    if (a->sequence() != b->sequence()) return a->sequence() > b->sequence();
    return a->age() < b->age();  // the newer comes first
  }

  void push(SegmentReader& reader, bool more) {
    if (more) {
      heap_.push_back(&reader);
      std::push_heap(heap_.begin(), heap_.end(), behind);
    } else if (const Status status = reader.status(); !status) {
      status_ = status;
    }
  }

  // The postings of the first reader, up to where another one has something.
  void run_of_one(word_rows::RowsBuilder& builder) {
    std::pop_heap(heap_.begin(), heap_.end(), behind);
    SegmentReader& reader = *heap_.back();
    heap_.pop_back();
    const bool shared = !heap_.empty() && heap_.front()->word() == reader.word();
    const std::uint64_t limit = shared ? heap_.front()->sequence() : UINT64_MAX;
    // Of several for one sequence the newest came first.
    bool known = out_.word == reader.word() && out_.sequence == reader.sequence();
    out_.word = reader.word();
    do {
      if (!known) add(builder, reader.word(), reader.posting());
      known = false;
      out_.sequence = reader.sequence();
      ++postings_;
      reader.skip();
    } while (reader.in_entry() && reader.sequence() < limit);
    push(reader, reader.in_entry() || reader.next_entry());
  }

  void add(word_rows::RowsBuilder& builder, const std::string& word, const Posting& posting) {
    if (posting.count == 0 && oldest_) return;  // nothing is left that it takes back
    if (live_ && !live_->contains(posting.sequence)) return;
    builder.add(word, posting);
    if (!word.empty()) return;
    out_.documents += posting.count > 0 ? 1 : 0;
    out_.first = out_.first == 0 ? posting.sequence : std::min(out_.first, posting.sequence);
    out_.last = std::max(out_.last, posting.sequence);
  }

  lmdb::WriteTxn& txn_;
  const Tables& tables_;
  const std::uint32_t index_;
  Segment& out_;
  const bool oldest_;
  const SequenceSet* const live_;  // null: all are
  std::deque<SegmentReader> readers_;
  std::vector<SegmentReader*> heap_;
  std::vector<std::pair<std::string, std::string>> rows_;
  std::size_t bytes_ = 0, postings_ = 0;
  Status status_ = ok();
};

std::uint64_t all_dead(std::span<const Segment> parts) {
  std::uint64_t dead = 0;
  for (const Segment& part : parts) dead += part.dead;
  return dead;
}

// The segment that these will be.
Segment begun(const std::vector<Segment>& segments, std::span<const Segment> parts) {
  Segment out;
  for (const Segment& one : segments) out.number = std::max(out.number, one.number + 1);
  out.state = Segment::State::kMaking;
  out.from_age = parts.front().age;
  out.age = parts.back().age;
  out.dead = all_dead(parts);  // until it is whole: what was known when it was begun
  return out;
}

void end(Segment& out, std::span<const Segment> parts) {
  const std::uint64_t dead = all_dead(parts);
  out.dead = std::min(out.documents, dead - std::min(dead, out.dead));
  out.state = Segment::State::kWhole;
  out.from_age = 0;
  out.word.clear();
  out.sequence = 0;
}

std::vector<Segment> whole_ones(const std::vector<Segment>& segments) {
  std::vector<Segment> whole;
  std::copy_if(segments.begin(), segments.end(), std::back_inserter(whole),
               [](const Segment& one) { return one.whole(); });
  return whole;
}

const Segment* in_state(const std::vector<Segment>& segments, Segment::State state) {
  const auto found = std::find_if(segments.begin(), segments.end(),
                                  [&](const Segment& one) { return one.state == state; });
  return found == segments.end() ? nullptr : &*found;
}

// Takes rows of the dropping ones away, kIndexDropRows at most, and those that have none left.
Status drop_rows(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t index,
                 std::span<const Segment> segments) {
  std::size_t left = kIndexDropRows;
  for (const Segment& one : segments) {
    if (one.state != Segment::State::kDropping || left == 0) continue;
    const std::string key = word_rows::segment_key(index, one.number);
    ATELIER_TRY(rows, erase_rows(txn, tables, key, left));
    if (rows < left) erase_segment(txn, tables, index, one.number);
    left -= rows;
  }
  return ok();
}

// `whole` are the whole segments by age; `parts` those of them that are joined.
Result<bool> make_step(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t index,
                       const std::vector<Segment>& whole, std::span<const Segment> parts,
                       Segment& out, std::size_t bytes_max, std::shared_ptr<JoinMemory>* memory) {
  JoinMemory* known = memory->get();
  const bool may_be_dead = out.dead > 0;
  if (may_be_dead && (!known || known->index != index || known->segment != out.number)) {
    *memory = std::make_shared<JoinMemory>();
    known = memory->get();
    known->index = index;
    known->segment = out.number;
    ATELIER_CHECK(find_live(txn.get(), tables, index, parts, &known->live));
  }
  Join join(txn, tables, index, out, parts, parts.front().age == whole.front().age,
            may_be_dead ? &known->live : nullptr);
  return join.run(bytes_max);
}

}  // namespace

Result<std::size_t> erase_rows(lmdb::WriteTxn& txn, const Tables& tables,
                               std::string_view key_begins, std::size_t rows_max) {
  std::vector<std::string> keys;
  {
    lmdb::Cursor cursor(txn.get(), tables.words);
    for (bool more = cursor.seek(key_begins);
         more && keys.size() < rows_max && cursor.key().starts_with(key_begins);
         more = cursor.move(MDB_NEXT)) {
      keys.emplace_back(cursor.key());
    }
    ATELIER_CHECK(cursor.status());
  }
  for (const std::string& key : keys) txn.erase(tables.words, value_of(std::string_view(key)));
  return keys.size();
}

Result<bool> join_step(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t index,
                       std::shared_ptr<JoinMemory>* memory) {
  ATELIER_TRY(segments, read_segments(txn.get(), tables, index));
  if (in_state(segments, Segment::State::kDropping)) {
    ATELIER_CHECK(drop_rows(txn, tables, index, segments));
    return true;
  }
  const std::vector<Segment> whole = whole_ones(segments);
  std::span<const Segment> parts;
  Segment out;
  if (const Segment* making = in_state(segments, Segment::State::kMaking)) {
    out = *making;
    const auto begin = std::find_if(whole.begin(), whole.end(),
                                    [&](const Segment& one) { return one.age >= out.from_age; });
    const auto end =
        std::find_if(begin, whole.end(), [&](const Segment& one) { return one.age > out.age; });
    parts = {begin, end};
    if (parts.empty()) {
      return Error(ErrorCode::kCorrupt, "an index joins segments that are not there");
    }
  } else if (const auto chosen = choose_segments(whole)) {
    parts = std::span(whole).subspan(chosen->begin, chosen->end - chosen->begin);
    out = begun(segments, parts);
  } else {
    return false;
  }
  ATELIER_TRY(ended, make_step(txn, tables, index, whole, parts, out, kSegmentStepBytes, memory));
  if (!ended) {
    put_segment(txn, tables, index, out);
    return true;
  }
  // From here on all of it is written, or nothing.
  end(out, parts);
  memory->reset();
  std::vector<Segment> gone(parts.begin(), parts.end());
  for (Segment& part : gone) {
    part.state = Segment::State::kDropping;
    put_segment(txn, tables, index, part);
  }
  if (out.bytes == 0)
    erase_segment(txn, tables, index, out.number);
  else
    put_segment(txn, tables, index, out);
  const Status dropped = drop_rows(txn, tables, index, gone);
  if (!dropped) txn.fail(dropped.error());
  if (txn.failed()) return txn.error();
  return true;
}

Result<bool> join_small(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t index,
                        std::vector<Segment> segments) {
  const std::vector<Segment> whole = whole_ones(segments);
  const bool begun_already = whole.size() != segments.size();
  // What is joined in the background already stays out.
  std::vector<Segment> free = whole;
  if (const Segment* making = in_state(segments, Segment::State::kMaking)) {
    std::erase_if(free, [&](const Segment& one) { return one.age <= making->age; });
  }
  const auto chosen = choose_segments(free);
  if (!chosen) return begun_already;
  if (chosen->bytes > kSegmentFan * kSegmentSmallBytes) return true;
  const auto parts = std::span(free).subspan(chosen->begin, chosen->end - chosen->begin);
  Segment out = begun(segments, parts);
  std::shared_ptr<JoinMemory> memory;
  ATELIER_TRY(ended, make_step(txn, tables, index, whole, parts, out, SIZE_MAX, &memory));
  if (!ended) return Error(ErrorCode::kInternal, "small segments were not joined");
  // From here on all of it is written, or nothing.
  end(out, parts);
  if (out.bytes > 0) put_segment(txn, tables, index, out);
  for (const Segment& part : parts) {
    const std::string key = word_rows::segment_key(index, part.number);
    if (const auto rows = erase_rows(txn, tables, key, SIZE_MAX); !rows) txn.fail(rows.error());
    erase_segment(txn, tables, index, part.number);
  }
  if (txn.failed()) return txn.error();
  return begun_already;
}

}  // namespace atelier
