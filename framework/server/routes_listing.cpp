// Lists of documents by id: _all_docs with its relatives, sent in slices.
#include <algorithm>
#include <functional>

#include "base/json_text.h"
#include "base/limits.h"
#include "server/document_json.h"
#include "server/list_options.h"
#include "server/routes.h"

namespace atelier::server {

namespace {

constexpr std::size_t kOffsetCountMax = kPendingCountMax;  // rows counted for `offset` exactly

Result<ListOptions> parse_options(const Call& call) {
  ATELIER_TRY(options, parse_list_options(call.query()));
  if (call.request->method == "POST") {
    ATELIER_TRY(body, json_object_body(*call.request));
    ATELIER_CHECK(add_list_options(options, body));
  }
  return options;
}

/// The whole document as text; "null" when it cannot be shown.
std::string shown_document(const Store& store, std::string_view id, const ShowOptions& show) {
  const auto document = store.get(id, get_options(show));
  if (!document) return "null";
  Pieces pieces;
  show_document(pieces, *document, show, store);
  auto text = pieces.collect(store, kRequestBodyBytesMax);
  return text ? std::move(*text) : "null";
}

std::string row_head(std::string_view id, const RevId& rev) {
  const std::string quoted = json::quoted(id);
  return "{\"id\":" + quoted + ",\"key\":" + quoted +
         ",\"value\":{\"rev\":" + json::quoted(rev.to_string());
}

/// What all lists share: a head, rows with commas between them, a tail.
class ListSource : public BodySource {
 public:
  State next(Chunk& chunk) override {
    if (done_) return State::kEnd;
    std::string out = std::exchange(head_, {});
    std::vector<std::string> rows;
    const bool more = next_rows(rows);
    for (const std::string& row : rows) {
      if (std::exchange(any_, true)) out += ',';
      out += '\n';
      out += row;
    }
    if (!more) {
      out += "\n]}";
      out += tail_;
      done_ = true;
    }
    chunk = std::make_shared<const std::string>(std::move(out));
    return State::kData;
  }

  void set_head(std::string head) { head_ = std::move(head); }
  void prepend(std::string_view text) { head_.insert(0, text); }
  void set_tail(std::string tail) { tail_ = std::move(tail); }

 protected:
  /// Adds rows of about one slice; false when there are no more after them.
  virtual bool next_rows(std::vector<std::string>& rows) = 0;

 private:
  std::string head_, tail_;
  bool any_ = false, done_ = false;
};

/// Rows of a range of ids.
class RangeSource : public ListSource {
 public:
  RangeSource(std::shared_ptr<Store> store, ListOptions options, ScanOptions range, bool empty)
      : store_(std::move(store)), options_(std::move(options)), range_(std::move(range)) {
    left_ = empty ? 0 : options_.limit;
    to_skip_ = options_.skip;
  }

 protected:
  bool next_rows(std::vector<std::string>& rows) override {
    std::vector<std::pair<std::size_t, std::string>> whole;  // row, id: documents to be read after
    std::size_t bytes = 0, seen = 0;
    bool more = false;
    const std::optional<std::string> resume = last_;
    if (resume) range_.start = *resume;
    if (left_ == 0) return false;
    const Status scanned = store_->scan(range_, [&](const DocumentView& view) {
      if (resume && view.id == *resume) return true;
      if (seen == kReplySliceRows || bytes >= kReplySliceBytes) {
        more = true;
        return false;
      }
      ++seen;
      last_ = std::string(view.id);
      if (to_skip_ != 0) {
        --to_skip_;
        return true;
      }
      add_row(view, rows, whole);
      bytes += rows.back().size();
      return --left_ != 0;
    });
    for (const auto& [row, id] : whole)
      rows[row] += ",\"doc\":" + shown_document(*store_, id, options_.show) + "}";
    return scanned && more;
  }

 private:
  void add_row(const DocumentView& view, std::vector<std::string>& rows,
               std::vector<std::pair<std::size_t, std::string>>& whole) {
    std::string row = row_head(view.id, view.rev) + '}';
    if (!options_.include_docs) {
      row += '}';
    } else if (view.evicted) {
      row += ",\"error\":\"evicted\",\"doc\":null}";  // not "deleted"
    } else if (view.has_attachments || (view.has_conflicts && options_.show.conflicts)) {
      whole.emplace_back(rows.size(), view.id);
    } else {
      row += ",\"doc\":";
      append_simple_document(row, view.id, view.rev, view.deleted, view.body);
      row += '}';
    }
    rows.push_back(std::move(row));
  }

