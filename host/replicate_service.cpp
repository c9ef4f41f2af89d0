#include "replicate_service.h"

#include <atomic>
#include <chrono>
#include <condition_variable>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "http/http_peer.h"
#include "replication/local_peer.h"

namespace atelier::host {

struct ReplicateService::Job {
  Request request;
  std::string id;
  std::unique_ptr<Peer> source, target;
  std::function<void(Result<std::string>)> done;  // called once
  std::thread thread;
  std::mutex mutex;
  std::condition_variable stopped;
  bool stop = false;                  // guarded by mutex
  std::atomic<bool> finished = false;
};

namespace {

bool is_url(const std::string& name) {
  return name.starts_with("http://") || name.starts_with("https://");
}

std::string without_credentials(const std::string& name) {
  if (!is_url(name)) return name;
  const auto url = DatabaseUrl::parse(name);
  return url ? url->display() : "invalid address";
}

std::string job_id(const ReplicationService::Request& request) {
  return hex(sha256(request.source + "\n" + request.target)).substr(0, 32) +
         (request.continuous ? "+continuous" : "");
}

}  // namespace

ReplicateService::~ReplicateService() {
  std::list<std::shared_ptr<Job>> jobs;
  {
    const std::scoped_lock lock(mutex_);
    jobs.swap(jobs_);
  }
  for (const auto& job : jobs) {
    {
      const std::scoped_lock lock(job->mutex);
      job->stop = true;
    }
    job->stopped.notify_all();
    job->source->cancel();
    job->target->cancel();
  }
  for (const auto& job : jobs) job->thread.join();
}

Result<std::unique_ptr<Peer>> ReplicateService::peer_for(const std::string& name, bool create) const {
  if (is_url(name)) {
    ATELIER_TRY(url, DatabaseUrl::parse(name));
    HttpPeerOptions options;
    options.create_database = create;
    return make_http_peer(url, options);
  }
  ATELIER_TRY(store, catalog_->open(name, create));
  return make_local_peer(std::move(store));
}

void ReplicateService::replicate(Request request, std::function<void(Result<std::string>)> done) {
  reap();
  if (request.cancel) return done(cancel(request));
  auto job = std::make_shared<Job>();
  job->request = std::move(request);
  job->id = job_id(job->request);
  job->done = std::move(done);
  auto source = peer_for(job->request.source, false);
  if (!source) return job->done(source.error());
  auto target = peer_for(job->request.target, job->request.create_target);
  if (!target) return job->done(target.error());
  job->source = std::move(*source);
  job->target = std::move(*target);

  const std::scoped_lock lock(mutex_);
  if (jobs_.size() >= kReplicationJobsMax)
    return job->done(Error{ErrorCode::kBusy, "too many replications run at once"});
  jobs_.push_back(job);
  job->thread = std::thread([this, job] {
    auto answer = run(*job);
    if (job->done) job->done(std::move(answer));
    job->finished = true;
  });
}

Result<std::string> ReplicateService::run(Job& job) {
  ReplicationOptions options;
  options.id = replication_id(job.id, without_credentials(job.request.target),
                              is_url(job.request.target), options);
  Replication replication(*job.source, *job.target, options);
  if (!job.request.continuous) return run_once(job, replication);
  ATELIER_CHECK(replication.begin());
  json::Writer answer;
  answer.begin_object().key("ok").boolean(true).key("_local_id").string(job.id).end_object();
  std::exchange(job.done, nullptr)(answer.take());
  run_continuously(job, replication);
  return std::string();
}

Result<std::string> ReplicateService::run_once(Job& job, Replication& replication) {
  const std::string session = random_uuid();
  std::size_t written = 0, failures = 0, rows = 0;
  ATELIER_TRY(total, replicate_once(replication, [&](const StepReport& report) -> Status {
                rows += report.rows;
                written += report.written;
                failures += report.rejected.size();
                return ok();
              }));
  (void)total;
  json::Writer answer;
  answer.begin_object().key("ok").boolean(true);
  if (rows == 0) answer.key("no_changes").boolean(true);
  answer.key("session_id").string(session);
  answer.key("source_last_seq").string(replication.position());
  answer.key("replication_id_version").integer(4);
  answer.key("history").begin_array().begin_object();
  answer.key("session_id").string(session);
  answer.key("end_last_seq").string(replication.position());
  answer.key("recorded_seq").string(replication.position());
  answer.key("missing_checked").integer(static_cast<std::int64_t>(rows));
  answer.key("missing_found").integer(static_cast<std::int64_t>(written + failures));
  answer.key("docs_read").integer(static_cast<std::int64_t>(written + failures));
  answer.key("docs_written").integer(static_cast<std::int64_t>(written));
  answer.key("doc_write_failures").integer(static_cast<std::int64_t>(failures));
  answer.end_object().end_array().end_object();
  (void)job;
  return answer.take();
}

void ReplicateService::run_continuously(Job& job, Replication& replication) {
  int wait_ms = kRetryFirstMs;
  while (true) {
    const auto report = replication.step(kLongPollMs);
    if (report) {
      wait_ms = kRetryFirstMs;
      if (report->caught_up) (void)replication.checkpoint();
    }
    std::unique_lock lock(job.mutex);
    if (!report) {
      replication.restart();
      job.stopped.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return job.stop; });
      wait_ms = std::min(wait_ms * 2, kRetryMaxMs);
    }
    if (job.stop) return;
  }
}

Result<std::string> ReplicateService::cancel(const Request& request) {
  const std::scoped_lock lock(mutex_);
  for (const auto& job : jobs_) {
    if (job->request.source != request.source || job->request.target != request.target) continue;
    {
      const std::scoped_lock job_lock(job->mutex);
      job->stop = true;
    }
    job->stopped.notify_all();
    job->source->cancel();
    job->target->cancel();
    json::Writer answer;
    answer.begin_object().key("ok").boolean(true).key("_local_id").string(job->id).end_object();
    return answer.take();
  }
  return not_found("no such replication");
}

void ReplicateService::reap() {
  std::list<std::shared_ptr<Job>> ended;
  {
    const std::scoped_lock lock(mutex_);
    for (auto it = jobs_.begin(); it != jobs_.end();) {
      auto here = it++;
      if ((*here)->finished) ended.splice(ended.end(), jobs_, here);
    }
  }
  for (const auto& job : ended) job->thread.join();
}

}  // namespace atelier::host
