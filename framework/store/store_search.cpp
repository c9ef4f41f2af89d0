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
constexpr std::size_t kSearchSampleBlocks = 32;

struct Scored {
  double score = 0;
  std::uint64_t sequence = 0;
  // The worst on top; of equal ones the older.
  bool operator<(const Scored& other) const {
    return score != other.score ? score > other.score : sequence > other.sequence;
  }
};

// How many documents have a word: the heads of its blocks say it.
Result<std::uint64_t> count_documents(lmdb::Cursor& cursor, const std::string& word) {
  std::uint64_t documents = 0;
  bool more = cursor.seek(word);
  for (; more && cursor.key().starts_with(word); more = cursor.move(MDB_NEXT)) {
    ATELIER_TRY(count, index_rows::count_of_block(cursor.key(), cursor.value()));
    documents += count;
  }
  ATELIER_CHECK(cursor.status());
  return documents;
}

// The mean of a word's counts, by each kSearchSampleBlocks-th block: BM25 needs no more.
Result<double> mean_count(lmdb::Cursor& cursor, const std::string& word) {
  std::vector<index_rows::Posting> postings;
  bool more = cursor.seek(word);
  for (std::size_t i = 0; more && cursor.key().starts_with(word); ++i) {
    if (i % kSearchSampleBlocks == 0) {
      ATELIER_CHECK(index_rows::decode_block(cursor.key(), cursor.value(), &postings));
    }
    more = cursor.move(MDB_NEXT);
  }
  ATELIER_CHECK(cursor.status());
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
    lmdb::Cursor cursor(txn, store_.tables_.words);
    cursors_.clear();
    ATELIER_CHECK(open_words(cursor));
    const bool ranked = query_.rank == SearchQuery::Rank::kRelevance;
    if (ranked && slices_ == 0) ATELIER_CHECK(weigh(cursor));
    WordCursor lengths(cursor, index_rows::word_key(index_->number, ""));
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
  Status open_words(lmdb::Cursor& cursor) {
    ask_documents_ = false;
    for (const query::SearchTerm& term : terms_) {
      if (!term.prefix) {
        cursors_.push_back(
            std::make_unique<WordCursor>(cursor, index_rows::word_key(index_->number, term.word)));
        continue;
      }
      ATELIER_TRY(words, words_that_begin(cursor, index_->number, term.word, kSearchMergedWords));
      if (words.size() > kSearchMergedWords) {
        // So many words are in so many documents that asking these is less work.
        ask_documents_ = true;
        continue;
      }
      std::vector<WordCursor> all;
      for (std::string& word : words) all.emplace_back(cursor, std::move(word));
      cursors_.push_back(std::make_unique<MergedCursor>(std::move(all)));
    }
    if (cursors_.empty()) {
      cursors_.push_back(
          std::make_unique<WordCursor>(cursor, index_rows::word_key(index_->number, "")));
    }
    return ok();
  }

  // The next document that is in all lists, at at_most_ or older.
  Result<bool> next_hit(std::uint64_t* hit) {
    std::uint64_t x = at_most_;
    for (std::size_t agreed = 0, i = 0; agreed < cursors_.size(); i = (i + 1) % cursors_.size()) {
      PostingCursor& one = *cursors_[i];
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
    // In a later transaction than the one that ranked it, it may have changed.
    if (found == lmdb::Lookup::kMissing && slices_ > 1) return false;
    if (found == lmdb::Lookup::kMissing) return damaged();
    record::SequenceRow change;
    ATELIER_CHECK(record::decode_sequence(sequence, bytes, &change));
    ATELIER_TRY(known, store_.find_doc(txn, change.id, nullptr, &row_));
    if (!known || row_.deleted || !row_.has_body || row_.evicted) return damaged();
    hit_ = {};
    if (!find_terms(*index_, row_.body, terms_, &hit_.highlights)) {
      if (ask_documents_) return false;
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

  Status weigh(lmdb::Cursor& cursor) {
    const std::string everything = index_rows::word_key(index_->number, "");
    ATELIER_TRY(documents, count_documents(cursor, everything));
    ATELIER_TRY(mean, mean_count(cursor, everything));
    mean_length_ = mean;
    const auto weight = [&](std::uint64_t having) {
      const auto n = static_cast<double>(std::min(having, documents));
      return std::log(1 + (static_cast<double>(documents) - n + 0.5) / (n + 0.5));
    };
    weights_.clear();
    for (const query::SearchTerm& term : terms_) {
      std::vector<std::string> words{index_rows::word_key(index_->number, term.word)};
      if (term.prefix) {
        ATELIER_TRY(all, words_that_begin(cursor, index_->number, term.word, kSearchMergedWords));
        if (all.size() > kSearchMergedWords) continue;  // has no cursor
        words = std::move(all);
      }
      std::uint64_t having = 0;
      for (const std::string& word : words) {
        ATELIER_TRY(count, count_documents(cursor, word));
        having += count;
      }
      weights_.push_back(weight(having));
    }
    return ok();
  }

  Status rank(MDB_txn* txn, WordCursor& lengths, std::uint64_t sequence) {
    if (ask_documents_) {
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
      const double count = cursors_[i]->count();
      score += weights_[i] * count * (kK1 + 1) / (count + norm);
    }
    best_.push({score, sequence});
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
  bool ask_documents_ = false;  // whether a word begins so is asked of the documents
  SearchHit hit_;
  record::DocRow row_;

  double mean_length_ = 1;
  std::vector<double> weights_;  // of cursors_, in their order
  std::priority_queue<Scored> best_;
  std::size_t ranked_ = 0;

  std::vector<std::unique_ptr<PostingCursor>> cursors_;  // of this transaction
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
