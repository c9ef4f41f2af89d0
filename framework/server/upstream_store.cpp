#include "server/upstream_store.h"

#include <algorithm>
#include <utility>

namespace atelier::server {

namespace {

/// What rules and the gate say; the store itself refuses with kInvalid and kTooLarge as well.
bool is_refusal(ErrorCode code) {
  return code == ErrorCode::kForbidden || code == ErrorCode::kUnauthorized ||
         code == ErrorCode::kTooLarge || code == ErrorCode::kInvalid;
}

}  // namespace

UpstreamStore::UpstreamStore(std::shared_ptr<Store> store, std::shared_ptr<RoomGate> gate,
                             std::shared_ptr<Quarantine> quarantine)
    : GuardedStore(std::move(store), std::move(gate), upstream_user()),
      quarantine_(std::move(quarantine)) {}

std::vector<WriteResult> UpstreamStore::write(std::vector<DocumentWrite> documents,
                                              const WriteOptions& options) {
  const auto is_replicated = [](const DocumentWrite& one) { return !one.history.empty(); };
  if (!std::all_of(documents.begin(), documents.end(), is_replicated))
    return behind()->write(std::move(documents), options);
  gate().reload();  // what this program itself wrote may be known to nobody yet
  const std::vector<DocumentWrite> as_they_came = documents;
  std::vector<WriteResult> results = GuardedStore::write(std::move(documents), options);
  bool governs = false;
  for (std::size_t i = 0; i < results.size() && i < as_they_came.size(); ++i) {
    governs = governs || as_they_came[i].id.starts_with(kAccessPrefix);
    settle(as_they_came[i], results[i]);
  }
  if (governs) gate().reload();  // before anybody is told that it is written
  return results;
}

void UpstreamStore::settle(const DocumentWrite& document, WriteResult& result) {
  if (result.rev) {
    if (const Status released = quarantine_->release(document.id, document.history); !released)
      result.rev = released.error();
    return;
  }
  if (!is_refusal(result.rev.error().code)) return;
  const Status kept = quarantine_->keep(document, result.rev.error());
  result.rev = kept ? Error(ErrorCode::kForbidden, result.rev.error().message) : kept.error();
}

}  // namespace atelier::server
