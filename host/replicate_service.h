// What `_replicate` of the embedded server runs: our own replicator, on a thread a request.
// Thread rule: any thread.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

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

 private:
  struct Job;
  Result<std::unique_ptr<Peer>> peer_for(const std::string& name, bool create) const;
  Result<std::string> run(Job& job);
  Result<std::string> run_once(Job& job, Replication& replication);
  void run_continuously(Job& job, Replication& replication);
  Result<std::string> cancel(const Request& request);
  void reap();

  const std::shared_ptr<Catalog> catalog_;
  std::mutex mutex_;
  std::list<std::shared_ptr<Job>> jobs_;  // guarded by mutex_
};

}  // namespace atelier::host
