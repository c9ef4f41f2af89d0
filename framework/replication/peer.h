// Something that can be replicated with: a store in this process, or a database behind HTTP.
//
// Everything of replication that can fail is behind Peer, so that tests put a decorator here that
// drops, delays, repeats and lies. Thread rule: one thread at a time, except cancel(), which any
// thread may call: the pending call and all later ones then return kCancelled.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "atelier/sync_status.h"
#include "base/error.h"
#include "replication/filter.h"
#include "revtree/revision.h"
#include "store/document.h"

namespace atelier {

struct PeerInfo {
  std::string name;        // for people; never with credentials
  std::string update_seq;  // opaque
  std::string identity;    // of the database, where the server gives one we may trust; else empty
  std::uint64_t doc_count = 0;
};

/// A document as it travels (wire_document.h turns it into text and back).
struct WireDocument {
  std::string id;
  RevId rev;
  bool deleted = false;
  std::string body = "{}";              // normal form, without members that begin with `_`
  std::vector<RevId> history;           // newest first; empty: nothing but `rev` is known
  std::vector<Attachment> attachments;  // without their bytes, which are fetched apart
  std::string fault;  // not empty: why no store can take it ("the member "_x" is reserved")

  /// About as many bytes as it has on the wire: what batches are measured by.
  std::size_t bytes() const { return body.size() + id.size() + 34 * (history.size() + 2) + 48; }
};

struct PeerChange {
  std::string seq;  // opaque: never parsed, never compared; may be empty inside a batch
  std::string id;
  std::vector<RevId> leaves;
  bool deleted = false;
  /// The winner came along and is the only leaf, of generation 1 and without attachments: nothing
  /// more needs to be fetched.
  std::optional<WireDocument> document;
};

struct ChangesQuery {
  std::string since;  // empty: from the beginning
  std::size_t limit = 500;
  int wait_ms = 0;               // > 0: when there is nothing, wait so long for something
  bool inline_documents = true;  // ask for first-generation documents along with the rows
  ReplicationFilter filter;

  bool operator==(const ChangesQuery&) const = default;
};

struct ChangesPage {
  std::vector<PeerChange> changes;
  std::string last_seq;
  std::optional<std::uint64_t> pending;  // rows after this page, where the server tells
  bool more = false;                     // the source had rows after this page when it answered
  std::size_t bytes = 0;                 // size of the answer, for choosing the next page's limit
  bool selected = true;  // false: the source could not apply the selector, the rows are all
  /// Not empty: tombstones behind the position that was asked for were forgotten at the source, so
  /// that the feed does not tell of all that was deleted. A name of how far, which another moment
  /// of forgetting changes.
  std::string forgotten;
};

/// The newest documents of one collection, for whoever waits to read them.
struct NewestQuery {
  std::string prefix;
  std::size_t count = 50;
  std::string by;  // member to sort by where the server has an index for it; empty: by id
};

struct RevisionRequest {
  std::string id;
  std::vector<RevId> revs;
};

/// What a peer says of revisions that it is offered; those in neither list are there.
struct DiffAnswer {
  std::vector<RevisionRequest> missing;
  /// Known by their hashes alone: the documents were deleted there so long ago that the tombstones
  /// are forgotten. A peer that cannot tell says of these that they are there.
  std::vector<RevisionRequest> forgotten;
};

struct Rejection {
  std::string id;
  RevId rev;
  Error error;  // kForbidden, kUnauthorized, kTooLarge, kInvalid, …
  bool forgotten = false;  // as DiffAnswer::forgotten: nothing was written, and nothing is wrong
};

class Peer {
 public:
  virtual ~Peer() = default;

  virtual Result<PeerInfo> info() = 0;
  virtual Result<ChangesPage> changes(const ChangesQuery& query) = 0;
  /// A hint: changes() will be asked this next. A peer that is far away fetches the answer while
  /// its user is busy with the last one.
  virtual void read_ahead(const ChangesQuery& query) { static_cast<void>(query); }
  /// The winners of the newest documents, newest first, in one request. Errors: kUnsupported where
  /// this peer cannot tell.
  virtual Result<std::vector<RevisionRequest>> newest(const NewestQuery& query) {
    return Error(ErrorCode::kUnsupported, "no order is known of " + query.prefix);
  }
  /// Of the revisions offered, those that are missing here.
  virtual Result<DiffAnswer> revs_diff(std::span<const RevisionRequest> offered) = 0;
  /// The revisions named, each with its history. What is not there any more is left out.
  virtual Result<std::vector<WireDocument>> fetch(std::span<const RevisionRequest> wanted) = 0;
  /// Writes with `new_edits:false`. Blobs of new attachments are pulled from `source` on demand.
  /// Returns what was refused; an error means that nothing is known and the batch must be repeated.
  virtual Result<std::vector<Rejection>> write(std::span<const WireDocument> documents,
                                               Peer& source) = 0;
  /// One attachment's stored bytes in chunks; `fn` returns false to stop.
  virtual Status read_attachment(const std::string& id, const RevId& rev, const std::string& name,
                                 const std::function<bool(std::string_view)>& fn) = 0;

  /// Several attachments of one revision, in one request where the peer can, in any order: `fn`
  /// gets chunks of one after the other, and an empty chunk when one is whole. It may return false
  /// to stop. What did not come is missing when this returns: the caller counts.
  virtual Status read_attachments(
      const std::string& id, const RevId& rev, const std::vector<std::string>& names,
      const std::function<bool(const std::string& name, std::string_view chunk)>& fn) {
    for (const std::string& name : names) {
      bool going = true;
      ATELIER_CHECK(read_attachment(id, rev, name, [&](std::string_view chunk) {
        return going = chunk.empty() || fn(name, chunk);
      }));
      if (!going || !fn(name, "")) return ok();
    }
    return ok();
  }

  /// Checkpoints: documents `_local/<id>`. nullopt when there is none.
  virtual Result<std::optional<std::string>> get_local(const std::string& id) = 0;
  virtual Status put_local(const std::string& id, const std::string& json) = 0;

  /// PeerInfo::identity as the last answer had it, without asking.
  virtual std::string known_identity() const { return ""; }
  /// Grows with each new connection: behind the address may now be another database, or an older
  /// copy of the same. 0 for ever where that cannot happen.
  virtual std::uint64_t connection_epoch() const { return 0; }

  /// How this peer is doing with a server of its own, as it said last; any thread.
  virtual SyncState upstream() const { return SyncState::kNone; }

  virtual void cancel() = 0;
  /// Whether this peer is in our own process and cheap to ask.
  virtual bool is_local() const = 0;
};

}  // namespace atelier
