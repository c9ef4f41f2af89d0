// _changes in all its feeds. A feed is pulled: it is asked for the next chunk when the socket took
// the last one, so that a slow reader costs no memory, and feeds at the same place share one chunk.
#include <algorithm>
#include <charconv>
#include <set>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "query/selector.h"
#include "server/document_json.h"
#include "server/project_fields.h"
#include "server/routes.h"

namespace atelier::server {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kSelectedSliceRows = 100;  // documents read for a selector in one turn
constexpr int kFilteredSlicesMax = 8;            // slices without a wanted row in one turn

/// CouchDB's own, which shows in where `seq_interval` counts from.
constexpr std::uint64_t kNoLimit = 10'000'000'000'000'000;

enum class FeedKind { kNormal, kLongpoll, kContinuous, kEventSource };

struct ChangesOptions {
  FeedKind kind = FeedKind::kNormal;
  std::uint64_t since = 0;
  std::uint64_t limit = kNoLimit;
  bool descending = false;
  bool all_leaves = false;
  bool include_docs = false;
  ShowOptions show;
  std::optional<milliseconds> heartbeat;
  milliseconds timeout{kFeedTimeoutDefaultMs};
  std::uint64_t seq_interval = 1;
  bool design_only = false;
  std::optional<std::set<std::string, std::less<>>> doc_ids;
  std::vector<std::string> prefixes;  // with their colon; empty: all
  std::optional<query::Selector> selector;
  std::optional<std::vector<std::string>> fields;  // of documents, with a selector; nothing: all

  bool waits() const { return kind != FeedKind::kNormal; }
  bool lines() const { return kind == FeedKind::kContinuous || kind == FeedKind::kEventSource; }
  bool wants(std::string_view id) const {
    if (design_only && !id.starts_with("_design/")) return false;
    if (doc_ids && !doc_ids->contains(id)) return false;
    return prefixes.empty() ||
           std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) {
             return id.size() > prefix.size() && id.starts_with(prefix);
           });
  }
  /// What two feeds must have in common to share their rows; empty when they never do.
  std::string share_key() const {
    if (!waits() || descending || doc_ids || selector || !prefixes.empty() || limit != kNoLimit ||
        fields || seq_interval != 1 || show.attachments)
      return {};
    std::string key(1, static_cast<char>('0' + static_cast<int>(kind)));
    for (bool flag : {all_leaves, include_docs, show.conflicts, design_only})
      key += flag ? '1' : '0';
    return key;
  }
};

// --- options

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

Status parse_feed(const Query& query, ChangesOptions& options) {
  const std::string_view feed = query.get("feed").value_or("normal");
  if (feed == "normal")
    options.kind = FeedKind::kNormal;
  else if (feed == "longpoll")
    options.kind = FeedKind::kLongpoll;
  else if (feed == "continuous" || feed == "live")
    options.kind = FeedKind::kContinuous;
  else if (feed == "eventsource")
    options.kind = FeedKind::kEventSource;
  else
    return invalid("Supported `feed` types: normal, continuous, live, longpoll, eventsource");
  return ok();
}

Status parse_times(const Query& query, ChangesOptions& options) {
  if (const auto text = query.get("heartbeat")) {
    if (*text == "true") {
      options.heartbeat = milliseconds(kFeedHeartbeatDefaultMs);
    } else if (*text != "false") {
      const bool negative = text->starts_with('-');
      const auto value = parse_number(text->substr(negative ? 1 : 0));
      if (!value)
        return invalid(
            "Invalid heartbeat value. Expecting a positive integer value (in milliseconds).");
      if (negative || *value == 0)
        return invalid("The heartbeat value should be a positive integer (in milliseconds).");
      const std::uint64_t bounded = std::min<std::uint64_t>(*value, INT32_MAX);
      options.heartbeat = milliseconds(
          std::max<std::int64_t>(static_cast<std::int64_t>(bounded), kFeedHeartbeatMinMs));
    }
  }
  if (const auto text = query.get("timeout")) {
    const auto value = parse_number(*text);
    if (!value) return invalid("Invalid timeout value. Expecting an integer (in milliseconds).");
    options.timeout = milliseconds(std::min<std::uint64_t>(*value, kFeedTimeoutDefaultMs));
  }
  return ok();
}

