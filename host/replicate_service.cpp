#include "replicate_service.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "http/http_peer.h"
#include "replication/local_peer.h"

namespace atelier::host {

struct ReplicateService::Running {
  Request request;
  std::string id;
  std::unique_ptr<Peer> source, target;
  std::function<void(Result<std::string>)> done;  // called once
  std::thread thread;
  std::mutex mutex;
  std::condition_variable stopped;
  bool stop = false;  // guarded by mutex
  Job shown;          // guarded by mutex
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

/// As CouchDB lists it: a URL ends in a slash.
std::string shown_address(const std::string& name) {
  return without_credentials(name) + (is_url(name) ? "/" : "");
}

ReplicationFilter filter_of(const ReplicationService::Request& request) {
  ReplicationFilter filter;
  if (request.doc_ids) filter.ids = *request.doc_ids;
  filter.selector = request.selector;
  return filter;
}

/// The same for the same replication, so that it can be cancelled and its checkpoint found.
std::string job_id(const ReplicationService::Request& request) {
  const std::string filter = filter_of(request).canonical();
  return hex(sha256(request.source + "\n" + request.target + (filter.empty() ? "" : "\n" + filter)))
             .substr(0, 32) +
         (request.continuous ? "+continuous" : "");
}

std::int64_t now_in_seconds() {
  return system_clock().wall_ms() / 1000;
}

/// "Mon, 23 Nov 2026 04:02:08 GMT", as CouchDB's histories have it.
std::string history_time(std::int64_t seconds) {
  const std::time_t time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[40];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text;
}

/// What is answered about a continuous replication.
std::string began(const std::string& id) {
  json::Writer answer;
  answer.begin_object().key("ok").boolean(true).key("_local_id").string(id).end_object();
  return answer.take();
}

bool passes(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kTimeout ||
         error.code == ErrorCode::kRateLimited || error.code == ErrorCode::kBusy ||
         error.code == ErrorCode::kPeerChanged;
}

}  // namespace

ReplicateService::~ReplicateService() {
  std::list<std::shared_ptr<Running>> jobs;
  {
    const std::scoped_lock lock(mutex_);
    jobs.swap(jobs_);
  }
  for (const auto& job : jobs) stop(*job);
  for (const auto& job : jobs) job->thread.join();
}

void ReplicateService::stop(Running& job) {
  {
    const std::scoped_lock lock(job.mutex);
    job.stop = true;
  }
  job.stopped.notify_all();
  job.source->cancel();
  job.target->cancel();
}

std::vector<ReplicationService::Job> ReplicateService::jobs() {
  std::vector<Job> all;
  const std::scoped_lock lock(mutex_);
  for (const auto& job : jobs_) {
    if (job->finished) continue;
    const std::scoped_lock job_lock(job->mutex);
    all.push_back(job->shown);
  }
  return all;
}

void ReplicateService::cancel_document(const std::string& doc_id) {
  const std::scoped_lock lock(mutex_);
  for (const auto& job : jobs_)
    if (!doc_id.empty() && job->request.doc_id == doc_id) stop(*job);
}

void ReplicateService::count(Running& job, const StepReport& report,
                             const Replication& replication) {
  const std::scoped_lock lock(job.mutex);
  job.shown.checked += report.rows;
  job.shown.written += report.written;
  job.shown.failures += report.rejected.size();
  job.shown.sequence = replication.position();
  job.shown.updated_s = now_in_seconds();
  job.shown.retries = false;
  job.shown.error.clear();
}

/// Waits after a passing error; false when the job was stopped meanwhile.
bool ReplicateService::wait_to_retry(Running& job, const Error& error, int& wait_ms) {
  std::unique_lock lock(job.mutex);
  job.shown.retries = true;
  job.shown.error = error.message;
  job.shown.updated_s = now_in_seconds();
  job.stopped.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return job.stop; });
  wait_ms = std::min(wait_ms * 2, kRetryMaxMs);
  return !job.stop;
}

Result<std::unique_ptr<Peer>> ReplicateService::peer_for(const std::string& name,
                                                         bool create) const {
  if (is_url(name)) {
    ATELIER_TRY(url, DatabaseUrl::parse(name));
    HttpPeerOptions options;
    options.create_database = create;
    return make_http_peer(url, options);
  }
  ATELIER_TRY(store, catalog_->open(name, create));
  return make_local_peer(std::move(store));
}

/// Whether it neither ended nor was told to.
bool ReplicateService::goes_on(Running& job) {
  const std::scoped_lock lock(job.mutex);
  return !job.stop && !job.finished;
}

/// Whether a request asked for the same continuous replication before, and it still runs.
bool ReplicateService::runs(const Request& request) {
  if (!request.continuous || !request.doc_id.empty()) return false;
  const std::string id = job_id(request);
  const std::scoped_lock lock(mutex_);
  return std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& job) {
    return job->id == id && job->request.doc_id.empty() && goes_on(*job);
  });
}

