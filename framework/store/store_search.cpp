// search(): the documents that have all words, by their postings. Thread rule: as StoreImpl.
#include <algorithm>
#include <cmath>
#include <queue>

#include "store/index_words.h"
#include "store/posting_cursor.h"
#include "store/store_impl.h"

namespace atelier {
namespace {

constexpr double kK1 = 1.2, kB = 0.75;  // BM25's usual parameters
constexpr std::size_t kSearchSampleRows = 16;

struct Scored {
  double score = 0;
  std::uint64_t sequence = 0;
  // The worst on top; of equal ones the older.
  bool operator<(const Scored& other) const {
    return score != other.score ? score > other.score : sequence > other.sequence;
  }
};

// Each row of a segment that has the word, with the word's entry; `fn` returns false to stop.
template <class Fn>
Status each_entry(lmdb::Cursor& cursor, std::uint32_t index, const Segment& segment,
                  const std::string& word, const Fn& fn) {
  const std::string key = word_rows::segment_key(index, segment.number);
  const std::string wanted = word_rows::row_key(key, word, 0);
  bool more = cursor.seek(wanted);
  more = cursor.move(more ? MDB_PREV : MDB_LAST);
  if (!more || !cursor.key().starts_with(key)) more = cursor.seek(wanted);
  for (; more && cursor.key().starts_with(key); more = cursor.move(MDB_NEXT)) {
    word_rows::RowReader row(cursor.key(), cursor.value());
    while (row.next() && row.entry().word < word) {
    }
    ATELIER_CHECK(row.status());
    if (row.entry().word > word || (row.entry().word == word && !fn(row.entry()))) return ok();
  }
  return cursor.status();
}

// How many documents have a word, those that are gone included.
Result<std::uint64_t> count_documents(lmdb::Cursor& cursor, std::uint32_t index,
                                      const Segment& segment, const std::string& word) {
  std::uint64_t documents = 0;
  ATELIER_CHECK(each_entry(cursor, index, segment, word, [&](const word_rows::Entry& entry) {
    documents += entry.count;
    return true;
  }));
  return documents;
}

// The mean of the numbers of words, by each kSearchSampleRows-th row: BM25 needs no more.
Result<double> mean_length(lmdb::Cursor& cursor, std::uint32_t index,
                           const std::vector<Segment>& segments) {
  std::vector<word_rows::Posting> postings;
  Status read = ok();
  for (const Segment& segment : segments) {
    std::size_t rows = 0;
    ATELIER_CHECK(each_entry(cursor, index, segment, "", [&](const word_rows::Entry& entry) {
      if (rows++ % kSearchSampleRows == 0) read = word_rows::decode_postings(entry, &postings);
      return read.has_value();
    }));
    ATELIER_CHECK(read);
  }
  double sum = 0;
  for (const auto& one : postings) sum += one.count;
  return postings.empty() ? 1 : std::max(1.0, sum / static_cast<double>(postings.size()));
}

}  // namespace

// One search while it runs, in one or more read transactions. Invariant: hits above at_most_ were
// looked at; with relevance the best of them are in best_.
class StoreImpl::SearchRun {
 public:
  SearchRun(const StoreImpl& store, const SearchQuery& query, IndexPtr index,
            std::vector<query::SearchTerm> terms)
      : store_(store), query_(query), index_(std::move(index)), terms_(std::move(terms)) {
    if (query.rank == SearchQuery::Rank::kRecency && query.before > 0) {
      at_most_ = query.before - 1;
    }
    done_ = query.before == 0 || query.limit == 0;
  }

  bool done() const { return done_; }
  SearchAnswer& answer() { return answer_; }

  Status slice(MDB_txn* txn) {
    ATELIER_CHECK(store_.check_index(txn, *index_));
    ATELIER_TRY(segments, read_segments(txn, store_.tables_, index_->number));
    std::erase_if(segments, [](const Segment& one) { return !one.whole(); });
    lmdb::Cursor cursor(txn, store_.tables_.words);
    cursors_.clear();
    ATELIER_CHECK(open_words(cursor, segments));
    const bool ranked = query_.rank == SearchQuery::Rank::kRelevance;
    if (ranked && slices_ == 0) ATELIER_CHECK(weigh(cursor, segments));
    TermCursor lengths(cursor, index_->number, segments, {"", false});
    ++slices_;
    std::uint64_t x = 0;
    for (std::size_t steps = 0; !done_ && steps < kSearchStepsPerTxn; ++steps) {
      ATELIER_TRY(found, next_hit(&x));
      if (!found) {
        done_ = true;
        break;
      }
      ++answer_.postings_examined;
      if (ranked) {
        ATELIER_CHECK(rank(txn, lengths, x));
      } else {
        ATELIER_CHECK(take(txn, x, 0));
        if (answer_.hits.size() >= query_.limit) {
          done_ = true;
          answer_.more = x > 0;
        }
      }
      if (x == 0) done_ = true;
      at_most_ = x - (x > 0 ? 1 : 0);
    }
    if (ranked && done_) ATELIER_CHECK(take_best(txn));
    cursors_.clear();
    return ok();
  }

