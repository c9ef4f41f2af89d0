// A document as it travels: from a store and into one, from JSON text and into it. The text is read
// in one pass, and the body is copied once. Thread rule: pure functions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "replication/peer.h"
#include "store/document.h"

namespace atelier {

WireDocument wire_document(Document document);

/// A write with `new_edits` false; attachments are stubs. Errors: kInvalid with what is wrong.
Result<DocumentWrite> replicated_write(WireDocument document);

/// A document of a server's answer (an object in normal form with `_id` and `_rev`); nullopt for
/// anything else. What no store can take is told by `fault`.
std::optional<WireDocument> parse_wire_document(std::string_view json);

/// An attachment without its bytes, as a member of `_attachments`.
std::string stub_json(const Attachment& attachment);

/// Appends the document with `_id`, `_rev`, `_revisions` and `_attachments`, whose values come from
/// `attachment_json` (stubs by default).
void append_wire_json(
    std::string& out, const WireDocument& document,
    const std::function<std::string(const Attachment&)>& attachment_json = stub_json);

}  // namespace atelier