  const std::shared_ptr<Store> store_;
  const ListOptions options_;
  ScanOptions range_;
  std::optional<std::string> last_;  // the id that was shown or skipped last
  std::uint64_t left_ = 0, to_skip_ = 0;
};

/// Rows of a list of keys, in their order.
class KeysSource : public ListSource {
 public:
  KeysSource(std::shared_ptr<Store> store, ListOptions options)
      : store_(std::move(store)), options_(std::move(options)), keys_(std::move(*options_.keys)) {
    if (options_.descending) std::reverse(keys_.begin(), keys_.end());
    at_ = static_cast<std::size_t>(std::min<std::uint64_t>(options_.skip, keys_.size()));
    const std::uint64_t left = keys_.size() - at_;
    keys_.resize(at_ + static_cast<std::size_t>(std::min(left, options_.limit)));
  }

 protected:
  bool next_rows(std::vector<std::string>& rows) override {
    std::size_t bytes = 0;
    while (at_ < keys_.size() && rows.size() < kReplySliceRows && bytes < kReplySliceBytes) {
      rows.push_back(row_of(keys_[at_++]));
      bytes += rows.back().size();
    }
    return at_ < keys_.size();
  }

 private:
  std::string row_of(const std::string& key) const {
    const std::string unknown = "{\"key\":" + key + ",\"error\":\"not_found\"}";
    const auto id = json::string_value(key);
    const auto tree = id ? store_->tree(*id) : Result<RevTree>(not_found("missing"));
    const std::int32_t winner = tree ? tree->winner() : -1;
    if (winner < 0) return unknown;
    const RevNode& node = tree->node(winner);
    std::string row = row_head(*id, node.rev) + (node.deleted ? ",\"deleted\":true}" : "}");
    if (options_.include_docs)
      row += ",\"doc\":" + (node.deleted ? "null" : shown_document(*store_, *id, options_.show));
    return row + '}';
  }

  const std::shared_ptr<Store> store_;
  ListOptions options_;
  std::vector<std::string> keys_;
  std::size_t at_ = 0;
};

/// The id that a list restricted to a prefix begins and ends with; empty ones do not restrict.
struct Window {
  std::string first, past;
  bool counts = false;  // `offset` is told within it
};

/// Brings the bounds into the form of a scan. False when nothing can be in between.
bool make_range(const ListOptions& options, const Window& window, ScanOptions& range) {
  const Bound& low = options.descending ? options.end : options.start;
  const Bound& high = options.descending ? options.start : options.end;
  if (low.kind == Bound::Kind::kAfterTexts || high.kind == Bound::Kind::kBeforeTexts) return false;
  std::optional<std::string> from, to;
  if (low.kind == Bound::Kind::kText) from = low.text;
  if (high.kind == Bound::Kind::kText) to = high.text;
  bool to_inclusive = options.descending || options.inclusive_end;
  bool from_inclusive = !options.descending || options.inclusive_end;
  if (!window.first.empty() && (!from || *from < window.first)) {
    from = window.first;
    from_inclusive = true;
  }
  if (!window.past.empty() && (!to || *to >= window.past)) {
    to = window.past;
    to_inclusive = false;
  }
  if (from && to && (*from > *to || (*from == *to && !(from_inclusive && to_inclusive))))
    return false;
  // The first text after an excluded bound, so that both directions scan inclusive starts.
  if (from && !from_inclusive && !options.descending) *from += '\0';
  range.descending = options.descending;
  range.start = options.descending ? to : from;
  range.end = options.descending ? from : to;
  range.inclusive_end = options.descending ? from_inclusive : to_inclusive;
  if (options.descending && to && !to_inclusive) {
    // No id that ends in U+FFFF bytes exists: the last text before the excluded bound.
    range.start->back() = static_cast<char>(range.start->back() - 1);
    range.start->append(4, '\xff');
  }
  return true;
}

/// Rows before the range in its direction; nothing when there are too many to count here.
std::optional<std::uint64_t> rows_before(const Store& store, const ScanOptions& range,
                                         const Window& window) {
  if (!range.start) return 0;
  ScanOptions before;
  before.limit = kOffsetCountMax + 1;
  if (range.descending) {
    before.start = *range.start + '\0';
    if (window.counts) before.end = window.past;
    before.inclusive_end = false;
  } else {
    if (window.counts) before.start = window.first;
    before.end = *range.start;
    before.inclusive_end = false;
  }
  const auto count = store.count(before);
  if (!count || *count > kOffsetCountMax) return std::nullopt;
  return *count;
}

std::string list_head(const Store& store, const ListOptions& options, std::uint64_t total,
                      std::optional<std::uint64_t> offset) {
  std::string head = "{\"total_rows\":" + std::to_string(total) +
                     ",\"offset\":" + (offset ? std::to_string(*offset) : "null");
  if (options.update_seq)
    head += ",\"update_seq\":" + json::quoted(store.sequence_text(store.last_sequence()));
  return head + ",\"rows\":[";
}

/// Where a range begins that can hold nothing.
std::optional<std::string> start_of(const ListOptions& options) {
  if (options.start.kind == Bound::Kind::kText) return options.start.text;
  return std::nullopt;
}

/// CouchDB tells where the first of a list of keys stands, if the list is one of several.
std::optional<std::uint64_t> rows_before_first(const Store& store, const ListOptions& options) {
  const auto first =
      options.keys->empty() ? std::nullopt : json::string_value(options.keys->front());
  if (!first) return 0;
  ScanOptions range;
  range.start = *first;
  range.descending = options.descending;
  return rows_before(store, range, {});
}

std::shared_ptr<ListSource> list_source(const std::shared_ptr<Store>& store, ListOptions options,
                                        const Window& window, std::uint64_t total,
                                        bool one_of_several = false) {
  if (options.keys) {
    const std::string head = list_head(
        *store, options, total, one_of_several ? rows_before_first(*store, options) : std::nullopt);
    auto source = std::make_shared<KeysSource>(store, std::move(options));
    source->set_head(head);
    return source;
  }
  ScanOptions range;
  const bool possible = make_range(options, window, range);
  if (!possible) {
    range.descending = options.descending;
    range.start = start_of(options);
  }
  auto offset = rows_before(*store, range, window);
  if (offset) offset = std::min(total, *offset + options.skip);
  const std::string head = list_head(*store, options, total, offset);
  auto source =
      std::make_shared<RangeSource>(store, std::move(options), std::move(range), !possible);
  source->set_head(head);
  return source;
}

Response stream_reply(std::shared_ptr<BodySource> source) {
  Response response = json_reply(200, "");
  response.body.clear();
  response.source = std::move(source);
  return response;
}

/// Several lists in one answer.
class QueriesSource : public BodySource {
 public:
  explicit QueriesSource(std::vector<std::shared_ptr<ListSource>> lists)
      : lists_(std::move(lists)) {}