 private:
  Status open_words(lmdb::Cursor& cursor, const std::vector<Segment>& segments) {
    const auto largest = std::max_element(
        segments.begin(), segments.end(),
        [](const Segment& a, const Segment& b) { return a.documents < b.documents; });
    asked_.assign(terms_.size(), false);
    for (std::size_t i = 0; i < terms_.size(); ++i) {
      const query::SearchTerm& term = terms_[i];
      if (term.prefix && largest != segments.end()) {
        const std::string key = word_rows::segment_key(index_->number, largest->number);
        ATELIER_TRY(words, words_that_begin(cursor, key, term.word, kSearchMergedWords));
        // So many words are in so many documents that asking these is less work.
        asked_[i] = words.size() > kSearchMergedWords;
      }
      if (!asked_[i]) cursors_.emplace_back(cursor, index_->number, segments, term);
    }
    if (cursors_.empty()) {
      cursors_.emplace_back(cursor, index_->number, segments, query::SearchTerm{"", false});
    }
    return ok();
  }

  bool asks_documents() const {
    return std::find(asked_.begin(), asked_.end(), true) != asked_.end();
  }

  // The next document that is in all lists, at at_most_ or older.
  Result<bool> next_hit(std::uint64_t* hit) {
    std::uint64_t x = at_most_;
    for (std::size_t agreed = 0, i = 0; agreed < cursors_.size(); i = (i + 1) % cursors_.size()) {
      TermCursor& one = cursors_[i];
      if (!one.seek(x)) {
        ATELIER_CHECK(one.status());
        return false;
      }
      agreed = one.sequence() == x ? agreed + 1 : 1;
      x = one.sequence();
    }
    *hit = x;
    return true;
  }

  // Reads the document and adds it to the hits, unless its words say otherwise.
  Status take(MDB_txn* txn, std::uint64_t sequence, double score) {
    ATELIER_TRY(read, read_hit(txn, sequence));
    if (!read) return ok();
    hit_.score = score;
    answer_.hits.push_back(std::move(hit_));
    return ok();
  }

  // Into hit_. False: no hit.
  Result<bool> read_hit(MDB_txn* txn, std::uint64_t sequence) {
    const auto damaged = [&] {
      return Error(ErrorCode::kCorrupt, "the index '" + index_->definition.name +
                                            "' does not fit the document of sequence " +
                                            std::to_string(sequence));
    };
    std::string_view bytes;
    Error error;
    const auto found =
        lmdb::get(txn, store_.tables_.sequences, lmdb::value_of(sequence), &bytes, &error);
    if (found == lmdb::Lookup::kFailed) return error;
    if (found == lmdb::Lookup::kMissing) return false;  // it has changed since
    record::SequenceRow change;
    ATELIER_CHECK(record::decode_sequence(sequence, bytes, &change));
    ATELIER_TRY(known, store_.find_doc(txn, change.id, nullptr, &row_));
    if (!known || row_.deleted || !row_.has_body || row_.evicted) return damaged();
    hit_ = {};
    if (!find_terms(*index_, row_.body, terms_, &hit_.highlights)) {
      if (asks_documents()) return false;
      return damaged();
    }
    ATELIER_TRY(attachments, record::decode_attachments(row_.attachments));
    hit_.document.id = change.id;
    hit_.document.rev = row_.rev;
    hit_.document.body = row_.body;
    hit_.document.sequence = sequence;
    hit_.document.attachments = std::move(attachments);
    return true;
  }

  // --- relevance

  Status weigh(lmdb::Cursor& cursor, const std::vector<Segment>& segments) {
    std::uint64_t documents = 0;
    for (const Segment& one : segments) documents += one.documents - one.dead;
    ATELIER_TRY(mean, mean_length(cursor, index_->number, segments));
    mean_length_ = mean;
    const auto weight = [&](std::uint64_t having) {
      const auto n = static_cast<double>(std::min(having, documents));
      return std::log(1 + (static_cast<double>(documents) - n + 0.5) / (n + 0.5));
    };
    weights_.clear();
    for (std::size_t i = 0; i < terms_.size(); ++i) {
      if (asked_[i]) continue;  // has no cursor
      std::uint64_t having = 0;
      for (const Segment& one : segments) {
        ATELIER_TRY(count, documents_having(cursor, one, terms_[i]));
        having += count;
      }
      weights_.push_back(weight(having));
    }
    return ok();
  }

