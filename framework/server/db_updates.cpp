#include "server/db_updates.h"

#include <algorithm>
#include <charconv>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "server/routes.h"

namespace atelier::server {

UpdateLog::UpdateLog() : run_(random_uuid()) {}

void UpdateLog::add(const std::string& name, std::string_view type) {
  const auto place = place_.find(name);
  if (place != place_.end()) rows_.erase(place->second);
  ++last_;
  rows_[last_] = Row{last_, name, type};
  place_[name] = last_;
  wake_all();
}

void UpdateLog::wake_all() {
  for (const auto& waiting : std::exchange(waiting_, {})) {
    const auto feed = waiting.lock();
    if (feed && feed->wake) feed->wake();
  }
}

std::vector<UpdateLog::Row> UpdateLog::after(std::uint64_t since, std::size_t limit) const {
  std::vector<Row> out;
  for (auto row = rows_.upper_bound(since); row != rows_.end() && out.size() < limit; ++row)
    out.push_back(row->second);
  return out;
}

std::vector<UpdateLog::Row> UpdateLog::before(std::uint64_t upto, std::size_t limit) const {
  std::vector<Row> out;
  for (auto row = rows_.upper_bound(upto); row != rows_.begin() && out.size() < limit;)
    out.push_back((--row)->second);
  return out;
}

std::string UpdateLog::text_of(std::uint64_t sequence) const {
  return std::to_string(sequence) + '-' + run_;
}

Result<std::uint64_t> UpdateLog::parse(std::string_view text) const {
  if (text.empty() || text == "0") return std::uint64_t{0};
  if (text == "now") return last_;
  std::uint64_t sequence = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), sequence);
  if (parsed.ec != std::errc() || parsed.ptr == text.data() + text.size() || *parsed.ptr != '-')
    return invalid("Malformed sequence supplied in 'since' parameter.");
  const std::string_view run(parsed.ptr + 1,
                             static_cast<std::size_t>(text.data() + text.size() - parsed.ptr - 1));
  return run == run_ ? std::min(sequence, last_) : std::uint64_t{0};
}

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct UpdatesOptions {
  enum class Kind { kNormal, kLongpoll, kContinuous, kEventSource };
  Kind kind = Kind::kNormal;
  std::uint64_t since = 0;
  std::uint64_t limit = UINT64_MAX;
  bool descending = false;
  std::optional<milliseconds> heartbeat;
  milliseconds timeout{kFeedTimeoutDefaultMs};

  bool waits() const { return kind != Kind::kNormal; }
  bool lines() const { return kind == Kind::kContinuous || kind == Kind::kEventSource; }
};

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

Status parse_kind(std::string_view feed, UpdatesOptions& options) {
  using Kind = UpdatesOptions::Kind;
  if (feed == "normal")
    options.kind = Kind::kNormal;
  else if (feed == "longpoll")
    options.kind = Kind::kLongpoll;
  else if (feed == "continuous")
    options.kind = Kind::kContinuous;
  else if (feed == "eventsource")
    options.kind = Kind::kEventSource;
  else
    return invalid("Supported `feed` types: normal, continuous, longpoll, eventsource");
  return ok();
}

Result<UpdatesOptions> parse_updates(const Call& call, const UpdateLog& log) {
  UpdatesOptions options;
  const Query& query = call.query();
  ATELIER_CHECK(parse_kind(query.get("feed").value_or("normal"), options));
  std::string_view since = query.get("since").value_or("");
  if (const std::string_view last = call.request->headers.get("Last-Event-ID"); !last.empty())
    since = last;
  if (since.size() >= 2 && since.front() == '"') since = since.substr(1, since.size() - 2);
  ATELIER_TRY(sequence, log.parse(since));
  options.since = sequence;
  options.descending = query.is_true("descending");
  if (const auto text = query.get("limit")) {
    const auto limit = number_of(*text);
    if (!limit) return invalid("Invalid value for limit: Expecting a non-negative integer.");
    options.limit = *limit;
  }
  if (const auto text = query.get("heartbeat"); text && *text != "false") {
    const auto value =
        *text == "true" ? std::optional<std::uint64_t>(kFeedHeartbeatDefaultMs) : number_of(*text);
    if (!value || *value == 0)
      return invalid(
          "Invalid heartbeat value. Expecting a positive integer value (in milliseconds).");
    options.heartbeat =
        milliseconds(std::clamp<std::uint64_t>(*value, kFeedHeartbeatMinMs, INT32_MAX));
  }
  if (const auto text = query.get("timeout")) {
    const auto value = number_of(*text);
    if (!value) return invalid("Invalid timeout value. Expecting an integer (in milliseconds).");
    options.timeout = milliseconds(std::min<std::uint64_t>(*value, kFeedTimeoutDefaultMs));
  }
  return options;
}

