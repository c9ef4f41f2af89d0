// The database `_replicator`: each of its documents is a replication that is kept running.
// Thread rule: the server's thread, except prepare_replicator_write.
//
// Invariants
//   1. A document's replication is that of its last revision: a change cancels the old one.
//   2. What is over (completed, or failed because of what the document says) is not run again until
//      the document changes; how it ended stands in `_local/atelier-replication-<id>` of the
//      database.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "server/http_message.h"
#include "server/server.h"
#include "store/store.h"

namespace atelier::server {

inline constexpr std::string_view kReplicatorDatabase = "_replicator";

struct Context;

/// What the server knows of one document of `_replicator`.
struct ReplicatorState {
  std::string rev;
  std::string source, target;  // without credentials
  std::string state;           // "initializing", "running", "completed", "failed"
  std::string reason;          // of failed
  std::string stats = "null";  // JSON
  std::int64_t started_s = 0, updated_s = 0;
};

class ReplicatorDatabase : public std::enable_shared_from_this<ReplicatorDatabase> {
 public:
  explicit ReplicatorDatabase(std::weak_ptr<Context> context) : context_(std::move(context)) {}

  /// Follows the database if it is there; again after it was made anew.
  void start();
  /// By document id. A running replication's numbers are brought up to date.
  std::map<std::string, ReplicatorState> states() const;

 private:
  void look();
  void take(const Document& document);
  void begin(const Document& document, ReplicationService::Request request);
  void ended(const std::string& id, const std::string& rev, const Result<std::string>& result);
  std::optional<ReplicatorState> remembered(const std::string& id) const;
  void remember(const std::string& id, const ReplicatorState& state);
  void drop(const std::string& id);

  const std::weak_ptr<Context> context_;
  std::shared_ptr<Store> store_;
  Subscription subscription_;
  std::uint64_t seen_ = 0;
  std::map<std::string, ReplicatorState> states_;
};

/// Checks a write to `_replicator` and names its owner. Errors: kForbidden.
Status prepare_replicator_write(const Principal& who, DocumentWrite& write);

/// Puts what is known of the replication into a document of `_replicator`, as CouchDB shows it.
void add_replication_state(const Context& context, Document& document);

/// "2026-11-23T04:02:48Z"
std::string iso_time(std::int64_t seconds_since_1970);

/// A request of `_replicate` or a document of `_replicator`. Errors: kInvalid, kUnsupported.
Result<ReplicationService::Request> parse_replication(std::string_view normal_object);

/// A URL without its credentials; anything else as it is.
std::string without_credentials(std::string_view url);

}  // namespace atelier::server
