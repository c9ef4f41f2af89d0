#include "server/guarded_store.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"

namespace atelier::server {

namespace {

constexpr std::size_t kSequenceBytes = 16;  // a number and the name of its lineage, 8 bytes each
constexpr std::size_t kSealBytes = 8;
constexpr std::size_t kAncestorsAsked = 3;  // for the author of a tombstone that names none
constexpr std::string_view kOwnLocalPrefix = "atelier-";
constexpr std::size_t kLastSeenRows[] = {64, 4'096, 65'536};  // looked at from the end

std::string bytes_of(const Sha256& digest, std::size_t count) {
  return {reinterpret_cast<const char*>(digest.data()), count};
}

std::string xor_with(std::string text, std::string_view stream) {
  for (std::size_t i = 0; i < text.size(); ++i)
    text[i] = static_cast<char>(text[i] ^ stream[i % stream.size()]);
  return text;
}

/// `object` with `value` (JSON) put at the path, where nothing is. Nothing when a scalar is in the
/// way.
std::optional<std::string> with_value(std::string_view object, const query::FieldPath& path,
                                      std::size_t at, std::string_view value) {
  if (json::kind_of(object) != json::Kind::kObject) return std::nullopt;
  const query::FieldPath::Segment& segment = path.segments()[at];
  const bool last = at + 1 == path.segments().size();
  const auto inner = query::JsonView(object).member(segment.name);
  if (!inner) {
    std::string out(object.substr(0, object.size() - 1));
    if (out.size() > 1) out += ',';
    out += '"' + segment.raw + "\":";
    const auto made = last ? std::optional(std::string(value)) : with_value("{}", path, at + 1, value);
    return made ? std::optional(out + *made + '}') : std::nullopt;
  }
  if (last) return std::nullopt;
  const auto made = with_value(inner->text(), path, at + 1, value);
  if (!made) return std::nullopt;
  const auto begin = static_cast<std::size_t>(inner->text().data() - object.data());
  std::string out(object);
  return out.replace(begin, inner->text().size(), *made);
}

/// `object` without what is at the path.
std::string without_value(std::string_view object, const query::FieldPath& path, std::size_t at) {
  std::string out = "{";
  for (const query::JsonMember& member : query::JsonView(object).members()) {
    const bool meant = member.name_is(path.segments()[at].name);
    if (meant && at + 1 == path.segments().size()) continue;
    if (out.size() > 1) out += ',';
    out += '"' + std::string(member.raw_name) + "\":";
    out += meant && member.value.is_object() ? without_value(member.value.text(), path, at + 1)
                                             : std::string(member.value.text());
  }
  return out + '}';
}

std::vector<RevId> sorted(std::span<const RevId> revs) {
  std::vector<RevId> out(revs.begin(), revs.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace

GuardedStore::GuardedStore(std::shared_ptr<Store> store, std::shared_ptr<RoomGate> gate,
                           std::shared_ptr<const WriteUser> user)
    : store_(std::move(store)),
      gate_(std::move(gate)),
      user_(std::move(user)),
      terms_(gate_->terms()) {
  admin_ = std::find(user_->roles.begin(), user_->roles.end(), "_admin") != user_->roles.end();
  const bool carries = user_->carries && !terms_->ended;
  restricted_ = terms_->restricts_reading && !carries && !admin_;
  if (!restricted_) return;
  std::string text = terms_->rules_digest + '\n' + user_->name + '\n';
  std::vector<std::string> roles = user_->roles;
  std::sort(roles.begin(), roles.end());
  for (const std::string& role : roles) text += role + '\n';
  view_ = hex(sha256(text));
  key_ = bytes_of(hmac_sha256(gate_->secret(), "sequence " + view_), 32);
  local_prefix_ = local_prefix(user_->name);
}

std::string GuardedStore::local_prefix(std::string_view name) {
  return '~' + hex(sha256(name)).substr(0, 16) + '~';
}

// --- who sees what

std::optional<bool> GuardedStore::sees_by_id(std::string_view id) const {
  if (!restricted_) return true;
  if (terms_->reading_needs_body(id)) return std::nullopt;
  query::DocumentView view;
  view.id = id;
  return terms_->may_read(view, *user_);
}

bool GuardedStore::sees_body(std::string_view id, bool deleted, std::string_view body) const {
  if (!restricted_) return true;
  query::DocumentView view;
  view.id = id;
  view.deleted = deleted;
  view.body = body;
  return terms_->may_read(view, *user_);
}

/// A tombstone that names no author is that of the newest ancestor whose body is kept.
bool GuardedStore::sees_revision(std::string_view id, const RevId& rev, bool deleted,
                                 std::string_view body) const {
  if (sees_body(id, deleted, body)) return true;
  if (!deleted || sees_by_id(id)) return false;
  const query::FieldPath* field = terms_->author_field(id);
  if (field == nullptr || field->find(query::JsonView(body))) return false;
  const auto tree = store_->tree(id);
  const std::int32_t node = tree ? tree->find(rev) : -1;
  if (node < 0) return false;
  const std::vector<RevId> path = tree->path(node);
  for (std::size_t i = 1; i < path.size() && i <= kAncestorsAsked; ++i) {
    GetOptions options;
    options.rev = path[i];
    const auto ancestor = store_->get(id, options);
    if (ancestor) return sees_body(id, ancestor->deleted, ancestor->body);
  }
  return false;
}

std::string GuardedStore::author_of(std::string_view id, const RevId& rev) const {
  const query::FieldPath* field = terms_->author_field(id);
  if (field == nullptr) return {};
  const auto tree = store_->tree(id);
  const std::int32_t node = tree ? tree->find(rev) : -1;
  if (node < 0) return {};
  const std::vector<RevId> path = tree->path(node);
  for (std::size_t i = 0; i < path.size() && i <= kAncestorsAsked; ++i) {
    GetOptions options;
    options.rev = path[i];
    const auto one = store_->get(id, options);
    if (!one) continue;
    const auto author = field->find(query::JsonView(one->body));
    if (author && author->is_string()) return author->string_copy();
    if (!one->deleted) return {};
  }
  return {};
}

bool GuardedStore::sees_winner(std::string_view id) const {
  if (const auto known = sees_by_id(id)) return *known;
  const auto document = store_->get(id);
  if (document) return sees_body(id, false, document->body);
  if (document.error().code != ErrorCode::kNotFound) return false;
  const auto tree = store_->tree(id);
  const std::int32_t winner = tree ? tree->winner() : -1;
  if (winner < 0) return true;  // it is not there for anybody
  GetOptions options;
  options.rev = tree->node(winner).rev;
  const auto tombstone = store_->get(id, options);
  return tombstone && sees_revision(id, tombstone->rev, tombstone->deleted, tombstone->body);
}

bool GuardedStore::sees(std::string_view id) const { return sees_winner(id); }

bool GuardedStore::sees(ChangeRow& row) const {
  if (const auto known = sees_by_id(row.id)) return *known;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < row.leaves.size(); ++i) {
    GetOptions options;
    options.rev = row.leaves[i];
    const auto leaf = store_->get(row.id, options);
    const bool seen = leaf && sees_revision(row.id, leaf->rev, leaf->deleted, leaf->body);
    if (i == 0 && !seen) return false;
    if (seen) row.leaves[kept++] = row.leaves[i];
  }
  row.leaves.resize(kept);
  return kept != 0;
}

std::uint64_t GuardedStore::last_seen() const {
  if (!restricted_) return store_->last_sequence();
  for (const std::size_t limit : kLastSeenRows) {
    std::vector<ChangeRow> rows;
    const Status read = store_->changes_descending(limit, [&](const ChangeRow& row) {
      rows.push_back(row);
      return true;
    });
    if (!read) return 0;
    for (ChangeRow& row : rows)
      if (sees(row)) return row.sequence;
    if (rows.size() < limit) return 0;
  }
  return 0;
}

// --- writing

void GuardedStore::sign(DocumentWrite& write) const {
  if (!write.history.empty()) return;  // a given revision: its body stays as it is
  const query::FieldPath* field = terms_->author_field(write.id);
  if (field == nullptr) return;
  if (!write.body_is_normal) {
    auto normal = json::normalize(write.body);
    if (!normal) return;  // the store says what is wrong
    write.body = std::move(*normal);
    write.body_is_normal = true;
  }
  if (field->find(query::JsonView(write.body))) return;
  std::string author;
  if (write.parent) {
    GetOptions options;
    options.rev = write.parent;
    const auto old = store_->get(write.id, options);
    const auto before = old ? field->find(query::JsonView(old->body)) : std::nullopt;
    if (before) author = std::string(before->text());
    if (old && !old->deleted && author.empty()) return;  // it has none, and gets none
  }
  if (author.empty() && (write.deleted || user_->name.empty())) return;
  if (author.empty()) author = json::quoted(user_->name);
  if (auto signed_body = with_value(write.body, *field, 0, author))
    write.body = std::move(*signed_body);
}

void GuardedStore::forget_author(DocumentWrite& write) const {
  if (const query::FieldPath* field = terms_->author_field(write.id))
    write.body = without_value(write.body, *field, 0);
}

/// What a write to a document that this client does not see is answered with: as if it was not
/// there, as far as that can be.
std::optional<Error> GuardedStore::refuse_hidden(const DocumentWrite& write) const {
  if (!restricted_ || sees_winner(write.id)) return std::nullopt;
  const Error conflict{ErrorCode::kConflict, "Document update conflict."};
  if (write.history.empty() && write.parent) return conflict;
  ProposedRevision proposed;
  proposed.id = write.id;
  proposed.deleted = write.deleted;
  proposed.replicated = !write.history.empty();
  if (proposed.replicated) proposed.rev = write.history.front();
  proposed.body = write.body;
  proposed.user = user_.get();
  if (const Status as_new = gate_->judge(proposed); !as_new) return as_new.error();
  if (!write.history.empty()) return std::nullopt;
  const bool is_there = store_->get(write.id).has_value();
  return is_there ? std::optional(conflict) : std::nullopt;
}

void GuardedStore::write_async(std::vector<DocumentWrite> documents, const WriteOptions& options,
                               Done done) {
  WriteOptions named = options;
  named.user = user_;
  for (DocumentWrite& write : documents) sign(write);
  if (!restricted_) return store_->write_async(std::move(documents), named, std::move(done));

  auto results = std::make_shared<std::vector<WriteResult>>(documents.size());
  std::vector<DocumentWrite> passed;
  std::vector<std::size_t> places;
  std::vector<bool> hidden;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    if (auto refused = refuse_hidden(documents[i])) {
      (*results)[i].rev = std::move(*refused);
      continue;
    }
    places.push_back(i);
    hidden.push_back(!documents[i].history.empty() && !sees_winner(documents[i].id));
    passed.push_back(std::move(documents[i]));
  }
  if (passed.empty()) return done(std::move(*results));
  store_->write_async(
      std::move(passed), named,
      [results, places = std::move(places), hidden = std::move(hidden),
       done = std::move(done)](std::vector<WriteResult> written) {
        for (std::size_t i = 0; i < written.size(); ++i) {
          // Which rule refused a change of what is hidden would tell that it is there.
          if (hidden[i] && !written[i].rev)
            written[i].rev = Error{ErrorCode::kForbidden, "You may not write this document."};
          (*results)[places[i]] = std::move(written[i]);
        }
        done(std::move(*results));
      });
}

std::vector<WriteResult> GuardedStore::write(std::vector<DocumentWrite> documents,
                                             const WriteOptions& options) {
  WriteOptions named = options;
  named.user = user_;
  std::vector<WriteResult> results(documents.size());
  std::vector<DocumentWrite> passed;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    sign(documents[i]);
    if (auto refused = refuse_hidden(documents[i])) {
      results[i].rev = std::move(*refused);
      continue;
    }
    places.push_back(i);
    passed.push_back(std::move(documents[i]));
  }
  std::vector<WriteResult> written = store_->write(std::move(passed), named);
  for (std::size_t i = 0; i < written.size() && i < places.size(); ++i)
    results[places[i]] = std::move(written[i]);
  return results;
}

// --- reading documents

Result<Document> GuardedStore::get(std::string_view id, const GetOptions& options) const {
  if (!restricted_) return store_->get(id, options);
  if (!sees_winner(id)) return not_found("missing");
  auto document = store_->get(id, options);
  if (document) document->sequence = 0;  // a number that counts what is hidden as well
  if (!document || sees_by_id(id)) return document;
  if (!sees_revision(id, document->rev, document->deleted, document->body))
    return not_found("missing");
  const auto unseen = [&](const RevId& rev) {
    GetOptions one;
    one.rev = rev;
    const auto leaf = store_->get(id, one);
    return !leaf || !sees_revision(id, leaf->rev, leaf->deleted, leaf->body);
  };
  std::erase_if(document->conflicts, unseen);
  std::erase_if(document->deleted_conflicts, unseen);
  return document;
}

std::vector<Result<Document>> GuardedStore::open_revs(std::string_view id,
                                                      std::span<const RevId> revs,
                                                      bool latest) const {
  if (restricted_ && !sees_winner(id))
    return std::vector<Result<Document>>(revs.size(), not_found("missing"));
  auto found = store_->open_revs(id, revs, latest);
  if (!restricted_) return found;
  for (Result<Document>& one : found)
    if (one) one->sequence = 0;
  if (sees_by_id(id)) return found;
  const bool in_order = !revs.empty() && !latest;
  std::vector<Result<Document>> out;
  for (Result<Document>& one : found) {
    if (!one || sees_revision(id, one->rev, one->deleted, one->body))
      out.push_back(std::move(one));
    else if (in_order)
      out.push_back(not_found("missing"));
  }
  return out;
}

Result<RevTree> GuardedStore::tree(std::string_view id) const {
  if (!sees_winner(id)) return not_found("missing");
  return store_->tree(id);
}

Result<RevsDiff> GuardedStore::revs_diff(std::string_view id, std::span<const RevId> revs) const {
  if (sees_winner(id)) return store_->revs_diff(id, revs);
  RevsDiff diff;
  diff.missing = sorted(revs);
  return diff;
}

// The store is not asked while it scans, so that of tombstones without an author none is seen here.
Status GuardedStore::scan(const ScanOptions& options,
                          const std::function<bool(const DocumentView&)>& fn) const {
  if (!restricted_) return store_->scan(options, fn);
  ScanOptions all = options;
  all.skip = 0;
  all.limit = SIZE_MAX;
  all.bodies = true;
  std::size_t skip = options.skip, left = options.limit;
  std::string unseen;  // the last document whose winner is not seen
  if (left == 0) return ok();
  return store_->scan(all, [&](const DocumentView& view) {
    if (!view.winner && view.id == unseen) return true;
    const auto known = sees_by_id(view.id);
    if (!(known ? *known : !view.evicted && sees_body(view.id, view.deleted, view.body))) {
      if (view.winner) unseen = std::string(view.id);
      return true;
    }
    if (skip != 0) {
      --skip;
      return true;
    }
    return fn(view) && --left != 0;
  });
}

Result<std::uint64_t> GuardedStore::count(const ScanOptions& options) const {
  if (!restricted_) return store_->count(options);
  std::uint64_t count = 0;
  ATELIER_CHECK(scan(options, [&](const DocumentView&) {
    ++count;
    return true;
  }));
  return count;
}

// --- the feed

Status GuardedStore::changes(std::uint64_t since, std::size_t limit,
                             const std::function<bool(const ChangeRow&)>& fn) const {
  if (!restricted_) return store_->changes(since, limit, fn);
  while (limit != 0) {
    std::vector<ChangeRow> rows;
    ATELIER_CHECK(store_->changes(since, kReplySliceRows, [&](const ChangeRow& row) {
      rows.push_back(row);
      return true;
    }));
    for (ChangeRow& row : rows) {
      since = row.sequence;
      if (!sees(row)) continue;
      if (!fn(row) || --limit == 0) return ok();
    }
    if (rows.size() < kReplySliceRows) return ok();
  }
  return ok();
}

Status GuardedStore::changes_descending(std::size_t limit,
                                        const std::function<bool(const ChangeRow&)>& fn) const {
  if (!restricted_) return store_->changes_descending(limit, fn);
  std::vector<ChangeRow> rows;
  ATELIER_CHECK(store_->changes_descending(SIZE_MAX, [&](const ChangeRow& row) {
    rows.push_back(row);
    return true;
  }));
  for (ChangeRow& row : rows) {
    if (limit == 0) break;
    if (!sees(row)) continue;
    if (!fn(row)) break;
    --limit;
  }
  return ok();
}

Result<ChangeBatch> GuardedStore::read_changes(const ChangeFilter& filter) const {
  ATELIER_TRY(batch, store_->read_changes(filter));
  if (restricted_) std::erase_if(batch.rows, [&](ChangeRow& row) { return !sees(row); });
  return batch;
}

// A synthetic nonce: the seal is a digest of what is sealed, so that one sequence has one text, and
// another text than those made here opens to nothing.
std::string GuardedStore::sequence_text(std::uint64_t sequence) const {
  if (!restricted_) return store_->sequence_text(sequence);
  // Routes that show the last one of all mean the last one that there is for their client.
  if (sequence >= store_->last_sequence()) sequence = last_seen();
  const std::string plain = store_->sequence_text(sequence);
  const std::size_t dash = plain.find('-');
  const auto lineage = unhex(std::string_view(plain).substr(dash + 1));
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(sequence >> (56 - 8 * i));
  bytes += lineage.value_or("");
  const std::string seal = bytes_of(hmac_sha256(key_, "seal " + bytes), kSealBytes);
  const std::string stream = bytes_of(hmac_sha256(key_, "open " + seal), 32);
  return "1-" + hex(seal + xor_with(bytes, stream));
}

Result<std::uint64_t> GuardedStore::parse_sequence(std::string_view text) const {
  if (!restricted_) return store_->parse_sequence(text);
  std::string_view bare = text;
  if (bare.size() >= 2 && bare.front() == '"' && bare.back() == '"')
    bare = bare.substr(1, bare.size() - 2);
  if (bare == "now") return last_seen();
  ATELIER_TRY(plain, store_->parse_sequence(text));  // says what is no sequence at all
  static_cast<void>(plain);
  if (!bare.starts_with("1-")) return 0;
  const auto bytes = unhex(bare.substr(2));
  if (!bytes || bytes->size() != kSealBytes + kSequenceBytes) return 0;
  const std::string seal = bytes->substr(0, kSealBytes);
  const std::string opened =
      xor_with(bytes->substr(kSealBytes), bytes_of(hmac_sha256(key_, "open " + seal), 32));
  if (!equal_constant_time(seal, bytes_of(hmac_sha256(key_, "seal " + opened), kSealBytes)))
    return 0;
  std::uint64_t sequence = 0;
  for (std::size_t i = 0; i < 8; ++i)
    sequence = sequence << 8 | static_cast<unsigned char>(opened[i]);
  return store_->parse_sequence(std::to_string(sequence) + "-" + hex(opened.substr(8)));
}

// --- local documents

std::string GuardedStore::local_id(std::string_view id) const {
  return local_prefix_ + std::string(id);
}

/// What this program keeps for itself says what others wrote.
bool GuardedStore::is_hidden_local(std::string_view id) const {
  return !admin_ && !restricted_ && id.starts_with(kOwnLocalPrefix);
}

Result<Store::LocalDocument> GuardedStore::get_local(std::string_view id) const {
  if (is_hidden_local(id)) return not_found("missing");
  auto document = store_->get_local(local_id(id));
  if (document) document->id = std::string(id);
  return document;
}

Result<std::uint64_t> GuardedStore::put_local(std::string_view id, std::string_view body,
                                              std::uint64_t parent_rev) {
  if (is_hidden_local(id))
    return Error{ErrorCode::kForbidden, "Local documents of this name are the server's own."};
  return store_->put_local(local_id(id), body, parent_rev);
}

Status GuardedStore::remove_local(std::string_view id) {
  if (is_hidden_local(id)) return not_found("missing");
  return store_->remove_local(local_id(id));
}

std::vector<Store::LocalDocument> GuardedStore::list_locals() const {
  std::vector<LocalDocument> documents = store_->list_locals();
  if (!restricted_) {
    std::erase_if(documents, [&](const LocalDocument& one) { return is_hidden_local(one.id); });
    return documents;
  }
  std::erase_if(documents,
                [&](const LocalDocument& one) { return !one.id.starts_with(local_prefix_); });
  for (LocalDocument& one : documents) one.id.erase(0, local_prefix_.size());
  return documents;
}

// --- questions

Result<FindAnswer> GuardedStore::find(const FindQuery& query,
                                      const std::function<bool(Document&)>& fn) const {
  if (!restricted_) return store_->find(query, fn);
  FindQuery all = query;
  all.skip = 0;
  all.limit = SIZE_MAX;
  std::size_t skip = query.skip, left = query.limit;
  std::uint64_t results = 0;
  if (left == 0) all.limit = 0;
  auto answer = store_->find(all, [&](Document& document) {
    if (!sees_body(document.id, document.deleted, document.body)) return true;
    if (skip != 0) {
      --skip;
      return true;
    }
    ++results;
    return fn(document) && --left != 0;
  });
  if (!answer) return answer;
  // How much was looked at would tell how much is hidden.
  answer->results = answer->docs_examined = results;
  answer->keys_examined = answer->plan.way == FindPlan::Way::kIndex ? results : 0;
  return answer;
}

Result<FindAnswer> GuardedStore::count_matches(const FindQuery& query) const {
  if (!restricted_) return store_->count_matches(query);
  return find(query, [](Document&) { return true; });
}

Result<SearchAnswer> GuardedStore::search(const SearchQuery& query) const {
  ATELIER_TRY(answer, store_->search(query));
  if (!restricted_) return answer;
  std::erase_if(answer.hits, [&](const SearchHit& hit) {
    return !sees_body(hit.document.id, hit.document.deleted, hit.document.body);
  });
  answer.postings_examined = answer.hits.size();
  return answer;
}

// --- numbers

RoomGate::Counts GuardedStore::counts() const {
  const std::uint64_t sequence = store_->last_sequence();
  if (const auto known = gate_->counts(view_, sequence)) return *known;
  RoomGate::Counts counts;
  counts.sequence = sequence;
  ScanOptions all;
  all.deleted = true;
  (void)scan(all, [&](const DocumentView& view) {
    ++(view.deleted ? counts.deleted : counts.live);
    return true;
  });
  gate_->keep_counts(view_, counts);
  return counts;
}

StoreInfo GuardedStore::info() const {
  StoreInfo info = store_->info();
  if (!restricted_) return info;
  const RoomGate::Counts seen = counts();
  info.doc_count = seen.live;
  info.doc_del_count = seen.deleted;
  info.last_sequence = last_seen();
  info.purge_sequence = 0;
  info.file_bytes = info.live_bytes = 0;
  return info;
}

}  // namespace atelier::server
