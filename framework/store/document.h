// What goes into and comes out of a store. Thread rule: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "revtree/revision.h"

namespace atelier {

/// One attachment of one revision. The bytes live in the store's blobs, by SHA-256.
struct Attachment {
  std::string name;
  std::string content_type;
  std::uint64_t length = 0;          // bytes as stored
  std::uint64_t revpos = 0;          // generation at which it was added
  std::string digest;                // "md5-<base64>", CouchDB's form, of the stored bytes
  Sha256 blob{};                     // key of the blob
  std::string encoding;              // "gzip" when stored so by the client; else empty
  std::uint64_t encoded_length = 0;  // with `encoding` only

  /// The bytes were dropped to save room (Store::evict): there is no blob of this attachment here.
  bool evicted() const { return blob == Sha256{}; }
};

/// A revision of a document. `body` is in normal form, an object without `_` members.
struct Document {
  std::string id;
  RevId rev;
  bool deleted = false;
  std::string body = "{}";
  std::vector<Attachment> attachments;
  std::uint64_t sequence = 0;    // local sequence of the document's last change
  std::vector<RevId> history;    // newest first, [0] == rev; when asked for
  std::vector<RevId> conflicts;  // when asked for
  std::vector<RevId> deleted_conflicts;
};

/// An attachment in a write: new bytes (a blob made with Store::begin_blob), or a stub that refers
/// to what the parent revision has under that name.
struct AttachmentWrite {
  std::string name;
  std::string content_type;
  bool stub = false;
  std::optional<Sha256> blob;  // required unless `stub`; for a replicated stub, checked when given
  std::string digest;          // of a stub: compared when not empty
  std::uint64_t revpos = 0;    // 0: the new revision's generation
  std::string encoding;
  std::uint64_t length = 0, encoded_length = 0;
  /// The bytes stay where they came from: `digest` and the lengths are believed, and the revision is
  /// kept as if they had been evicted (Attachment::evicted). Bytes that the document has here under
  /// the same digest are taken all the same. Of a replicated revision only.
  bool left_behind = false;
};

/// One document of a write.
struct DocumentWrite {
  std::string id;
  bool deleted = false;
  std::string body =
      "{}";  // any JSON object text; checked and brought to normal form by the caller
             // with prepare_body(), or by the store when `body_is_normal` is false
  bool body_is_normal = false;
  std::vector<AttachmentWrite> attachments;

  /// A local edit (`new_edits` true): the revision to be changed. Without one the document must not
  /// exist, or be deleted (then it is re-created on top of the tombstone).
  std::optional<RevId> parent;
  /// A replicated revision (`new_edits` false) when not empty: its history, newest first.
  std::vector<RevId> history;
};

/// What became of one document of a write.
struct WriteResult {
  Result<RevId> rev = RevId{};
  std::uint64_t sequence = 0;  // 0 when nothing changed (a known revision, a refusal)
  bool conflicted = false;     // the document has several leaves now that are not deleted
  /// A replicated revision that is known by its hash alone: it was deleted here so long ago that
  /// the tombstone is forgotten. Nothing was written.
  bool forgotten = false;
};

}  // namespace atelier