  Result<std::uint64_t> documents_having(lmdb::Cursor& cursor, const Segment& segment,
                                         const query::SearchTerm& term) const {
    if (!term.prefix) return count_documents(cursor, index_->number, segment, term.word);
    const std::string key = word_rows::segment_key(index_->number, segment.number);
    ATELIER_TRY(words, words_that_begin(cursor, key, term.word, SIZE_MAX - 1));
    std::uint64_t having = 0;
    for (const std::string& word : words) {
      ATELIER_TRY(count, count_documents(cursor, index_->number, segment, word));
      having += count;
    }
    return having;
  }

  // Whether the document of a posting is still there.
  Result<bool> stands(MDB_txn* txn, std::uint64_t sequence) const {
    std::string_view bytes;
    Error error;
    const auto found =
        lmdb::get(txn, store_.tables_.sequences, lmdb::value_of(sequence), &bytes, &error);
    if (found == lmdb::Lookup::kFailed) return error;
    return found == lmdb::Lookup::kFound;
  }

  Status rank(MDB_txn* txn, TermCursor& lengths, std::uint64_t sequence) {
    if (asks_documents()) {
      if (++ranked_ >= kSearchRankedMax) done_ = true;
      ATELIER_TRY(hit, read_hit(txn, sequence));
      if (!hit) return ok();
    }
    if (!lengths.seek(sequence) || lengths.sequence() != sequence) {
      ATELIER_CHECK(lengths.status());
      return Error(ErrorCode::kCorrupt, "the index '" + index_->definition.name +
                                            "' has words of a document that it does not list");
    }
    const double norm = kK1 * (1 - kB + kB * lengths.count() / mean_length_);
    double score = 0;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const double count = cursors_[i].count();
      score += weights_[i] * count * (kK1 + 1) / (count + norm);
    }
    const Scored scored{score, sequence};
    if (best_.size() >= query_.limit && !(scored < best_.top())) return ok();
    ATELIER_TRY(is, stands(txn, sequence));
    if (!is) return ok();
    best_.push(scored);
    if (best_.size() > query_.limit) best_.pop();
    return ok();
  }

  Status take_best(MDB_txn* txn) {
    std::vector<Scored> best;
    for (; !best_.empty(); best_.pop()) best.push_back(best_.top());
    for (auto one = best.rbegin(); one != best.rend(); ++one) {
      ATELIER_CHECK(take(txn, one->sequence, one->score));
    }
    return ok();
  }

  const StoreImpl& store_;
  const SearchQuery& query_;
  const IndexPtr index_;
  const std::vector<query::SearchTerm> terms_;
  SearchAnswer answer_;
  std::uint64_t at_most_ = UINT64_MAX;
  bool done_ = false;
  std::size_t slices_ = 0;
  SearchHit hit_;
  record::DocRow row_;

  double mean_length_ = 1;
  std::vector<double> weights_;  // of cursors_, in their order
  std::priority_queue<Scored> best_;
  std::size_t ranked_ = 0;

  // Of this transaction.
  std::vector<bool> asked_;  // of terms_: whether a word begins so is asked of the documents
  std::vector<TermCursor> cursors_;
};

Result<SearchAnswer> StoreImpl::search(const SearchQuery& query) const {
  return guard([&]() -> Result<SearchAnswer> {
    ATELIER_CHECK(check_usable(false));
    ATELIER_TRY(terms, query::search_terms(query.words));
    if (terms.empty()) return invalid("there is no word to search for");
    if (query.limit > kSearchLimitMax) {
      return Error(ErrorCode::kTooLarge,
                   "a search gives at most " + std::to_string(kSearchLimitMax) + " hits at once");
    }
    IndexPtr chosen;
    bool building = false;
    for (const IndexPtr& index : *indexes_.get()) {
      if (!index->is_words() || index->state == IndexStatus::State::kDropping) continue;
      const bool named = query.index.empty()
                             ? index->definition.prefix == query.prefix && !index->filter
                             : index->definition.name == query.index;
      if (!named || chosen) continue;
      if (index->ready()) chosen = index;
      building = building || !index->ready();
    }
    if (!chosen && building) {
      return Error(ErrorCode::kUnavailable, "the index of words is still being built");
    }
    if (!chosen) return not_found("there is no index of words for this search");
    SearchRun run(*this, query, chosen, std::move(terms));
    while (!run.done()) {
      ATELIER_CHECK(check_usable(false));
      ATELIER_TRY(txn, environment_->read());
      ATELIER_CHECK(run.slice(txn.get()));
    }
    return std::move(run.answer());
  });
}

}  // namespace atelier