Status parse_since(const Call& call, ChangesOptions& options) {
  std::string text(call.query().get("since").value_or(""));
  if (const auto last = call.query().get("last-event-id")) text = *last;
  const std::string_view header = call.request->headers.get("Last-Event-ID");
  if (!header.empty() && options.kind == FeedKind::kEventSource) text = header;
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  const auto since = call.store().parse_sequence(text);
  if (!since) return invalid("Malformed sequence supplied in 'since' parameter.");
  options.since = *since;
  return ok();
}

Status parse_doc_ids(const Call& call, std::string_view body, ChangesOptions& options) {
  std::optional<std::string> list;
  if (const auto member = json::member(body, "doc_ids"))
    list = std::string(*member);
  else if (const auto text = call.query().get("doc_ids")) {
    const auto normal = json::normalize(*text);
    if (normal) list = *normal;
  }
  const Error fault = invalid("`doc_ids` filter parameter is not a list of doc ids.");
  if (!list || json::kind_of(*list) != json::Kind::kArray) return fault;
  options.doc_ids.emplace();
  bool strings = true;
  json::for_each_element(*list, [&](std::string_view element) {
    auto id = json::string_value(element);
    strings = id.has_value();
    if (id) options.doc_ids->insert(std::move(*id));
    return strings;
  });
  return strings ? ok() : Status(fault);
}

/// An extension: `filter=_prefix&prefixes=["message"]` is the documents of these collections.
Status parse_prefixes(const Call& call, ChangesOptions& options) {
  const auto list = json::normalize(call.query().get("prefixes").value_or(""));
  const Error fault = invalid("`prefixes` filter parameter is not a list of prefixes.");
  if (!list || json::kind_of(*list) != json::Kind::kArray) return fault;
  bool strings = true;
  json::for_each_element(*list, [&](std::string_view element) {
    auto prefix = json::string_value(element);
    strings = prefix && !prefix->empty();
    if (strings) options.prefixes.push_back(*prefix + ":");
    return strings;
  });
  return strings && !options.prefixes.empty() ? ok() : Status(fault);
}

Status parse_selector(const Call& call, std::string_view body, ChangesOptions& options) {
  if (call.request->method != "POST") return invalid("Selector must be specified in POST payload");
  const auto member = json::member(body, "selector");
  if (!member || json::kind_of(*member) != json::Kind::kObject)
    return invalid("Selector error: expected a JSON object");
  ATELIER_TRY(selector, query::Selector::compile(*member));
  options.selector = std::move(selector);
  const auto fields = json::member(body, "fields");
  if (!fields || *fields == "[]") return ok();
  if (json::kind_of(*fields) != json::Kind::kArray)
    return invalid("Selector error: fields must be JSON array");
  options.fields.emplace();
  bool strings = true;
  json::for_each_element(*fields, [&](std::string_view element) {
    auto name = json::string_value(element);
    strings = name.has_value();
    if (name) options.fields->push_back(std::move(*name));
    return strings;
  });
  return strings ? ok() : Status(invalid("Selector error: fields must be JSON array"));
}

/// A function of a design document, named "design/function": never run here, but what is missing is
/// said. `group` is the member that it stands in, `malformed` the reason for any other name.
Status refuse_function(const Call& call, std::string_view wanted, const std::string& group,
                       std::string_view malformed) {
  const std::vector<std::string_view> parts = split_list(wanted, '/');
  if (parts.size() != 2) return invalid(std::string(malformed));
  const auto design = call.store().get("_design/" + std::string(parts[0]));
  if (!design) return design.error();
  const std::string name(parts[1]);
  if (!json::member(design->body, group)) return not_found("missing json key: " + group);
  if (!json::find(design->body, {group, name})) return not_found("missing json key: " + name);
  return Error{ErrorCode::kUnsupported, "JavaScript " + group +
                                            " are never run here. Use filter=_selector or "
                                            "filter=_doc_ids."};
}

Status refuse_view(const Call& call) {
  const std::string view(call.query().get("view").value_or(""));
  if (view.empty()) return invalid("`view` filter parameter is not provided.");
  return refuse_function(call, view, "views", "`view` must be of the form `designname/viewname`");
}

