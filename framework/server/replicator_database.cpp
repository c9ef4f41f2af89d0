#include "server/replicator_database.h"

#include <ctime>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "query/selector.h"
#include "server/context.h"

namespace atelier::server {

namespace {

constexpr std::string_view kStatePrefix = "atelier-replication-";

std::int64_t now_in_seconds() {
  return system_clock().wall_ms() / 1000;
}

Error forbidden(std::string reason) {
  return {ErrorCode::kForbidden, std::move(reason)};
}

/// `source` or `target`: a text, or {"url":…, "auth":{"basic":…}, "headers":…}.
Result<std::string> replication_end(std::string_view body, std::string_view name) {
  const auto value = json::member(body, name);
  if (!value) return invalid("The `" + std::string(name) + "` field is missing.");
  if (const auto text = json::string_value(*value)) return *text;
  auto url = json::string_member(*value, "url");
  if (!url) return invalid("The `" + std::string(name) + "` field must be a database or a URL.");
  std::string user_info;
  if (const auto basic = json::find(*value, {"auth", "basic"})) {
    user_info = url_encode(json::string_member(*basic, "username").value_or("")) + ":" +
                url_encode(json::string_member(*basic, "password").value_or(""));
  } else if (const auto headers = json::member(*value, "headers")) {
    const auto authorization = json::string_member(*headers, "Authorization");
    if (authorization && authorization->starts_with("Basic ")) {
      const auto decoded = unbase64(trim(std::string_view(*authorization).substr(6)));
      const std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
      if (colon == std::string::npos) return invalid("The Authorization header is not valid.");
      user_info =
          url_encode(decoded->substr(0, colon)) + ":" + url_encode(decoded->substr(colon + 1));
    } else if (authorization) {
      return Error{ErrorCode::kUnsupported, "Only Basic authentication may be given here."};
    }
  }
  const std::size_t scheme = url->find("://");
  if (!user_info.empty() && scheme != std::string::npos) url->insert(scheme + 3, user_info + "@");
  return *url;
}

Status parse_filters(std::string_view body, ReplicationService::Request& wanted) {
  if (json::member(body, "filter"))
    return Error{ErrorCode::kUnsupported,
                 "JavaScript filters are never run here. Use doc_ids or a selector."};
  if (const auto list = json::member(body, "doc_ids")) {
    if (json::kind_of(*list) != json::Kind::kArray)
      return invalid("The `doc_ids` field must be a list of document ids.");
    wanted.doc_ids.emplace();
    bool strings = true;
    json::for_each_element(*list, [&](std::string_view element) {
      auto id = json::string_value(element);
      strings = id.has_value();
      if (id) wanted.doc_ids->push_back(std::move(*id));
      return strings;
    });
    if (!strings) return invalid("The `doc_ids` field must be a list of document ids.");
  }
  if (const auto selector = json::member(body, "selector")) {
    if (wanted.doc_ids) return invalid("`doc_ids` and `selector` are mutually exclusive");
    ATELIER_TRY(compiled, query::Selector::compile(*selector));
    (void)compiled;
    wanted.selector = std::string(*selector);
  }
  return ok();
}

/// The numbers of a finished replication's answer, under the names of a scheduler's.
std::string stats_of(std::string_view answer) {
  std::string_view history = "{}";
  if (const auto list = json::member(answer, "history"))
    json::for_each_element(*list, [&](std::string_view first) {
      history = first;
      return false;
    });
  const auto number = [&](std::string_view name) {
    return json::int_member(history, name).value_or(0);
  };
  json::Writer out;
  out.begin_object();
  out.key("revisions_checked").integer(number("missing_checked"));
  out.key("missing_revisions_found").integer(number("missing_found"));
  out.key("docs_read").integer(number("docs_read"));
  out.key("docs_written").integer(number("docs_written"));
  out.key("changes_pending").null();
  out.key("doc_write_failures").integer(number("doc_write_failures"));
  out.key("bulk_get_docs").integer(number("bulk_get_docs"));
  out.key("bulk_get_attempts").integer(number("bulk_get_attempts"));
  out.key("checkpointed_source_seq");
  out.string(json::string_member(history, "recorded_seq").value_or("")).end_object();
  return out.take();
}

std::string stats_of(const ReplicationService::Job& job) {
  json::Writer out;
  out.begin_object().key("revisions_checked").integer(static_cast<std::int64_t>(job.checked));
  out.key("missing_revisions_found");
  out.integer(static_cast<std::int64_t>(job.written + job.failures));
  out.key("docs_read").integer(static_cast<std::int64_t>(job.written + job.failures));
  out.key("docs_written").integer(static_cast<std::int64_t>(job.written));
  out.key("changes_pending").null();
  out.key("doc_write_failures").integer(static_cast<std::int64_t>(job.failures));
  out.key("checkpointed_source_seq").string(job.sequence).end_object();
  return out.take();
}

}  // namespace

std::string iso_time(std::int64_t seconds_since_1970) {
  const std::time_t time = static_cast<std::time_t>(seconds_since_1970);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string without_credentials(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const std::size_t end = url.find_first_of("/?#", scheme + 3);
  const std::size_t at = url.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at < scheme) return std::string(url);
  return std::string(url.substr(0, scheme + 3)) + std::string(url.substr(at + 1));
}

Result<ReplicationService::Request> parse_replication(std::string_view body) {
  ReplicationService::Request wanted;
  wanted.cancel = json::bool_member(body, "cancel").value_or(false);
  for (const char* name : {"id", "replication_id", "_local_id"})
    if (auto id = json::string_member(body, name); id && wanted.cancel) wanted.cancel_id = *id;
  if (!wanted.cancel_id.empty()) return wanted;
  ATELIER_TRY(source, replication_end(body, "source"));
  ATELIER_TRY(target, replication_end(body, "target"));
  wanted.source = std::move(source);
  wanted.target = std::move(target);
  ATELIER_CHECK(parse_filters(body, wanted));
  wanted.continuous = json::bool_member(body, "continuous").value_or(false);
  wanted.create_target = json::bool_member(body, "create_target").value_or(false);
  return wanted;
}

Status prepare_replicator_write(const Principal& who, DocumentWrite& write) {
  if (write.deleted || write.id.starts_with("_design/")) return ok();
  if (!who.admin) return forbidden("Only an administrator may write here.");
  ATELIER_TRY(body, json::normalize(write.body));
  const auto parsed = parse_replication(body);
  if (!parsed) return forbidden(parsed.error().message);
  if (parsed->source.empty()) return forbidden("The `source` field is missing.");
  if (!json::member(body, "owner")) {
    body.pop_back();
    body += (body.size() > 1 ? ",\"owner\":" : "\"owner\":") + json::quoted(who.name) + '}';
  }
  write.body = std::move(body);
  write.body_is_normal = true;
  return ok();
}

void ReplicatorDatabase::start() {
  const auto context = context_.lock();
  if (!context || !context->replication) return;
  auto opened = context->catalog->open(kReplicatorDatabase, false);
  if (!opened || *opened == store_) return;
  for (const auto& [id, state] : std::exchange(states_, {}))
    context->replication->cancel_document(id);
  store_ = std::move(*opened);
  seen_ = 0;
  subscription_ = store_->subscribe([weak = weak_from_this(), post = context->post] {
    post([weak] {
      if (const auto self = weak.lock()) self->look();
    });
  });
  look();
}

void ReplicatorDatabase::look() {
  if (!store_ || store_->retired()) return;
  std::vector<std::string> changed;
  do {
    changed.clear();
    const Status read = store_->changes(seen_, kReplySliceRows, [&](const ChangeRow& row) {
      seen_ = row.sequence;
      changed.push_back(row.id);
      return true;
    });
    if (!read) return;
    for (const std::string& id : changed) {
      if (id.starts_with("_design/")) continue;
      const auto document = store_->get(id);
      if (document)
        take(*document);
      else
        drop(id);
    }
  } while (changed.size() == kReplySliceRows);
}

void ReplicatorDatabase::drop(const std::string& id) {
  const auto context = context_.lock();
  if (states_.erase(id) != 0 && context) context->replication->cancel_document(id);
  if (context)
    context->background(
        [store = store_, id] { (void)store->remove_local(std::string(kStatePrefix) + id); });
}

void ReplicatorDatabase::take(const Document& document) {
  const std::string rev = document.rev.to_string();
  const auto known = states_.find(document.id);
  if (known != states_.end() && known->second.rev == rev) return;
  if (known == states_.end()) {
    const auto before = remembered(document.id);
    if (before && before->rev == rev) {
      states_[document.id] = *before;
      return;
    }
  }
  ReplicatorState& state = states_[document.id];
  state = {};
  state.rev = rev;
  state.started_s = state.updated_s = now_in_seconds();
  auto request = parse_replication(document.body);
  if (!request) {
    state.state = "failed";
    state.reason = request.error().message;
    return remember(document.id, state);
  }
  state.source = without_credentials(request->source);
  state.target = without_credentials(request->target);
  begin(document, std::move(*request));
}

void ReplicatorDatabase::begin(const Document& document, ReplicationService::Request request) {
  const auto context = context_.lock();
  if (!context) return;
  const std::string rev = document.rev.to_string();
  states_[document.id].state = "running";
  request.doc_id = document.id;
  request.user = json::string_member(document.body, "owner").value_or("");
  request.cancel = false;
  context->replication->cancel_document(document.id);
  const bool continuous = request.continuous;
  context->replication->replicate(
      std::move(request), [weak = weak_from_this(), post = context->post, id = document.id, rev,
                           continuous](Result<std::string> result) {
        post([weak, id, rev, continuous, result = std::move(result)] {
          const auto self = weak.lock();
          // A continuous one answers when it began, and ends with its document.
          if (self && !(continuous && result)) self->ended(id, rev, result);
        });
      });
}

void ReplicatorDatabase::ended(const std::string& id, const std::string& rev,
                               const Result<std::string>& result) {
  const auto found = states_.find(id);
  if (found == states_.end() || found->second.rev != rev) return;
  ReplicatorState& state = found->second;
  state.updated_s = now_in_seconds();
  state.state = result ? "completed" : "failed";
  if (result)
    state.stats = stats_of(*result);
  else
    state.reason = result.error().message;
  remember(id, state);
}

std::optional<ReplicatorState> ReplicatorDatabase::remembered(const std::string& id) const {
  const auto local = store_->get_local(std::string(kStatePrefix) + id);
  if (!local) return std::nullopt;
  const std::string& body = local->body;
  ReplicatorState state;
  state.rev = json::string_member(body, "rev").value_or("");
  state.source = json::string_member(body, "source").value_or("");
  state.target = json::string_member(body, "target").value_or("");
  state.state = json::string_member(body, "state").value_or("");
  state.reason = json::string_member(body, "reason").value_or("");
  state.stats = std::string(json::member(body, "stats").value_or("null"));
  state.started_s = json::int_member(body, "started").value_or(0);
  state.updated_s = json::int_member(body, "updated").value_or(0);
  return state;
}

void ReplicatorDatabase::remember(const std::string& id, const ReplicatorState& state) {
  const auto context = context_.lock();
  if (!context) return;
  json::Writer out;
  out.begin_object().key("rev").string(state.rev).key("source").string(state.source);
  out.key("target").string(state.target).key("state").string(state.state);
  out.key("reason").string(state.reason).key("stats").raw(state.stats);
  out.key("started").integer(state.started_s).key("updated").integer(state.updated_s).end_object();
  context->background([store = store_, id, body = out.take()] {
    (void)store->put_local(std::string(kStatePrefix) + id, body);
  });
}

std::map<std::string, ReplicatorState> ReplicatorDatabase::states() const {
  auto all = states_;
  const auto context = context_.lock();
  if (!context || !context->replication) return all;
  for (const ReplicationService::Job& job : context->replication->jobs()) {
    const auto state = job.doc_id.empty() ? all.end() : all.find(job.doc_id);
    if (state == all.end() || state->second.state != "running") continue;
    state->second.stats = stats_of(job);
    state->second.updated_s = job.updated_s;
    if (job.retries) {
      state->second.state = "crashing";
      state->second.reason = job.error;
    }
  }
  return all;
}

void add_replication_state(const Context& context, Document& document) {
  if (!context.replicator || document.deleted) return;
  const auto states = context.replicator->states();
  const auto found = states.find(document.id);
  if (found == states.end() || found->second.rev != document.rev.to_string()) return;
  const ReplicatorState& state = found->second;
  if (state.state != "completed" && state.state != "failed") return;
  json::Writer out;
  out.begin_object().key("_replication_state").string(state.state);
  out.key("_replication_state_time").string(iso_time(state.updated_s));
  if (!state.reason.empty()) out.key("_replication_state_reason").string(state.reason);
  if (state.stats != "null") {
    std::string stats = state.stats;
    stats.pop_back();
    stats += ",\"start_time\":" + json::quoted(iso_time(state.started_s)) + '}';
    out.key("_replication_stats").raw(stats);
  }
  out.end_object();
  const std::string members = out.take();
  document.body.pop_back();
  document.body += (document.body.size() > 1 ? "," : "") + members.substr(1);
}

}  // namespace atelier::server
