// The rows of the store's tables as bytes; docs/formats/store.md has the grammar and an example.
//
// Each row carries a checksum over its key and its bytes, because LMDB 0.9 has none: a flipped bit
// on the disk is an error here and never a wrong answer. Thread rule: pure functions and values;
// what is decoded points into the row.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "revtree/rev_tree.h"
#include "store/document.h"

namespace atelier::record {

/// Handle of a body that lies in its document's own row; greater ones are keys of `bodies`.
inline constexpr std::uint64_t kInlineBody = 1;
inline constexpr std::uint64_t kFirstBody = 2;

std::uint32_t checksum(std::string_view key, std::string_view bytes);

/// A row of `docs`: the winner's body, and the tree unless the winner is all of it.
struct DocRow {
  RevId rev;             // the winner
  bool deleted = false;  // the winner
  bool many_leaves = false;
  bool has_body = true;  // false: not kept here
  bool evicted = false;  // decoded: `body` is what evicted_body() made
  std::uint64_t sequence = 0;
  std::string_view tree;         // RevTree::encode(); empty: one node
  std::string_view attachments;  // encode_attachments(); empty: none
  std::string_view body;
};
void encode_doc(std::string& out, std::string_view id, const DocRow& row);
/// Errors: kCorrupt with the id. Fills `row` in place, so that a scan makes no new strings. Without
/// `with_body` a large body is neither read nor checked.
Status decode_doc(std::string_view id, std::string_view bytes, DocRow* row, bool with_body = true);
/// What stands where a body was that Store::evict() dropped, in `docs` and `bodies`: never a body,
/// for those begin with '{'. Its size and lifetime stay known.
struct EvictedBody {
  std::uint64_t bytes = 0;
  std::optional<std::int64_t> expires_at_ms;
};
std::string evicted_body(const EvictedBody& evicted);
inline bool is_evicted(std::string_view body) {
  return body.starts_with('e');
}
/// Errors: kCorrupt. Of a body that is_evicted().
Result<EvictedBody> decode_evicted(std::string_view body);
Result<RevTree> tree_of(std::string_view id, const DocRow& row);
/// Whether a row of `docs` is what was written; a large body apart. A bucket's row cannot be told.
bool is_whole_doc(std::string_view key, std::string_view bytes);

/// A row of `sequences`: enough to list the change of a document that has one leaf.
struct SequenceRow {
  RevId rev;
  bool deleted = false;
  bool many_leaves = false;  // then the leaves are in the document's row
  std::string_view id;
};
void encode_sequence(std::string& out, std::uint64_t sequence, const SequenceRow& row);
Status decode_sequence(std::uint64_t sequence, std::string_view bytes, SequenceRow* row);

bool is_whole_sequence(std::string_view key, std::string_view bytes);

/// A row of `bodies`: a revision that is not the winner.
struct BodyRow {
  std::string_view attachments;
  std::string_view body;
};
void encode_body(std::string& out, std::uint64_t handle, const BodyRow& row);
Result<BodyRow> decode_body(std::uint64_t handle, std::string_view bytes);

std::string encode_attachments(std::span<const Attachment> attachments);
Result<std::vector<Attachment>> decode_attachments(std::string_view bytes);
/// What a revision's digest covers of them: sorted by name, without positions.
std::string canonical_attachments(std::span<const Attachment> attachments);

/// A row of `blobs`.
struct BlobRow {
  std::uint64_t number = 0;  // first part of the keys of `chunks`
  std::uint64_t length = 0;
  std::uint64_t references = 0;  // kept revisions that have it
  std::string digest;            // "md5-…"
};
std::string encode_blob(const Sha256& blob, const BlobRow& row);
Result<BlobRow> decode_blob(const Sha256& blob, std::string_view bytes);

/// The counters of a store; one row, written by each commit.
struct State {
  std::uint64_t last_sequence = 0;
  std::uint64_t doc_count = 0;
  std::uint64_t doc_del_count = 0;
  std::uint64_t purge_sequence = 0;
  std::uint64_t next_body = kFirstBody;
  std::uint64_t next_blob = 1;
  std::uint64_t next_bucket = 1;
  std::uint64_t revs_limit = 0;
  std::uint64_t rights_epoch = 0;

  friend bool operator==(const State&, const State&) = default;
};
std::string encode_state(const State& state);
Result<State> decode_state(std::string_view bytes);

/// Rows that are one value behind a checksum: `locals`, `properties`, `chunks`.
std::string encode_checked(std::string_view key, std::string_view bytes);
Result<std::string_view> decode_checked(std::string_view key, std::string_view bytes);

}  // namespace atelier::record
