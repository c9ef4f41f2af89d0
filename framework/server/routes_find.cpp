// Queries by selector: _find, _explain and the indexes of _index. Thread rule: the server's thread;
// documents are read where it may take its time.
#include <algorithm>
#include <chrono>

#include "base/json_text.h"
#include "base/limits.h"
#include "query/collate.h"
#include "query/json_view.h"
#include "server/document_json.h"
#include "server/find_index.h"
#include "server/guarded_store.h"
#include "server/project_fields.h"
#include "server/routes.h"

namespace atelier::server {

namespace {

// --- what was asked for

struct FindOptions {
  std::string selector_text;
  std::optional<query::Selector> selector;
  std::uint64_t limit = kFindLimitDefault, skip = 0;
  SortSpec sort;
  std::string sort_text = "{}";
  std::vector<std::string> fields;  // empty: whole documents
  std::string bookmark;             // empty: from the beginning
  std::string use_index = "[]";
  std::string partition;
  bool conflicts = false, stats = false, update = true, stable = false, fallback = true;
  std::uint64_t quorum = 1;
};

/// A value as Erlang prints it, which is what CouchDB's reasons say.
std::string erlang_text(std::string_view value) {
  const auto text = json::string_value(value);
  if (!text) return std::string(value);
  std::string out = "<<";
  for (const char c : *text) {
    if (out.size() > 2) out += ',';
    out += std::to_string(static_cast<unsigned char>(c));
  }
  return out + ">>";
}

Status set_count(std::uint64_t& to, std::string_view value) {
  const auto number = json::int_value(value);
  if (!number || *number < 0)
    return invalid(erlang_text(value) + " is not an integer greater than or equal to zero");
  to = static_cast<std::uint64_t>(*number);
  return ok();
}

Status set_flag(bool& to, std::string_view value) {
  const auto flag = json::bool_value(value);
  if (!flag) return invalid(erlang_text(value) + " is not a boolean");
  to = *flag;
  return ok();
}

Status set_fields(FindOptions& options, std::string_view value) {
  const Error fault = invalid("Fields must be an array of strings, not: " + erlang_text(value));
  if (value == "\"all_fields\"") return ok();
  if (json::kind_of(value) != json::Kind::kArray) return fault;
  Status parsed = ok();
  json::for_each_element(value, [&](std::string_view element) {
    auto field = json::string_value(element);
    if (!field) {
      parsed = fault;
      return false;
    }
    if (const auto path = query::FieldPath::parse(*field); !path) parsed = path.error();
    options.fields.push_back(std::move(*field));
    return parsed.has_value();
  });
  return parsed;
}

Status set_selector(FindOptions& options, std::string_view value) {
  options.selector_text = std::string(value);
  ATELIER_TRY(compiled, query::Selector::compile(value));
  options.selector = std::move(compiled);
  return ok();
}

Status set_use_index(FindOptions& options, std::string_view value) {
  const json::Kind kind = json::kind_of(value);
  std::size_t count = 0;
  bool strings = true;
  if (kind == json::Kind::kArray)
    json::for_each_element(value, [&](std::string_view element) {
      ++count;
      strings = strings && json::string_value(element);
      return true;
    });
  const bool right = kind == json::Kind::kString || (kind == json::Kind::kArray && count <= 2);
  if (!right || !strings) return invalid("Invalid index name: " + erlang_text(value));
  options.use_index =
      kind == json::Kind::kString ? '[' + std::string(value) + ']' : std::string(value);
  return ok();
}

Status set_option(FindOptions& options, std::string_view name, std::string_view value) {
  if (name == "selector") return set_selector(options, value);
  if (name == "limit") return set_count(options.limit, value);
  if (name == "skip") return set_count(options.skip, value);
  if (name == "fields") return set_fields(options, value);
  if (name == "use_index") return set_use_index(options, value);
  if (name == "conflicts") return set_flag(options.conflicts, value);
  if (name == "execution_stats") return set_flag(options.stats, value);
  if (name == "stable") return set_flag(options.stable, value);
  if (name == "allow_fallback") return set_flag(options.fallback, value);
  if (name == "r") return set_count(options.quorum, value);
  if (name == "sort") {
    ATELIER_TRY(sort, parse_sort(value));
    options.sort = std::move(sort);
    options.sort_text = std::string(value);
    return ok();
  }
  if (name == "bookmark") {
    const auto text = json::string_value(value);
    if (!text) return invalid("Invalid bookmark value: " + erlang_text(value));
    if (*text != "nil") options.bookmark = *text;
    return ok();
  }
  if (name == "update") {  // "lazy" and "false" beside true: our indexes are always up to date
    return ok();
  }
  if (name == "stale" || name == "partition") return ok();
  return invalid("Invalid key " + std::string(name) + " for this request.");
}

Result<FindOptions> parse_find(const Call& call, const std::string& partition) {
  FindOptions options;
  options.partition = partition;
  ATELIER_TRY(body, json_object_body(*call.request));
  Status set = ok();
  json::for_each_member(body, [&](std::string_view name, std::string_view value) {
    set = set_option(options, name, value);
    return set.has_value();
  });
  if (!set) return set.error();
  if (!options.selector) return invalid("Missing required key: selector");
  return options;
}

Response find_failure(const Error& error) {
  Failure failure = failure_of(error);
  if (failure.status == 400 && failure.reason != "invalid UTF-8 JSON" &&
      !failure.reason.starts_with("Request body"))
    failure.error = find_error_name(error);
  return error_reply(failure);
}

IndexWish wish_of(const FindOptions& options, bool partitioned_database) {
  IndexWish wish;
  wish.sort = options.sort;
  wish.in_partition = !options.partition.empty();
  wish.partitioned_database = partitioned_database;
  json::for_each_element(options.use_index, [&](std::string_view element) {
    const std::string text = json::string_value(element).value_or("");
    if (!wish.ddoc.empty()) {
      wish.name = text;
    } else if (const std::size_t slash = text.find('/', text.starts_with("_design/") ? 8 : 0);
               slash != std::string::npos) {
      wish.ddoc = text.substr(0, slash);
      wish.name = text.substr(slash + 1);
    } else {
      wish.ddoc = text;
    }
    return true;
  });
  if (!wish.ddoc.empty() && !wish.ddoc.starts_with("_design/")) wish.ddoc = "_design/" + wish.ddoc;
  return wish;
}

// --- finding

/// A document that matches, and where it stands in the order of the answer.
struct Hit {
  std::string key;  // of the index' fields, then the id
  std::string id;
};

class Finder {
 public:
  /// `indexed`: the store has the chosen index ready, and may be asked by it.
  Finder(const Store& store, const FindOptions& options, const IndexChoice& choice, bool indexed)
      : store_(store), options_(options), choice_(choice), indexed_(indexed) {
    for (const std::string& field : choice.index.fields)
      if (auto path = query::FieldPath::parse(field)) paths_.push_back(std::move(*path));
    if (!choice.index.partial_filter.empty())
      if (auto filter = query::Selector::compile(choice.index.partial_filter))
        partial_ = std::move(*filter);
    const auto fields = options.selector->fields();
    for (const std::string& field : fields) {
      needs_attachments_ |= field.starts_with("_attachments");
      needs_rev_ |= field == "_rev";
    }
  }

