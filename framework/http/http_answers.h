// What CouchDB's answers say, as values of ours. Bodies are in normal form already.
// Thread rule: pure functions. A nullopt or an Error means: not understood.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replication/peer.h"
#include "replication/wire_document.h"

namespace atelier {

/// A sequence is a string, a number (PouchDB) or an array (BigCouch): its text is what we keep.
std::string seq_text(std::string_view json);

/// One element of `_changes`' results. With a usable `doc`, the document comes along.
std::optional<PeerChange> parse_change(std::string_view row);

/// `_revs_diff`'s answer; with what a server of ours has forgotten.
std::optional<DiffAnswer> parse_revs_diff(std::string_view body);

/// Documents of a `_bulk_get` answer; `answered` gets every id with a row. nullopt also when a row
/// says that the server was not able to answer now.
std::optional<std::vector<WireDocument>> parse_bulk_get(std::string_view body,
                                                        std::vector<std::string>& answered);
std::optional<std::vector<WireDocument>> parse_open_revs(std::string_view body);

/// Ids and revisions of an `_all_docs` answer, and of a `_find` answer with `_id` and `_rev`.
std::optional<std::vector<RevisionRequest>> parse_all_docs(std::string_view body);
std::optional<std::vector<RevisionRequest>> parse_find(std::string_view body);

/// Failures in a `_bulk_docs` answer. `busy` is set when a row says that the server was not able to
/// write now.
std::optional<std::vector<Rejection>> parse_bulk_docs(std::string_view body,
                                                      std::span<const WireDocument* const> sent,
                                                      bool& busy);

}  // namespace atelier