void ReplicateService::replicate(Request request, std::function<void(Result<std::string>)> done) {
  reap();
  if (request.cancel) return done(cancel(request));
  if (runs(request)) return done(began(job_id(request)));
  auto job = std::make_shared<Running>();
  job->request = std::move(request);
  job->id = job_id(job->request);
  job->done = std::move(done);
  job->shown.id = job->id;
  job->shown.source = shown_address(job->request.source);
  job->shown.target = shown_address(job->request.target);
  job->shown.user = job->request.user;
  job->shown.doc_id = job->request.doc_id;
  job->shown.continuous = job->request.continuous;
  job->shown.started_s = job->shown.updated_s = now_in_seconds();
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

Result<std::string> ReplicateService::run(Running& job) {
  // Nothing is wanted where a list of documents names none.
  if (job.request.doc_ids && job.request.doc_ids->empty())
    return invalid("The `doc_ids` field names no document.");
  ReplicationOptions options;
  options.filter = filter_of(job.request);
  options.id = replication_id(job.id, without_credentials(job.request.target),
                              is_url(job.request.target), options);
  Replication replication(*job.source, *job.target, options);
  if (!job.request.continuous) return run_once(job, replication);
  ATELIER_CHECK(replication.begin());
  std::exchange(job.done, nullptr)(began(job.id));
  run_continuously(job, replication);
  return std::string();
}

Result<std::string> ReplicateService::run_once(Running& job, Replication& replication) {
  const std::string session = random_uuid();
  ATELIER_CHECK(replication.begin());
  const std::string first = replication.position();
  int wait_ms = kRetryFirstMs;
  while (true) {
    const auto total = replicate_once(replication, [&](const StepReport& report) {
      count(job, report, replication);
      return ok();
    });
    if (total) break;
    // A document of `_replicator` is there to be done some day; who asked with a request waits.
    if (job.request.doc_id.empty() || !passes(total.error())) return total.error();
    if (!wait_to_retry(job, total.error(), wait_ms)) return total.error();
    replication.restart();
  }
  Job counted;
  {
    const std::scoped_lock lock(job.mutex);
    counted = job.shown;
  }
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  json::Writer answer;
  answer.begin_object().key("ok").boolean(true);
  if (counted.checked == 0) answer.key("no_changes").boolean(true);
  answer.key("session_id").string(session);
  answer.key("source_last_seq").string(replication.position());
  answer.key("replication_id_version").integer(4);
  const std::string started = history_time(counted.started_s),
                    ended = history_time(now_in_seconds());
  if (job.request.doc_ids) {
    answer.key("start_time").string(started).key("end_time").string(ended);
    answer.key("docs_read").integer(number(counted.written + counted.failures));
    answer.key("docs_written").integer(number(counted.written));
    answer.key("doc_write_failures").integer(number(counted.failures));
  }
  answer.key("history").begin_array().begin_object();
  answer.key("session_id").string(session);
  answer.key("start_time").string(started).key("end_time").string(ended).key("start_last_seq");
  if (first.empty() || first == "0")
    answer.integer(0);
  else
    answer.string(first);
  answer.key("end_last_seq").string(replication.position());
  answer.key("recorded_seq").string(replication.position());
  answer.key("missing_checked").integer(number(counted.checked));
  answer.key("missing_found").integer(number(counted.written + counted.failures));
  answer.key("docs_read").integer(number(counted.written + counted.failures));
  answer.key("docs_written").integer(number(counted.written));
  answer.key("doc_write_failures").integer(number(counted.failures));
  answer.key("bulk_get_docs").integer(number(counted.written + counted.failures));
  answer.key("bulk_get_attempts").integer(number(counted.written + counted.failures));
  answer.end_object().end_array().end_object();
  return answer.take();
}

void ReplicateService::run_continuously(Running& job, Replication& replication) {
  int wait_ms = kRetryFirstMs;
  while (true) {
    const auto report = replication.step(kLongPollMs);
    if (report) {
      wait_ms = kRetryFirstMs;
      count(job, *report, replication);
      if (report->caught_up) (void)replication.checkpoint();
    } else {
      replication.restart();
      if (!wait_to_retry(job, report.error(), wait_ms)) return;
    }
    const std::scoped_lock lock(job.mutex);
    if (job.stop) return;
  }
}

Result<std::string> ReplicateService::cancel(const Request& request) {
  const std::string wanted = request.cancel_id.empty() ? job_id(request) : request.cancel_id;
  const std::scoped_lock lock(mutex_);
  for (const auto& job : jobs_) {
    if (job->id != wanted || !job->request.doc_id.empty() || !goes_on(*job)) continue;
    stop(*job);
    return began(job->id);
  }
  return not_found("missing");
}

void ReplicateService::reap() {
  std::list<std::shared_ptr<Running>> ended;
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
