#include "http/http_changes.h"

#include <algorithm>
#include <utility>

#include "base/json_text.h"
#include "http/http_answers.h"

namespace atelier {
namespace {

using json::Kind;

constexpr std::size_t kChangesEndBytesMax = 1'024;  // what follows the rows of an answer

/// The pattern of an id with one of these prefixes. A range would be shorter, but CouchDB compares
/// strings of selectors by ICU's collation, in which ';' comes before ':'.
std::string pattern_of(const std::vector<std::string>& prefixes) {
  std::string pattern = "^(";
  for (const std::string& prefix : prefixes) {
    if (&prefix != &prefixes.front()) pattern += '|';
    for (const char c : prefix) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '_' || static_cast<unsigned char>(c) >= 128;
      if (!plain) pattern += '\\';
      pattern += c;
    }
  }
  return pattern + "):.";
}

void append_strings(json::Writer& out, const std::vector<std::string>& list) {
  out.begin_array();
  for (const std::string& item : list) out.string(item);
  out.end_array();
}

}  // namespace

std::string prefix_selector(const std::vector<std::string>& prefixes) {
  json::Writer out;
  out.begin_object().key("_id").begin_object();
  out.key("$regex").string(pattern_of(prefixes)).end_object().end_object();
  return out.take();
}

namespace {

/// All conditions as one selector.
std::string whole_selector(const ReplicationFilter& filter) {
  json::Writer out;
  out.begin_object().key("$and").begin_array();
  if (!filter.selector.empty()) out.raw(filter.selector);
  if (!filter.prefixes.empty()) out.raw(prefix_selector(filter.prefixes));
  if (!filter.ids.empty()) {
    out.begin_object().key("_id").begin_object().key("$in");
    append_strings(out, filter.ids);
    out.end_object().end_object();
  }
  out.end_array().end_object();
  return out.take();
}

void say_filter(ChangesRequest& request, const ReplicationFilter& filter,
                const FilterSpeech& speech) {
  if (filter.empty() || speech.unknown) return;
  request.filtered = true;
  if (filter.selector.empty() && filter.ids.empty() && !speech.foreign) {
    json::Writer list;
    append_strings(list, filter.prefixes);
    request.path += "&filter=_prefix&prefixes=" + url_encode(list.text());
    return;
  }
  json::Writer body;
  body.begin_object();
  if (filter.selector.empty() && !filter.ids.empty()) {
    std::vector<std::string> ids;
    std::copy_if(filter.ids.begin(), filter.ids.end(), std::back_inserter(ids),
                 [&](const std::string& id) { return filter.wants_id(id); });
    request.path += "&filter=_doc_ids";
    body.key("doc_ids");
    append_strings(body, ids);
  } else {
    request.path += "&filter=_selector";
    body.key("selector").raw(whole_selector(filter));
  }
  body.end_object();
  request.http.method = "POST";
  request.http.body = body.take();
}

}  // namespace

ChangesRequest changes_request(const ChangesQuery& query, bool inline_documents,
                               const FilterSpeech& speech) {
  ChangesRequest request;
  request.path = "/_changes?style=all_docs&limit=" + std::to_string(query.limit);
  if (!query.since.empty()) request.path += "&since=" + url_encode(query.since);
  if (inline_documents) request.path += "&include_docs=true";
  // No heartbeat: CouchDB would then ignore the timeout, and TCP's own probes watch the line.
  if (query.wait_ms > 0) {
    request.path += "&feed=longpoll&timeout=" + std::to_string(query.wait_ms);
  }
  say_filter(request, query.filter, speech);
  return request;
}

bool is_unknown_filter(const Error& error) {
  return error.http_status == 400 || error.http_status == 404 || error.http_status == 405 ||
         error.http_status == 501;
}

Result<ParsedChanges> parse_changes(const std::string& text, const ChangesQuery& query,
                                    bool filtered) {
  ATELIER_TRY(body, json::normalize(text));
  const bool object = json::kind_of(body) == Kind::kObject;
  const auto results = object ? json::member(body, "results") : std::nullopt;
  if (!results || json::kind_of(*results) != Kind::kArray) return invalid("_changes");
  ParsedChanges parsed;
  ChangesPage& page = parsed.page;
  page.bytes = body.size();
  bool valid = true;
  std::string newest;
  json::for_each_element(*results, [&](std::string_view row) {
    auto change = parse_change(row);
    valid = change.has_value();
    if (!valid) return false;
    ++parsed.rows;
    parsed.whole += change->document ? 1 : 0;
    newest = change->seq;
    if (query.filter.wants_id(change->id)) page.changes.push_back(std::move(*change));
    return true;
  });
  if (!valid) return invalid("a row of _changes");
  // What follows the rows alone: `results` need not be walked again.
  const std::string_view rest(results->data() + results->size(),
                              body.data() + body.size() - results->data() - results->size());
  const std::string tail = rest.starts_with(',') ? "{" + std::string(rest.substr(1)) : body;
  const auto last = json::member(tail, "last_seq");
  page.last_seq = last ? seq_text(*last) : newest;
  if (page.last_seq.empty()) page.last_seq = query.since;
  if (const auto pending = json::int_member(tail, "pending"); pending && *pending >= 0) {
    page.pending = static_cast<std::uint64_t>(*pending);
  }
  page.forgotten = json::string_member(tail, "forgotten").value_or("");
  page.more = page.pending ? *page.pending > 0 : parsed.rows >= query.limit;
  if (parsed.rows == 0 && page.last_seq == query.since) page.more = false;
  page.selected = query.filter.selector.empty() || filtered;
  return parsed;
}

std::optional<ChangesQuery> query_behind(const FetchedChanges& page) {
  const std::string_view body = page.body;
  const std::string_view end =
      body.substr(body.size() - std::min(body.size(), kChangesEndBytesMax));
  const std::size_t at = end.rfind("\"last_seq\"");
  if (at == std::string_view::npos) return std::nullopt;
  const auto members = json::normalize("{" + std::string(end.substr(at)));
  if (!members || json::kind_of(*members) != Kind::kObject) return std::nullopt;
  const auto last = json::member(*members, "last_seq");
  if (!last || json::int_member(*members, "pending").value_or(0) <= 0) return std::nullopt;
  ChangesQuery next = page.query;
  next.since = seq_text(*last);
  if (next.since.empty() || next.since == page.query.since) return std::nullopt;
  return next;
}

void ReadAhead::begin(const ChangesQuery& query, std::function<Result<FetchedChanges>()> fetch) {
  wait();
  query_ = query;
  pending_ = std::async(std::launch::async, std::move(fetch));
}

void ReadAhead::wait() const {
  if (pending_.valid()) pending_.wait();
}

bool ReadAhead::serves(const ChangesQuery& query) const {
  ChangesQuery same = query;
  same.limit = query_.limit;
  return pending_.valid() && same == query_ && query_.limit <= query.limit;
}

std::optional<FetchedChanges> ReadAhead::take(const ChangesQuery& query) {
  if (!pending_.valid()) return std::nullopt;
  const bool wanted = serves(query);
  auto page = pending_.get();
  if (!wanted || !page) return std::nullopt;
  return std::move(*page);
}

}  // namespace atelier