  State next(Chunk& chunk) override {
    if (at_ > lists_.size()) return State::kEnd;
    if (at_ == lists_.size()) {
      ++at_;
      chunk =
          std::make_shared<const std::string>(lists_.empty() ? "{\"results\":[\n]}\n" : "\n]}\n");
      return State::kData;
    }
    const State state = lists_[at_]->next(chunk);
    if (state == State::kEnd) {
      ++at_;
      return next(chunk);
    }
    return state;
  }

 private:
  std::vector<std::shared_ptr<ListSource>> lists_;
  std::size_t at_ = 0;
};

void post_queries(const Call& call,
                  const std::function<std::shared_ptr<ListSource>(ListOptions)>& list_of) {
  const auto body = json_object_body(*call.request);
  if (!body) return call.respond(error_reply(body.error()));
  const auto queries = json::member(*body, "queries");
  if (!queries || json::kind_of(*queries) != json::Kind::kArray)
    return call.respond(bad_request("`queries` member must exist."));
  std::vector<std::shared_ptr<ListSource>> lists;
  std::optional<Error> failed;
  json::for_each_element(*queries, [&](std::string_view query) {
    auto options = parse_list_options(call.query());
    Status added = !options ? Status(options.error())
                   : json::kind_of(query) != json::Kind::kObject
                       ? Status(invalid("A query must be a JSON object"))
                       : add_list_options(*options, query);
    if (!added) {
      failed = added.error();
      return false;
    }
    lists.push_back(list_of(std::move(*options)));
    return true;
  });
  if (failed) return call.respond(error_reply(*failed));
  for (std::size_t i = 0; i < lists.size(); ++i) {
    // Each list brings its own head; what stands between them comes before it.
    lists[i]->prepend(i == 0 ? "{\"results\":[\n" : ",\n");
  }
  call.respond(stream_reply(std::make_shared<QueriesSource>(std::move(lists))));
}

void serve_list(const Call& call, const Window& window, std::uint64_t total) {
  if (call.request->segments.back() == "queries") {
    if (call.request->method != "POST") return call.respond(method_not_allowed("POST"));
    return post_queries(call, [&](ListOptions options) {
      return list_source(call.shared_store(), std::move(options), window, total, true);
    });
  }
  auto options = parse_options(call);
  if (!options) return call.respond(error_reply(options.error()));
  auto source = list_source(call.shared_store(), std::move(*options), window, total);
  source->set_tail("\n");
  call.respond(stream_reply(std::move(source)));
}

// --- local documents

class LocalsSource : public ListSource {
 public:
  explicit LocalsSource(std::vector<std::string> rows) : rows_(std::move(rows)) {}