  Result<std::string> run() {
    const auto began = std::chrono::steady_clock::now();
    ATELIER_CHECK(read_bookmark());
    ATELIER_CHECK(by_store_ ? collect_by_index() : collect());
    ATELIER_TRY(docs, show());
    std::string out = "{\"docs\":[" + docs + "\n],\n\"bookmark\": " + json::quoted(bookmark());
    const double took =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
    if (options_.stats) {
      json::Writer stats;
      stats.begin_object().key("total_keys_examined").integer(keys_examined());
      stats.key("total_docs_examined").integer(static_cast<std::int64_t>(examined_));
      stats.key("total_quorum_docs_examined").integer(0);
      stats.key("results_returned").integer(static_cast<std::int64_t>(shown_));
      stats.key("execution_time_ms").number(took).end_object();
      out += ",\n\"execution_stats\": " + stats.take();
    }
    if (!choice_.warning.empty()) out += ",\n\"warning\": " + json::quoted(choice_.warning);
    return out + "}";
  }

 private:
  std::int64_t keys_examined() const {
    if (by_store_) return static_cast<std::int64_t>(keys_examined_);
    return choice_.index.all_docs() ? 0 : static_cast<std::int64_t>(examined_);
  }
  bool descending() const { return options_.sort.descending; }

  /// The range of ids in which documents can match.
  std::vector<ScanOptions> ranges() const {
    ScanOptions range;
    const query::IdBounds bounds = options_.selector->id_bounds();
    if (bounds.never) return {};
    if (!bounds.lower.empty()) range.start = bounds.lower;
    if (bounds.upper) {
      range.end = *bounds.upper;
      range.inclusive_end = false;
    }
    if (!options_.partition.empty()) {
      const std::string first = options_.partition + ":", past = options_.partition + ";";
      if (!range.start || *range.start < first) range.start = first;
      if (!range.end || *range.end > past) range.end = past;
      range.inclusive_end = false;
    }
    if (range.start && range.end && *range.start >= *range.end) return {};
    return {range};
  }