Status parse_filter(const Call& call, std::string_view body, ChangesOptions& options) {
  const auto filter = call.query().get("filter");
  if (!filter || filter->empty()) return ok();
  if (*filter == "_doc_ids") return parse_doc_ids(call, body, options);
  if (*filter == "_prefix") return parse_prefixes(call, options);
  if (*filter == "_design") {
    options.design_only = true;
    return ok();
  }
  if (*filter == "_selector") return parse_selector(call, body, options);
  if (*filter == "_view") return refuse_view(call);
  if (filter->starts_with('_')) return invalid("unknown builtin filter name");
  return refuse_function(call, *filter, "filters",
                         "filter parameter must be of the form `designname/filtername`");
}

Status parse_numbers(const Query& query, ChangesOptions& options) {
  if (const auto text = query.get("limit")) {
    const auto limit = parse_number(*text);
    if (!limit) return invalid("Invalid value for limit: Expecting a non-negative integer.");
    options.limit = *limit;
  }
  if (const auto text = query.get("seq_interval")) {
    const auto interval = parse_number(*text);
    if (!interval || *interval == 0)
      return invalid("Invalid value for seq_interval: Expecting a positive integer.");
    options.seq_interval = *interval;
  }
  const std::string_view style = query.get("style").value_or("main_only");
  if (style != "main_only" && style != "all_docs")
    return invalid("Supported `style` values: main_only, all_docs");
  options.all_leaves = style == "all_docs";
  return ok();
}

Result<ChangesOptions> parse_options(const Call& call) {
  ChangesOptions options;
  const Query& query = call.query();
  std::string body = "{}";
  if (call.request->method == "POST" && !call.request->body.empty()) {
    ATELIER_TRY(parsed, json_object_body(*call.request));
    body = std::move(parsed);
  }
  ATELIER_CHECK(parse_feed(query, options));
  ATELIER_CHECK(parse_numbers(query, options));
  ATELIER_CHECK(parse_times(query, options));
  ATELIER_CHECK(parse_since(call, options));
  options.descending = query.is_true("descending");
  options.include_docs = query.is_true("include_docs");
  options.show.conflicts = query.is_true("conflicts");
  options.show.attachments = query.is_true("attachments");
  options.show.att_encoding_info = query.is_true("att_encoding_info");
  ATELIER_CHECK(parse_filter(call, body, options));
  return options;
}

// --- rows

/// A chunk of rows and the place behind it.
struct Rows {
  std::string text;
  std::size_t count = 0;
  std::uint64_t next = 0;
  bool reached_end = false;
};

class ChangesSource : public Feed {
 public:
  ChangesSource(const Call& call, ChangesOptions options)
      : Feed(call.database),
        context_(call.context),
        options_(std::move(options)),
        store_(call.shared_store()),
        guard_(call.guard && call.guard->restricted() ? call.guard : nullptr),
        share_key_(share_key()),
        who_(call.request->principal),
        rights_version_(context_->rights_version),
        at_(options_.since),
        told_(options_.since),
        left_(options_.limit),
        active_(Clock::now()),
        changed_(active_) {
    if (options_.descending) at_ = store().last_sequence(), told_ = 0;
    if (is_feed()) ++context_->feeds;
  }
  ~ChangesSource() override {
    if (is_feed()) --context_->feeds;
  }

  bool is_feed() const override { return options_.waits(); }

  State next(Chunk& chunk) override {
    if (ended_) return State::kEnd;
    if (!begun_) return begin(chunk);
    if (heartbeat_due_) return beat(chunk);
    if (must_end()) return end(chunk);
    if (left_ == 0) return end(chunk);
    if (stopping_) --parting_chunks_;
    const Step step = next_rows(chunk);
    if (step == Step::kBroken) return State::kAbort;
    if (step == Step::kLater) return State::kData;
    if (step == Step::kRows) {
      active_ = changed_ = Clock::now();
      return State::kData;
    }
    // Downwards there is nothing to wait for: what comes next would stand above.
    if (!options_.waits() || options_.descending || (options_.kind == FeedKind::kLongpoll && any_))
      return end(chunk);
    if (timed_out() || stopping_) return end(chunk);
    wait_for_changes();
    return State::kWait;
  }

