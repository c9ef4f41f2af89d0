// Indexes over documents, and the questions that they answer: what a caller of Store declares and
// asks. docs/query.md has the rules of the planner, docs/formats/store.md the tables.
//
// An index holds the winners that are not deleted, are no design documents, begin with its prefix,
// match its filter and, for an index of values, have every one of its fields. It is part of each
// write's transaction: what a read sees in it is what the same read sees in the documents.
// Thread rule: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "atelier/search.h"
#include "base/error.h"
#include "store/document.h"

namespace atelier {

struct IndexDefinition {
  enum class Kind : std::uint8_t {
    kValues,  // of the fields, in the order of query/collate.h: for find()
    kWords,   // of the texts in the fields: for search()
  };
  std::string name;  // unique in its store; 1 to kIndexNameBytesMax bytes of UTF-8
  Kind kind = Kind::kValues;
  std::vector<std::string>
      fields;          // as FieldPath::parse reads them: "author.name". `_id` may be one
  std::string prefix;  // ids that begin with `<prefix>:` alone; empty: all
  std::string filter;  // a selector's JSON text: documents that match alone; empty: all

  bool operator==(const IndexDefinition&) const = default;
};

struct IndexStatus {
  enum class State : std::uint8_t {
    kBuilding,  // documents that were there before are being read; writes are in it already
    kReady,
    kDropping,  // its rows are being taken away
  };
  IndexDefinition definition;
  State state = State::kBuilding;
  // While it is built: changes of the sequence feed that were looked at, and how many there are.
  std::uint64_t built = 0, to_build = 0;
  bool joining = false;  // of words: what commits wrote is being joined, which a search does not see
  std::string
      problem;  // what stopped the last step, in words: it is tried again with the next write
};

struct SortField {
  std::string field;
  bool descending = false;
};

struct FindQuery {
  std::string selector = "{}";  // JSON text
  std::string prefix;           // ids that begin with `<prefix>:` alone; empty: all
  std::vector<SortField> sort;  // one direction for all; empty: as they come
  std::size_t skip = 0;
  std::size_t limit = SIZE_MAX;
  std::string bookmark;   // of the query's last answer: goes on behind it
  std::string use_index;  // a name; one that does not fit is passed over, with a warning
};

/// How a query is answered.
struct FindPlan {
  enum class Way : std::uint8_t {
    kNothing,  // the conditions contradict each other
    kIds,      // documents named by the selector
    kScan,     // ids in a range; all of them where there is no range
    kIndex,
  };
  Way way = Way::kScan;
  std::optional<IndexDefinition> index;  // with kIndex
  bool descending = false;
  bool covered = false;          // what lies in the ranges matches: no body is asked
  std::size_t ranges = 1;        // of keys
  std::size_t equal_fields = 0;  // leading fields of the index that have one value
  std::string low, high;  // the values where the first range begins and the last ends, as JSON
                          // texts of one array; for a scan ids; empty: open
  std::string warning;    // CouchDB's words for a query without an index, or a hint passed over
};

struct FindAnswer {
  FindPlan plan;
  std::string bookmark;  // empty when no row was given
  std::uint64_t keys_examined = 0, docs_examined = 0, results = 0;
};

/// Whether an error of find() means that no index can give the order: CouchDB's "no_usable_index".
bool is_no_usable_index(const Error& error);

struct SearchQuery {
  enum class Rank : std::uint8_t {
    kRecency,    // what changed last in this store comes first
    kRelevance,  // BM25 (k1 1.2, b 0.75) over the whole words
  };
  std::string index;  // a name; empty: the one whose prefix is `prefix`
  std::string prefix;
  std::string words;  // as typed: all must be in a document, the last as the beginning of a word
  Rank rank = Rank::kRecency;
  std::size_t limit = 50;
  std::uint64_t before = UINT64_MAX;  // with kRecency: hits whose sequence is smaller; to go on
};

struct SearchHit {
  Document document;
  std::vector<Highlight> highlights;  // by field and place, at most kHighlightsMax
  double score = 0;                   // with kRelevance
};

struct SearchAnswer {
  std::vector<SearchHit> hits;
  bool more = false;  // with kRecency: there may be hits before the last one
  std::uint64_t postings_examined = 0;
};

}  // namespace atelier