class UpdatesSource final : public UpdateFeed {
 public:
  UpdatesSource(std::shared_ptr<Context> context, UpdatesOptions options)
      : context_(std::move(context)),
        log_(context_->updates),
        options_(std::move(options)),
        at_(options_.descending ? log_->last() : options_.since),
        left_(options_.limit),
        active_(Clock::now()) {
    if (options_.waits()) ++context_->feeds;
  }
  ~UpdatesSource() override {
    if (options_.waits()) --context_->feeds;
  }
  bool is_feed() const override { return options_.waits(); }

  State next(Chunk& chunk) override {
    if (ended_) return State::kEnd;
    std::string out = begun_ || options_.lines() ? "" : "{\"results\":[";
    begun_ = true;
    if (std::exchange(heartbeat_due_, false)) {
      active_ = Clock::now();
      return give(out + (options_.kind == UpdatesOptions::Kind::kEventSource
                             ? "event: heartbeat\ndata: \n\n"
                             : "\n"),
                  chunk);
    }
    const bool more = !stopping_ && left_ != 0 && append_rows(out);
    const bool enough =
        !options_.waits() || (options_.kind == UpdatesOptions::Kind::kLongpoll && any_);
    if (!more && (stopping_ || left_ == 0 || enough || timed_out())) append_end(out);
    if (!out.empty()) return give(out, chunk);
    if (ended_) return State::kEnd;
    log_->wait(weak_from_this());
    return State::kWait;
  }

  std::optional<TimePoint> deadline() const override {
    return active_ + (options_.heartbeat ? *options_.heartbeat : options_.timeout);
  }
  void on_deadline() override {
    if (options_.heartbeat) heartbeat_due_ = Clock::now() >= active_ + *options_.heartbeat;
  }
  void on_stop() override { stopping_ = true; }

 private:
  bool timed_out() const {
    return !options_.heartbeat && Clock::now() >= active_ + options_.timeout;
  }

  State give(std::string text, Chunk& chunk) {
    chunk = std::make_shared<const std::string>(std::move(text));
    return State::kData;
  }

  /// Whether there were any.
  bool append_rows(std::string& out) {
    const std::size_t limit =
        static_cast<std::size_t>(std::min<std::uint64_t>(left_, kReplySliceRows));
    const auto rows = options_.descending ? log_->before(at_, limit) : log_->after(at_, limit);
    for (const UpdateLog::Row& row : rows) {
      if (!options_.lines()) out += any_ ? ",\n" : "\n";
      if (options_.kind == UpdatesOptions::Kind::kEventSource) out += "data: ";
      out += "{\"db_name\":" + json::quoted(row.name) + ",\"type\":\"" + std::string(row.type) +
             "\",\"seq\":" + json::quoted(log_->text_of(row.sequence)) + '}';
      if (options_.kind == UpdatesOptions::Kind::kEventSource)
        out += "\nid: " + json::quoted(log_->text_of(row.sequence)) + '\n';
      if (options_.lines()) out += '\n';
      any_ = true;
      --left_;
      at_ = options_.descending ? row.sequence - 1 : row.sequence;
    }
    if (!rows.empty()) active_ = Clock::now();
    return !rows.empty();
  }

  void append_end(std::string& out) {
    ended_ = true;
    if (options_.kind == UpdatesOptions::Kind::kEventSource) return;
    out += options_.lines() ? "{" : "\n],\n";
    out += "\"last_seq\":" + json::quoted(log_->text_of(options_.descending ? log_->last() : at_)) +
           "}\n";
  }

  const std::shared_ptr<Context> context_;
  const std::shared_ptr<UpdateLog> log_;
  const UpdatesOptions options_;
  std::uint64_t at_, left_;
  bool begun_ = false, any_ = false, ended_ = false, heartbeat_due_ = false, stopping_ = false;
  Clock::time_point active_;
};

/// Listens to every database from now on; the first time, each that is there counts as created.
void begin_log(const std::shared_ptr<Context>& context) {
  const bool first = context->updates == nullptr;
  if (first) context->updates = std::make_shared<UpdateLog>();
  for (const std::string& name : context->catalog->list()) {
    if (first) context->updates->add(name, "created");
    (void)context->database(name);
  }
}

}  // namespace

void get_db_updates(const Call& call) {
  begin_log(call.context);
  auto options = parse_updates(call, *call.context->updates);
  if (!options) return call.respond(error_reply(options.error()));
  if (options->waits() && call.context->feeds >= kFeedsMax)
    return call.respond(
        error_reply(503, "service_unavailable", "Too many feeds are open on this server."));
  Response response = json_reply(200, "");
  response.body.clear();
  if (options->kind == UpdatesOptions::Kind::kEventSource) {
    response.headers.set("Cache-Control", "no-cache");
    response.headers.set("Content-Type", "text/event-stream");
  }
  response.source = std::make_shared<UpdatesSource>(call.context, std::move(*options));
  call.respond(std::move(response));
}

}  // namespace atelier::server