  std::optional<TimePoint> deadline() const override {
    if (options_.heartbeat) return active_ + *options_.heartbeat;
    return changed_ + options_.timeout;
  }

  void on_deadline() override {
    if (options_.heartbeat) heartbeat_due_ = Clock::now() >= active_ + *options_.heartbeat;
  }

  void on_stop() override { stopping_ = true; }

 private:
  /// All of it, with `guard_` beside it where this reader does not see everything.
  const Store& store() const { return guard_ ? *guard_->behind() : *store_; }
  std::string sequence_text(std::uint64_t sequence) const {
    return store_->sequence_text(sequence);
  }
  std::string share_key() const {
    std::string key = options_.share_key();
    return key.empty() || !guard_ ? key : key + guard_->view();
  }

  bool timed_out() const {
    return !options_.heartbeat && Clock::now() >= changed_ + options_.timeout;
  }

  /// A server that stops still tells what was written just before: who wrote it may be leaving
  /// with the server, and nobody else has it. Who is far behind comes back for the rest.
  bool must_end() {
    return (parting_chunks_ == 0 && options_.waits()) || database_->removed() || !may_still_read();
  }

  /// Looked up again only when somebody's rights changed, and when the credentials' time is over. A
  /// reader who sees more or less than before is ended as well: with its next request, whose
  /// sequence is of another view, it is served what it sees now from the beginning.
  bool may_still_read() {
    if (rights_version_ == context_->rights_version && !over()) return true;
    rights_version_ = context_->rights_version;
    return context_->may_go_on(who_, *database_, guard_ ? guard_->view() : std::string());
  }
  bool over() const {
    return who_.ends_at != 0 && who_.ends_at <= system_clock().wall_ms() / 1000;
  }

  State begin(Chunk& chunk) {
    begun_ = true;
    if (options_.lines()) return next(chunk);
    static const Chunk kHead = std::make_shared<const std::string>("{\"results\":[");
    chunk = kHead;
    return State::kData;
  }

  State beat(Chunk& chunk) {
    static const Chunk kLine = std::make_shared<const std::string>("\n");
    static const Chunk kEvent = std::make_shared<const std::string>("event: heartbeat\ndata: \n\n");
    heartbeat_due_ = false;
    active_ = Clock::now();
    chunk = options_.kind == FeedKind::kEventSource ? kEvent : kLine;
    return State::kData;
  }

  State end(Chunk& chunk) {
    ended_ = true;
    if (options_.kind == FeedKind::kEventSource) return State::kEnd;
    std::string text = options_.lines() ? "{" : "\n],\n";
    text += "\"last_seq\":" + json::quoted(sequence_text(guard_ ? told_ : at_)) +
            ",\"pending\":" + std::to_string(pending());
    // An extension, for a reader that was away too long: it is not told of all deletions. Asked
    // last, since the rows may be older than what was forgotten meanwhile.
    const std::uint64_t forgotten = store().info().forgotten_sequence;
    if (options_.since < forgotten && !options_.descending)
      text += ",\"forgotten\":" + json::quoted(sequence_text(forgotten));
    text += "}\n";
    chunk = std::make_shared<const std::string>(std::move(text));
    return State::kData;
  }

  /// Changes behind this place: exact for a moderate number, else at least as many as there are.
  std::uint64_t pending() const {
    if (left_ != 0 && !stopping_) return 0;
    const std::uint64_t last = options_.descending ? at_ : store().last_sequence();
    const std::uint64_t from = options_.descending ? 0 : at_;
    if (last <= from) return 0;
    std::uint64_t count = 0;
    (void)store_->changes(from, kPendingCountMax, [&](const ChangeRow& row) {
      if (options_.descending && row.sequence >= last) return false;
      ++count;
      return true;
    });
    if (count < kPendingCountMax || guard_) return count;
    const StoreInfo info = store().info();
    return std::min(last - from, info.doc_count + info.doc_del_count);
  }

  enum class Step { kRows, kEnd, kLater, kBroken };