 protected:
  bool next_rows(std::vector<std::string>& rows) override {
    std::size_t bytes = 0;
    while (at_ < rows_.size() && bytes < kReplySliceBytes) {
      bytes += rows_[at_].size();
      rows.push_back(std::move(rows_[at_++]));
    }
    return at_ < rows_.size();
  }

 private:
  std::vector<std::string> rows_;
  std::size_t at_ = 0;
};

std::string local_row(const Store::LocalDocument& document, bool include_docs) {
  const std::string id = json::quoted("_local/" + document.id);
  const std::string rev = "\"0-" + std::to_string(document.rev) + '"';
  std::string row = "{\"id\":" + id + ",\"key\":" + id + ",\"value\":{\"rev\":" + rev + "}";
  if (include_docs) {
    row += ",\"doc\":{\"_id\":" + id + ",\"_rev\":" + rev;
    if (document.body.size() > 2)
      row += ',' + document.body.substr(1);
    else
      row += '}';
  }
  return row + '}';
}

bool in_bounds(const ListOptions& options, const std::string& id) {
  const Bound& low = options.descending ? options.end : options.start;
  const Bound& high = options.descending ? options.start : options.end;
  if (low.kind == Bound::Kind::kText && id < low.text) return false;
  if (high.kind == Bound::Kind::kText && id > high.text) return false;
  return options.inclusive_end || options.end.kind != Bound::Kind::kText || id != options.end.text;
}

std::vector<std::string> local_rows(const Store& store, const ListOptions& options) {
  std::vector<std::string> rows;
  if (options.keys) {
    for (const std::string& key : *options.keys) {
      const auto id = json::string_value(key);
      const auto document = id && id->starts_with("_local/")
                                ? store.get_local(id->substr(7))
                                : Result<Store::LocalDocument>(not_found("missing"));
      rows.push_back(document ? local_row(*document, options.include_docs)
                              : "{\"key\":" + key + ",\"error\":\"not_found\"}");
    }
    return rows;
  }
  std::vector<Store::LocalDocument> documents = store.list_locals();
  std::sort(documents.begin(), documents.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  if (options.descending) std::reverse(documents.begin(), documents.end());
  std::uint64_t skip = options.skip;
  for (const Store::LocalDocument& document : documents) {
    if (!in_bounds(options, "_local/" + document.id)) continue;
    if (skip != 0) {
      --skip;
    } else if (rows.size() < options.limit) {
      rows.push_back(local_row(document, options.include_docs));
    }
  }
  return rows;
}

}  // namespace

namespace {

/// Calls `then` with how many documents the client sees: counted where that may take its time, when
/// it does not see all.
void with_total(const Call& call, std::function<void(std::uint64_t)> then) {
  if (!call.guard || !call.guard->restricted()) return then(call.store().info().doc_count);
  call.context->background([call, then = std::move(then)] {
    const std::uint64_t total = call.store().info().doc_count;
    call.context->post([then, total] { then(total); });
  });
}

}  // namespace

void serve_all_docs(const Call& call) {
  with_total(call, [call](std::uint64_t total) { serve_list(call, {}, total); });
}

void serve_design_docs(const Call& call) {
  ScanOptions range;
  range.start = "_design/";
  range.end = "_design0";
  range.inclusive_end = false;
  range.limit = kOffsetCountMax;
  const auto total = call.store().count(range);
  if (!total) return call.respond(error_reply(total.error()));
  serve_list(call, {"_design/", "_design0"}, *total);
}

void serve_partition_all_docs(const Call& call, const std::string& partition) {
  ScanOptions range;
  range.start = partition + ":";
  range.end = partition + ";";
  range.inclusive_end = false;
  range.limit = kOffsetCountMax;
  const auto total = call.store().count(range);
  if (!total) return call.respond(error_reply(total.error()));
  serve_list(call, {*range.start, *range.end, true}, *total);
}

void serve_local_docs(const Call& call) {
  const auto list_of = [&](const ListOptions& options) {
    auto source = std::make_shared<LocalsSource>(local_rows(call.store(), options));
    source->set_head("{\"total_rows\":null,\"offset\":null,\"rows\":[");
    return source;
  };
  if (call.request->segments.back() == "queries") {
    if (call.request->method != "POST") return call.respond(method_not_allowed("POST"));
    return post_queries(call, list_of);
  }
  const auto options = parse_options(call);
  if (!options) return call.respond(error_reply(options.error()));
  auto source = list_of(*options);
  source->set_tail("\n");
  call.respond(stream_reply(std::move(source)));
}

}  // namespace atelier::server