  Status collect_by_index() {
    FindQuery query;
    query.selector = options_.selector_text;
    query.prefix = options_.partition;
    for (const std::string& field : options_.sort.fields)
      query.sort.push_back({field, options_.sort.descending});
    query.skip = static_cast<std::size_t>(options_.skip);
    query.limit = static_cast<std::size_t>(options_.limit);
    query.bookmark = after_;
    query.use_index = store_index_name(choice_.index);
    ATELIER_TRY(answer, store_.find(query, [&](Document& document) {
      hits_.push_back({{}, std::move(document.id)});
      return true;
    }));
    examined_ = static_cast<std::size_t>(answer.docs_examined);
    keys_examined_ = answer.keys_examined;
    last_key_ = std::move(answer.bookmark);
    return ok();
  }

  Status collect() {
    for (ScanOptions range : ranges()) ATELIER_CHECK(collect_range(range));
    if (!choice_.index.all_docs() || descending()) {
      std::sort(hits_.begin(), hits_.end(),
                [](const Hit& a, const Hit& b) { return a.key < b.key; });
      if (descending()) std::reverse(hits_.begin(), hits_.end());
    }
    const auto place = std::find_if(hits_.begin(), hits_.end(), [&](const Hit& hit) {
      return after_.empty() || (descending() ? hit.key < after_ : hit.key > after_);
    });
    hits_.erase(hits_.begin(), place);
    const auto skipped = std::min<std::uint64_t>(options_.skip, hits_.size());
    hits_.erase(hits_.begin(), hits_.begin() + static_cast<std::ptrdiff_t>(skipped));
    if (hits_.size() > options_.limit) hits_.resize(static_cast<std::size_t>(options_.limit));
    return ok();
  }

  /// In the order of ids, as soon as there are enough the rest need not be looked at.
  bool enough() const {
    if (!choice_.index.all_docs() || descending()) return false;
    return hits_.size() >= options_.limit && hits_.size() - options_.limit >= options_.skip;
  }

  Status collect_range(ScanOptions range) {
    if (choice_.index.all_docs() && !descending() && !after_.empty()) {
      const std::string next = after_ + '\0';
      if (!range.start || *range.start < next) range.start = next;
    }
    while (!enough()) {
      std::vector<std::string> later;
      std::size_t seen = 0;
      std::string last;
      ATELIER_CHECK(store_.scan(range, [&](const DocumentView& view) {
        ++seen;
        last = std::string(view.id);
        if (view.id.starts_with("_design/") || view.evicted) return true;
        ++examined_;
        if (needs_attachments_ && view.has_attachments)
          later.emplace_back(view.id);
        else
          look(view.id, needs_rev_ ? view.rev.to_string() : std::string(), view.body, {});
        return seen < kReplySliceRows && !enough();
      }));
      for (const std::string& id : later) look_at_whole(id);
      if (seen < kReplySliceRows) return ok();
      range.start = last + '\0';
    }
    return ok();
  }