  /// Sets `chunk` to the next rows. kLater: many rows were looked at and none is wanted; others
  /// get a turn before this feed looks on.
  Step next_rows(Chunk& chunk) {
    chunk = nullptr;
    for (int slice = 0; slice < kFilteredSlicesMax; ++slice) {
      const bool comma = any_ && !options_.lines();
      const std::string key = share_key_.empty() ? share_key_ : share_key_ + (comma ? '+' : '-');
      const auto* shared = key.empty() ? nullptr : database_->find_chunk(key, at_);
      // One that could take what came since is made anew: few large chunks are cheaper to send.
      if (shared && (shared->full || shared->next >= store().last_sequence())) {
        chunk = shared->chunk;
        at_ = shared->next;
        told_ = shared->told;
        any_ = true;
        return Step::kRows;
      }
      const std::uint64_t from = at_;
      auto rows = options_.descending ? read_down() : read_up();
      if (!rows) return Step::kBroken;
      at_ = rows->next;
      left_ -= rows->count;
      if (rows->count != 0) {
        any_ = true;
        chunk = std::make_shared<const std::string>(std::move(rows->text));
        const bool full = !rows->reached_end || options_.descending;
        if (!key.empty()) database_->keep_chunk({key, from, at_, told_, chunk, full});
        return Step::kRows;
      }
      if (rows->reached_end) return Step::kEnd;
    }
    return Step::kLater;
  }

