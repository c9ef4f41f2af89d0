// What `_replicate` of the embedded server runs: our own replicator, on a thread a request.
// Thread rule: any thread.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "replication/replicator.h"
#include "server/server.h"
#include "store/catalog.h"

namespace atelier::host {

inline constexpr std::size_t kReplicationJobsMax = 32;  // threads at once; an administrator's tool

class ReplicateService final : public ReplicationService {
 public:
  explicit ReplicateService(std::shared_ptr<Catalog> catalog) : catalog_(std::move(catalog)) {}
  ~ReplicateService() override;

  void replicate(Request request, std::function<void(Result<std::string>)> done) override;
  std::vector<ReplicationService::Job> jobs() override;
  void cancel_document(const std::string& doc_id) override;

 private:
  struct Running;
  Result<std::unique_ptr<Peer>> peer_for(const std::string& name, bool create) const;
  Result<std::string> run(Running& job);
  Result<std::string> run_once(Running& job, Replication& replication);
  void run_continuously(Running& job, Replication& replication);
  Result<std::string> cancel(const Request& request);
  bool runs(const Request& request);
  static bool goes_on(Running& job);
  static void stop(Running& job);
  static void count(Running& job, const StepReport& report, const Replication& replication);
  static bool wait_to_retry(Running& job, const Error& error, int& wait_ms);
  void reap();

  const std::shared_ptr<Catalog> catalog_;
  std::mutex mutex_;
  std::list<std::shared_ptr<Running>> jobs_;  // guarded by mutex_
};

}  // namespace atelier::host