  void look_at_whole(const std::string& id) {
    const auto document = store_.get(id);
    if (!document) return;
    look(id, document->rev.to_string(), document->body, attachment_stubs(*document));
  }

  void look(std::string_view id, const std::string& rev, std::string_view body,
            std::string_view attachments) {
    const query::DocumentView view{id, rev, false, body, attachments};
    if (!options_.selector->matches(view)) return;
    if (partial_ && !partial_->matches(view)) return;
    Hit hit;
    hit.id = std::string(id);
    if (choice_.index.all_docs()) {
      hit.key = hit.id;
    } else {
      for (const query::FieldPath& path : paths_) {
        const bool is_id = path.text() == "_id";
        const auto value = is_id ? std::nullopt : path.find(query::JsonView(body));
        if (!is_id && !value) return;  // what lacks a field is not in the index
        if (is_id)
          query::encode_key(query::JsonView(json::quoted(id)), hit.key);
        else
          query::encode_key(*value, hit.key);
      }
      hit.key += hit.id;
    }
    hits_.push_back(std::move(hit));
  }

  // --- showing

  Result<std::string> show() {
    std::string out;
    ShowOptions show;
    show.conflicts = options_.conflicts;
    for (const Hit& hit : hits_) {
      const auto document = store_.get(hit.id, get_options(show));
      if (!by_store_) last_key_ = hit.key;
      if (!document) continue;  // deleted meanwhile
      Pieces pieces;
      show_document(pieces, *document, show, store_);
      ATELIER_TRY(text, pieces.collect(store_, kRequestBodyBytesMax));
      out += shown_++ == 0 ? "\n" : ",\n";
      out += options_.fields.empty() ? text : project_fields(text, options_.fields);
      if (out.size() > kFindBytesMax)
        return Error{ErrorCode::kTooLarge, "The answer is too large: ask for fewer documents."};
    }
    return out;
  }

  // --- bookmarks: the place of the last document, in hex behind the kind of its order; or the
  // store's own bookmark behind an `s`

  std::string bookmark() const {
    if (shown_ == 0) return options_.bookmark.empty() ? "nil" : options_.bookmark;
    if (by_store_) return "s" + last_key_;
    return (choice_.index.all_docs() ? "i" : "k") + hex(last_key_);
  }

  Status read_bookmark() {
    // One that was given while the index was built is a place among documents that are read.
    by_store_ = indexed_ && !options_.bookmark.starts_with('k');
    if (options_.bookmark.empty()) return ok();
    if (by_store_) {
      if (options_.bookmark.front() != 's' || options_.bookmark.size() == 1)
        return invalid("Invalid bookmark value: " + options_.bookmark);
      after_ = options_.bookmark.substr(1);
      return ok();
    }
    const char kind = choice_.index.all_docs() ? 'i' : 'k';
    const auto key = options_.bookmark.front() == kind
                         ? unhex(std::string_view(options_.bookmark).substr(1))
                         : std::nullopt;
    if (!key) return invalid("Invalid bookmark value: " + options_.bookmark);
    after_ = *key;
    return ok();
  }