  std::optional<Rows> read_up() {
    Rows out;
    const std::uint64_t last = store().last_sequence();
    out.next = at_;
    if (last <= at_) {
      out.reached_end = true;
      return out;
    }
    std::vector<ChangeRow> rows;
    std::size_t seen = 0;
    std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left_, slice_rows()));
    // What the selector takes out is known after the read: the limit is counted one by one then.
    if (options_.selector || guard_) wanted = std::min(wanted, kSelectedSliceRows);
    const Status read = store().changes(at_, kReplySliceRows, [&](const ChangeRow& row) {
      ++seen;
      out.next = row.sequence;
      if (options_.wants(row.id)) rows.push_back(row);
      return rows.size() < wanted;
    });
    if (!read) return std::nullopt;
    const bool full = rows.size() >= wanted;
    select(rows);
    append_rows(rows, out);
    if (seen < kReplySliceRows && !full) {
      out.reached_end = true;
      out.next = std::max(out.next, last);
    }
    return out;
  }

  /// Downwards: windows of sequences are read upwards and turned round. `at_` is the highest
  /// sequence that was not shown yet.
  std::optional<Rows> read_down() {
    Rows out;
    const std::uint64_t low = at_ > kReplySliceRows ? at_ - kReplySliceRows : 0;
    std::vector<ChangeRow> rows;
    const Status read = store().changes(low, kReplySliceRows, [&](const ChangeRow& row) {
      if (row.sequence > at_) return false;
      if (options_.wants(row.id)) rows.push_back(row);
      return true;
    });
    if (!read) return std::nullopt;
    std::reverse(rows.begin(), rows.end());
    select(rows);
    if (rows.size() > left_) rows.resize(static_cast<std::size_t>(left_));
    append_rows(rows, out);
    out.next = low;
    if (!rows.empty() && rows.size() == left_) out.next = rows.back().sequence;
    out.reached_end = low == 0;
    return out;
  }

  /// Leaves the rows that the reader sees and whose winner the selector matches.
  void select(std::vector<ChangeRow>& rows) const {
    if (guard_) std::erase_if(rows, [&](ChangeRow& row) { return !guard_->sees(row); });
    if (!options_.selector) return;
    std::erase_if(rows, [&](const ChangeRow& row) {
      if (row.leaves.empty()) return true;
      GetOptions get;
      get.rev = row.leaves.front();
      const auto document = store().get(row.id, get);
      // Of an evicted one nobody can tell here; else its newer row comes later.
      if (!document) return document.error().code != ErrorCode::kEvicted;
      const std::string rev = document->rev.to_string();
      const std::string stubs = attachment_stubs(*document);
      return !options_.selector->matches(
          {document->id, rev, document->deleted, document->body, stubs});
    });
  }

  /// Fewer at a time when bodies come along.
  std::size_t slice_rows() const {
    return options_.include_docs ? kReplySliceRows / 8 : kReplySliceRows;
  }

  void append_rows(const std::vector<ChangeRow>& rows, Rows& out) {
    for (const ChangeRow& row : rows) {
      if (!options_.lines()) out.text += any_ || out.count != 0 ? ",\n" : "\n";
      if (options_.kind == FeedKind::kEventSource) out.text += "data: ";
      append_row(row, out.text, left_ - out.count);
      ++out.count;
      told_ = row.sequence;
      if (options_.kind == FeedKind::kEventSource)
        out.text += "\nid: " + json::quoted(sequence_text(row.sequence)) + "\n";
      if (options_.lines()) out.text += '\n';
    }
  }

  /// `left` rows may still be shown, this one included.
  void append_row(const ChangeRow& row, std::string& out, std::uint64_t left) const {
    const bool show_seq = left % options_.seq_interval == 0;  // as CouchDB counts
    out += "{\"seq\":";
    if (show_seq)
      json::append_string(out, sequence_text(row.sequence));
    else
      out += "null";
    out += ",\"id\":";
    json::append_string(out, row.id);
    out += ",\"changes\":[";
    for (std::size_t i = 0; i < row.leaves.size() && (i == 0 || options_.all_leaves); ++i) {
      if (i != 0) out += ',';
      out += "{\"rev\":";
      json::append_string(out, row.leaves[i].to_string());
      out += '}';
    }
    out += ']';
    if (row.deleted) out += ",\"deleted\":true";
    if (options_.include_docs) out += ",\"doc\":" + document_of(row);
    out += '}';
  }

  std::string document_of(const ChangeRow& row) const {
    if (row.leaves.empty()) return "null";
    GetOptions get = get_options(options_.show);
    // The store answers the question for a winner without reading the tree.
    if (row.deleted) get.rev = row.leaves.front();
    const auto document = store_->get(row.id, get);
    // Changed meanwhile: its newer row comes later in this very feed.
    if (!document || document->rev != row.leaves.front()) return "null";
    if (options_.fields) return project(*document);
    Pieces pieces;
    show_document(pieces, *document, options_.show, *store_);
    auto text = pieces.collect(store(), kRequestBodyBytesMax);
    return text ? std::move(*text) : "null";
  }

  std::string project(const Document& document) const {
    std::string whole;
    append_simple_document(whole, document.id, document.rev, document.deleted, document.body);
    return project_fields(whole, *options_.fields);
  }

  const std::shared_ptr<Context> context_;
  const ChangesOptions options_;
  const std::shared_ptr<Store> store_;         // as the reader sees it
  const std::shared_ptr<GuardedStore> guard_;  // the same, when that is not everything
  const std::string share_key_;
  Principal who_;
  std::uint64_t rights_version_;  // that `who_` was judged by

  std::uint64_t at_;    // the sequence of the last row that was read
  std::uint64_t told_;  // of the last one that was shown: what is hidden behind it is not told
  std::uint64_t left_;  // rows that may still be shown
  bool begun_ = false, any_ = false, ended_ = false;
  bool heartbeat_due_ = false, stopping_ = false;
  int parting_chunks_ = kPartingChunksMax;  // given at most while the server stops
  Clock::time_point active_;   // when something was sent last
  Clock::time_point changed_;  // when rows were sent last
};

}  // namespace

void serve_changes(const Call& call) {
  auto options = parse_options(call);
  if (!options) return call.respond(error_reply(options.error()));
  if (options->waits() && call.context->feeds >= kFeedsMax)
    return call.respond(
        error_reply(503, "service_unavailable", "Too many feeds are open on this server."));
  Response response = json_reply(200, "");
  response.body.clear();
  if (options->kind == FeedKind::kEventSource) {
    response.headers.set("Cache-Control", "no-cache");
    response.headers.set("Content-Type", "text/event-stream");
  } else if (options->kind == FeedKind::kNormal) {
    const bool all = !call.guard || !call.guard->restricted();
    const std::uint64_t last = all ? call.store().last_sequence() : call.guard->last_seen();
    const std::string etag = '"' + call.store().sequence_text(last) + '"';
    if (none_match(*call.request, etag)) {
      Response same;
      same.status = 304;
      same.headers.add("ETag", etag);
      return call.respond(std::move(same));
    }
    response.headers.add("ETag", etag);
  }
  response.source = std::make_shared<ChangesSource>(call, std::move(*options));
  call.respond(std::move(response));
}

}  // namespace atelier::server
