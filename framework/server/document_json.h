// Documents as CouchDB shows them. Thread rule: the server's thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/http_message.h"
#include "server/pieces.h"
#include "store/store.h"

namespace atelier::server {

/// What of a document is shown beside its body.
struct ShowOptions {
  bool revs = false;
  bool revs_info = false;
  bool local_seq = false;
  bool conflicts = false;
  bool deleted_conflicts = false;
  bool attachments = false;        // with their bytes
  bool att_encoding_info = false;  // and as they are stored
  bool follows = false;            // the bytes come in later parts of a multipart body
  bool left_behind = false;        // an extension: bytes that are not here may be left out, as stubs
  std::vector<RevId> atts_since;   // attachments that these revisions had stay stubs

  bool needs_history() const { return revs || revs_info || !atts_since.empty(); }
  /// Whether the shown text depends on the revision alone, so that it is a good ETag.
  bool etag() const { return !revs_info && !local_seq && !conflicts && !deleted_conflicts; }
};

/// From a query: revs, revs_info, conflicts, deleted_conflicts, local_seq, meta, attachments,
/// att_encoding_info, atts_since. Errors: kInvalid.
Result<ShowOptions> show_options(const Query& query);

/// What the store must be asked for.
GetOptions get_options(const ShowOptions& show);

/// Appends the document as one JSON object.
void show_document(Pieces& out, const Document& document, const ShowOptions& show,
                   const Store& store);
/// The same without attachments' bytes and without what needs the store.
void append_simple_document(std::string& out, std::string_view id, const RevId& rev, bool deleted,
                            std::string_view body);

/// Appends it as a multipart/related body with this boundary, its closing line included.
void show_related(Pieces& out, const Document& document, ShowOptions show, const Store& store,
                  const std::string& boundary);
/// The object `_attachments` of stubs as a selector sees it; empty when there are none.
std::string attachment_stubs(const Document& document);
/// A value that may stand in a header: without line ends and other control characters.
std::string header_safe(std::string_view text);

/// The attachments whose bytes are sent along.
std::vector<const Attachment*> attachments_to_send(const Document& document,
                                                   const ShowOptions& show);

/// Whether bytes are asked for that are not here (Attachment::evicted), by somebody who would take a
/// stub for all that there is.
bool wants_what_is_away(const Document& document, const ShowOptions& show);

/// "[\"1-a\",…]" as revisions. Errors: kInvalid with CouchDB's reason.
Result<std::vector<RevId>> parse_rev_list(std::string_view json_text);
/// How long an attachment is unpacked, where that is known: CouchDB shows the packed length of one
/// that came packed, and so do we.
std::optional<std::uint64_t> plain_length(const Attachment& attachment);

/// One revision id. Errors: kInvalid with "Invalid rev format".
Result<RevId> parse_rev(std::string_view text);

std::string quoted_etag(const RevId& rev);
/// Whether If-None-Match names `etag` (with its quotes).
bool none_match(const Request& request, std::string_view etag);

}  // namespace atelier::server