  const Store& store_;
  const FindOptions& options_;
  const IndexChoice& choice_;
  const bool indexed_;
  bool by_store_ = false;
  std::uint64_t keys_examined_ = 0;
  std::vector<query::FieldPath> paths_;
  std::optional<query::Selector> partial_;
  bool needs_attachments_ = false, needs_rev_ = false;
  std::vector<Hit> hits_;
  std::string after_, last_key_;
  std::size_t examined_ = 0, shown_ = 0;
};

/// `whole`: the store when the client may see all of it; else null, for a place in an index would
/// tell of what is hidden.
Response find(const Store& store, Store* whole, const FindOptions& options,
              bool partitioned_database) {
  const auto indexes = read_indexes(store, partitioned_database);
  if (!indexes) return error_reply(indexes.error());
  if (whole) keep_store_indexes(*whole, *indexes);
  const auto choice =
      choose_index(*indexes, *options.selector, wish_of(options, partitioned_database));
  if (!choice) return find_failure(choice.error());
  if (!options.fallback && choice->warning.ends_with("valid index for this query."))
    return error_reply(400, "no_usable_index", choice->warning);
  const bool indexed =
      whole && !choice->index.all_docs() && is_store_index_ready(*whole, choice->index);
  const auto found = Finder(store, options, *choice, indexed).run();
  return found ? json_reply(200, *found) : find_failure(found.error());
}

// --- explaining

/// One end of the range of an index that a query reads, as _explain shows it.
std::string key_text(const FindIndex& index, const query::Selector& selector, bool low) {
  std::string out = "[";
  for (const std::string& field : index.fields) {
    const query::FieldBounds bounds = selector.bounds(field);
    if (!bounds.is_range()) break;
    if (out.size() > 1) out += ',';
    std::size_t at = 0;
    const std::string& bytes = low ? bounds.lower : bounds.upper.value_or("");
    const auto value = bounds.equal    ? Result<std::string>(*bounds.equal)
                       : bytes.empty() ? Result<std::string>(low ? "null" : "\"<MAX>\"")
                                       : query::decode_key(bytes, at);
    out += value ? *value : low ? "null" : "\"<MAX>\"";
    if (!bounds.equal) return out + ']';
  }
  return out + (low ? "]" : out.size() > 1 ? ",\"<MAX>\"]" : "\"<MAX>\"]");
}

std::string fields_text(const FindOptions& options) {
  std::string out = "[";
  for (const std::string& field : options.fields)
    out += (out.size() > 1 ? "," : "") + json::quoted(field);
  return out + ']';
}

std::string options_text(const FindOptions& options) {
  json::Writer out;
  out.begin_object().key("use_index").raw(options.use_index);
  out.key("bookmark").string(options.bookmark.empty() ? "nil" : options.bookmark);
  out.key("limit").integer(static_cast<std::int64_t>(options.limit));
  out.key("skip").integer(static_cast<std::int64_t>(options.skip));
  out.key("sort").raw(options.sort_text).key("fields").raw(fields_text(options));
  out.key("partition").string(options.partition);
  out.key("r").integer(static_cast<std::int64_t>(options.quorum));
  out.key("conflicts").boolean(options.conflicts).key("stale").boolean(false);
  out.key("update").boolean(options.update).key("stable").boolean(options.stable);
  out.key("execution_stats").boolean(options.stats);
  out.key("allow_fallback").boolean(options.fallback).end_object();
  return out.take();
}

std::string candidates_text(const IndexChoice& choice) {
  json::Writer out;
  out.begin_array();
  for (const auto& [index, why] : choice.others) {
    const bool usable = why == "unfavored_type" || why == "less_overlap" || why == "is_partial";
    out.begin_object().key("index").raw(index.listed()).key("analysis").begin_object();
    out.key("usable").boolean(usable).key("reasons").begin_array().begin_object();
    out.key("name").string(why).end_object().end_array().key("ranking").integer(usable ? 1 : 2);
    out.key("covering").raw(index.all_docs() ? "null" : "false").end_object().end_object();
  }
  out.end_array();
  return out.take();
}

Response explain(const Store& store, const std::string& name, const FindOptions& options,
                 bool partitioned_database) {
  const auto indexes = read_indexes(store, partitioned_database);
  if (!indexes) return error_reply(indexes.error());
  const auto choice =
      choose_index(*indexes, *options.selector, wish_of(options, partitioned_database));
  if (!choice) return find_failure(choice.error());
  const FindIndex& index = choice->index;
  json::Writer out;
  out.begin_object().key("dbname").string(name).key("index").raw(index.listed());
  out.key("partitioned").boolean(!options.partition.empty());
  out.key("selector").raw(options.selector_text).key("opts").raw(options_text(options));
  out.key("limit").integer(static_cast<std::int64_t>(options.limit));
  out.key("skip").integer(static_cast<std::int64_t>(options.skip));
  out.key("fields").raw(fields_text(options));
  out.key("index_candidates").raw(candidates_text(*choice));
  out.key("selector_hints").begin_array().begin_object().key("type").string("json");
  out.key("indexable_fields").begin_array();
  std::vector<std::string> others;
  for (const std::string& field : options.selector->fields()) {
    if (options.selector->bounds(field).is_range())
      out.string(field);
    else
      others.push_back(field);
  }
  out.end_array().key("unindexable_fields").begin_array();
  for (const std::string& field : others) out.string(field);
  out.end_array().end_object().end_array();
  const bool down = options.sort.descending;
  const std::string low = index.all_docs() ? "null" : key_text(index, *options.selector, true);
  const std::string high =
      index.all_docs() ? "\"<MAX>\"" : key_text(index, *options.selector, false);
  out.key("mrargs").begin_object().key("include_docs").boolean(true);
  out.key("view_type").string("map").key("reduce").boolean(false).key("partition");
  if (options.partition.empty())
    out.null();
  else
    out.string(options.partition);
  out.key("start_key").raw(down ? high : low).key("end_key").raw(down ? low : high);
  out.key("direction").string(down ? "rev" : "fwd").key("stable").boolean(options.stable);
  out.key("update").boolean(options.update).key("conflicts");
  out.raw(options.conflicts ? "true" : "\"undefined\"").end_object();
  out.key("covering").boolean(false).end_object();
  return json_reply(200, out.take());
}

void serve_find(const Call& call, const std::string& partition, bool explains) {
  auto options = parse_find(call, partition);
  if (!options) return call.respond(find_failure(options.error()));
  const auto whole =
      call.guard && call.guard->restricted() ? std::shared_ptr<Store>() : call.database->store();
  call.respond_later([database = call.database, store = call.shared_store(), whole,
                      options = std::move(*options), explains] {
    return explains ? explain(*store, database->name(), options, database->partitioned())
                    : find(*store, whole.get(), options, database->partitioned());
  });
}

// --- indexes

Response index_made(std::string_view result, const FindIndex& index) {
  json::Writer out;
  out.begin_object().key("result").string(result).key("id").string(index.ddoc);
  out.key("name").string(index.name).end_object();
  return json_reply(200, out.take());
}

/// Writes a design document of indexes; nullopt deletes it.
Result<RevId> write_design(Store& store, const std::string& id, const std::optional<RevId>& parent,
                           std::optional<std::string> body) {
  DocumentWrite write;
  write.id = id;
  write.parent = parent;
  write.deleted = !body;
  if (body) {
    ATELIER_TRY(normal, json::normalize(*body));
    write.body = std::move(normal);
  }
  write.body_is_normal = true;
  return store.write_one(std::move(write));
}

Response make_index(Store& store, const FindIndex& index, bool partitioned_database) {
  const auto old = store.get(index.ddoc);
  if (!old && old.error().code != ErrorCode::kNotFound) return error_reply(old.error());
  std::string body = "{}";
  std::optional<RevId> parent;
  if (old) {
    parent = old->rev;
    body = old->body;
    if (json::string_member(body, "language").value_or("query") != "query")
      return error_reply(400, "invalid_ddoc_lang",
                         "Design document " + index.ddoc + " is not of language \"query\".");
    for (const FindIndex& known : indexes_of(index.ddoc, body, partitioned_database))
      if (known.name == index.name && known.definition() == index.definition() &&
          known.partitioned == index.partitioned)
        return index_made("exists", index);
  }
  const auto written = write_design(store, index.ddoc, parent, with_index(body, index));
  if (!written) return error_reply(written.error());
  // Now, and not with the first question, so that it is there by then.
  if (const auto all = read_indexes(store, partitioned_database)) keep_store_indexes(store, *all);
  return index_made("created", index);
}

void post_index(const Call& call) {
  if (!call.database_admin()) return call.respond(error_reply(not_a_database_admin(call)));
  const auto body = json_object_body(*call.request);
  if (!body) return call.respond(error_reply(body.error()));
  auto index = parse_index(*body, call.database->partitioned());
  if (!index) return call.respond(find_failure(index.error()));
  call.respond_later([database = call.database, index = std::move(*index)] {
    return make_index(*database->store(), index, database->partitioned());
  });
}

void get_indexes(const Call& call) {
  const auto indexes = read_indexes(call.store(), call.database->partitioned());
  if (!indexes) return call.respond(error_reply(indexes.error()));
  std::string out = "{\"total_rows\":" + std::to_string(indexes->size()) + ",\"indexes\":[";
  for (std::size_t i = 0; i < indexes->size(); ++i)
    out += (i == 0 ? "" : ",") + (*indexes)[i].listed();
  call.respond(json_reply(200, out + "]}"));
}

Response remove_index(Store& store, const std::string& ddoc, const std::string& name,
                      bool partitioned_database) {
  const auto old = store.get(ddoc);
  if (!old) return missing();
  const auto known = indexes_of(ddoc, old->body, partitioned_database);
  if (std::none_of(known.begin(), known.end(),
                   [&](const FindIndex& index) { return index.name == name; }))
    return missing();
  const auto written = write_design(store, ddoc, old->rev, without_index(old->body, name));
  return written ? ok_reply() : error_reply(written.error());
}

/// DELETE /db/_index/_design/ddoc/json/name, the "_design" left out at will.
void delete_index(const Call& call) {
  if (!call.database_admin()) return call.respond(error_reply(not_a_database_admin(call)));
  std::vector<std::string> rest(call.request->segments.begin() + 2, call.request->segments.end());
  if (!rest.empty() && rest[0] == "_design") rest.erase(rest.begin());
  if (rest.size() != 3 || rest[1] != "json") return call.respond(missing());
  const std::string ddoc = rest[0].starts_with("_design/") ? rest[0] : "_design/" + rest[0];
  call.respond_later([database = call.database, ddoc, name = rest[2]] {
    return remove_index(*database->store(), ddoc, name, database->partitioned());
  });
}

void delete_indexes(const Call& call) {
  if (!call.database_admin()) return call.respond(error_reply(not_a_database_admin(call)));
  const auto body = json_object_body(*call.request);
  if (!body) return call.respond(error_reply(body.error()));
  const auto list = json::member(*body, "docids");
  if (!list || json::kind_of(*list) != json::Kind::kArray)
    return call.respond(bad_request("`docids` must be a list of design documents' ids."));
  std::vector<std::string> ids;
  json::for_each_element(*list, [&](std::string_view element) {
    ids.push_back(json::string_value(element).value_or(""));
    if (!ids.back().starts_with("_design/")) ids.back().insert(0, "_design/");
    return true;
  });
  call.respond_later([store = call.database->store(), ids] {
    std::string done, failed;
    for (const std::string& id : ids) {
      const auto old = store->get(id);
      const bool is_index = old && json::string_member(old->body, "language") == "query";
      const auto removed = is_index ? write_design(*store, id, old->rev, std::nullopt)
                                    : Result<RevId>(not_found("missing"));
      std::string& to = removed ? done : failed;
      if (!to.empty()) to += ',';
      to +=
          "{\"id\":" + json::quoted(id) +
          (removed ? ",\"ok\":true}" : ",\"error\":" + json::quoted(removed.error().message) + '}');
    }
    return json_reply(200, "{\"success\":[" + done + "],\"fail\":[" + failed + "]}");
  });
}

}  // namespace

void post_find(const Call& call) {
  serve_find(call, {}, false);
}
void post_explain(const Call& call) {
  serve_find(call, {}, true);
}
void post_partition_find(const Call& call, const std::string& partition) {
  serve_find(call, partition, false);
}
void post_partition_explain(const Call& call, const std::string& partition) {
  serve_find(call, partition, true);
}

void serve_index(const Call& call) {
  const std::vector<std::string>& segments = call.request->segments;
  if (call.request->method == "DELETE") return delete_index(call);
  if (segments.size() == 3 && segments[2] == "_bulk_delete" && call.request->method == "POST")
    return delete_indexes(call);
  if (segments.size() != 2) return call.respond(missing());
  if (call.request->method == "POST") return post_index(call);
  get_indexes(call);
}

}  // namespace atelier::server
