// One direction: read, ask, fetch, write, record. Thread rule: replicator.h.
#include <algorithm>
#include <chrono>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/digest.h"
#include "base/json_text.h"
#include "replication/echo_filter.h"
#include "replication/replicator.h"

namespace atelier {
namespace {

constexpr int kTombstonesTriedMax = 100;  // on one leaf: more were never forgotten of a document
constexpr int kOnceTriesMax = 4;  // passing errors of replicate_once() in a row

bool is_design(std::string_view id) {
  return id.starts_with("_design/");
}

bool is_denial(ErrorCode code) {
  return code == ErrorCode::kForbidden || code == ErrorCode::kUnauthorized;
}

bool is_passing(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kTimeout ||
         code == ErrorCode::kRateLimited;
}

std::string digest_name(const std::string& text) {
  return hex(sha256(text)).substr(0, 32);
}

bool is_on_top(const Checkpoint& common, const Checkpoint& held) {
  return !common.history.empty() && !held.history.empty() &&
         common.history.front().session_id == held.history.front().session_id;
}

/// Whether a leaf that was asked for with its descendants is a tombstone, or no leaf any more.
bool is_past(const WireDocument& document, const RevId& leaf) {
  if (document.rev == leaf) return document.deleted;
  return std::find(document.history.begin(), document.history.end(), leaf) !=
         document.history.end();
}

std::size_t doubled(std::size_t limit, std::size_t ceiling) {
  return std::min(limit * 2, ceiling);
}
std::size_t halved(std::size_t limit) {
  return std::max<std::size_t>(limit / 2, 1);
}

}  // namespace

std::string replication_id(std::string_view local_uuid, std::string_view remote, bool push,
                           const ReplicationOptions& options) {
  json::Writer text;
  text.begin_array().string("atelier-replication-2").string(local_uuid).string(remote);
  text.boolean(push).string(options.filter.canonical()).end_array();
  return digest_name(text.text());
}

Replication::Replication(Peer& source, Peer& target, ReplicationOptions options, Clock& clock)
    : source_(source), target_(target), options_(std::move(options)), clock_(clock) {
  options_.batch_docs = std::max<std::size_t>(options_.batch_docs, 1);
  page_limit_ = std::min(kFirstPageDocs, options_.batch_docs);
  fetch_limit_ = page_limit_;
}

void Replication::share_echo(EchoFilter* filter, bool from_remote) {
  echo_ = filter;
  from_remote_ = from_remote;
}

std::uint64_t Replication::connection_epoch() const {
  return source_.connection_epoch() + target_.connection_epoch();
}

std::string Replication::checkpoint_id(const BothSides& sides) const {
  if (sides.source_identity.empty() && sides.target_identity.empty()) return options_.id;
  return digest_name(options_.id + '\n' + sides.source_identity + '\n' + sides.target_identity);
}

/// Saves the question who the remote is: it says so in every answer, and what it was last time
/// names the checkpoint to look for. nullopt when the memory is of no use.
Result<std::optional<Replication::BothSides>> Replication::look_by_memory() {
  using Nothing = std::optional<BothSides>;
  if (std::exchange(began_once_, true) || source_.is_local() == target_.is_local()) {
    return Nothing();
  }
  Peer& local = source_.is_local() ? source_ : target_;
  Peer& remote = source_.is_local() ? target_ : source_;
  ATELIER_TRY(memory, local.get_local("atelier-peer-" + options_.id));
  const auto normal = memory ? json::normalize(*memory) : Result<std::string>(invalid("none"));
  const auto identity = normal ? json::string_member(*normal, "identity") : std::nullopt;
  if (!identity) return Nothing();
  ATELIER_TRY(local_info, local.info());
  BothSides sides;
  sides.source_identity = source_.is_local() ? local_info.identity : *identity;
  sides.target_identity = source_.is_local() ? *identity : local_info.identity;
  const std::string id = checkpoint_id(sides);
  const auto at_remote = remote.get_local(id);
  if (!at_remote || !*at_remote || remote.known_identity() != *identity) return Nothing();
  ATELIER_TRY(at_local, local.get_local(id));
  sides.source_has = parse_checkpoint(source_.is_local() ? at_local : *at_remote);
  sides.target_has = parse_checkpoint(source_.is_local() ? *at_remote : at_local);
  return Nothing(std::move(sides));
}

Result<Replication::BothSides> Replication::look_at_both() {
  ATELIER_TRY(remembered, look_by_memory());
  if (remembered) return std::move(*remembered);
  ATELIER_TRY(source_info, source_.info());
  ATELIER_TRY(target_info, target_.info());
  BothSides sides;
  sides.source_identity = source_info.identity;
  sides.target_identity = target_info.identity;
  const std::string id = checkpoint_id(sides);
  ATELIER_TRY(at_source, source_.get_local(id));
  ATELIER_TRY(at_target, target_.get_local(id));
  sides.source_has = parse_checkpoint(at_source);
  sides.target_has = parse_checkpoint(at_target);
  remember_identity(sides);
  return sides;
}

void Replication::remember_identity(const BothSides& sides) {
  if (source_.is_local() == target_.is_local()) return;
  Peer& local = source_.is_local() ? source_ : target_;
  const std::string& identity = source_.is_local() ? sides.target_identity : sides.source_identity;
  const std::string name = "atelier-peer-" + options_.id;
  json::Writer text;
  text.begin_object().key("identity").string(identity).end_object();
  const auto before = local.get_local(name);
  const auto normal =
      before && *before ? json::normalize(**before) : Result<std::string>(invalid("none"));
  if (normal && json::string_member(*normal, "identity") == identity) return;
  static_cast<void>(local.put_local(name, text.text()));  // a lost memory costs one request
}

Status Replication::begin() {
  begun_ = false;
  if (!options_.filter.selector.empty() && !selector_) {
    ATELIER_TRY(selector, query::Selector::compile(options_.filter.selector));
    selector_ = std::move(selector);
  }
  ATELIER_TRY(sides, look_at_both());
  const auto& [source_identity, target_identity, source_has, target_has] = sides;
  checkpoint_id_ = checkpoint_id(sides);
  checkpoint_ = common_checkpoint(source_has, target_has);
  since_ = checkpoint_.history.empty() ? "" : checkpoint_.history.front().recorded_seq;
  recorded_ = since_;
  counts_ = {};
  counts_.start_ms = clock_.wall_ms();
  counts_.start_seq = since_;
  checkpoint_denied_ = false;
  caught_up_once_ = false;
  last_checkpoint_ms_ = clock_.monotonic_ms();
  if (echo_ != nullptr) {
    echo_epoch_ = echo_->enter(from_remote_ ? source_identity : target_identity, from_remote_);
  }
  if (compared_with_ != target_identity || target_identity.empty()) {
    compared_.clear();
    comparing_.clear();
    compared_with_ = target_identity;
  }
  epoch_ = connection_epoch();
  // who_answers() looks for the common entry on top of what each side holds.
  if (epoch_ != 0 && !(is_on_top(checkpoint_, source_has) && is_on_top(checkpoint_, target_has))) {
    ATELIER_CHECK(record());
    epoch_ = connection_epoch();
  }
  begun_ = true;
  return ok();
}

Result<StepReport> Replication::step(int wait_ms) {
  auto report = try_step(wait_ms);
  if (report) {
    report->compared_anew = std::exchange(compared_untold_, false);
    report->ended = std::exchange(ended_untold_, 0);
  }
  // After any failure somebody else may answer at that address: ask again where we are.
  if (!report && report.error().code != ErrorCode::kRateLimited) begun_ = false;
  return report;
}

Result<StepReport> Replication::try_step(int wait_ms) {
  const std::int64_t begun_ms = clock_.monotonic_ms();
  if (!begun_) ATELIER_CHECK(begin());
  // Here and not after the transfer: whoever calls has then parked what the last step rejected.
  if (checkpoint_due()) ATELIER_CHECK(checkpoint());
  StepReport report;
  if (since_.empty() && !brought_newest_) ATELIER_CHECK(bring_newest(report));
  ATELIER_TRY(page, read_page(wait_ms));
  report.rows = page.changes.size();
  report.pending = page.pending;
  choose_page_limit(page);
  if (page.more) source_.read_ahead(next_query(page));
  if (!page.forgotten.empty()) ATELIER_CHECK(compare_anew(page.forgotten));
  ATELIER_CHECK(transfer(page, report));
  ATELIER_TRY(found, who_answers(false));
  // What was written since the last checkpoint may have gone with a backup that was put back: the
  // checkpoint on top is proof of its own position alone.
  const bool uncertain = found == Answering::kReconnected && since_ != recorded_;
  if (found == Answering::kOther || uncertain) {
    begun_ = false;
    return report;
  }
  since_ = position_after(page);
  // At once, so that a server that ends each connection is got through all the same.
  if (found == Answering::kReconnected && since_ != recorded_) ATELIER_CHECK(record());
  step_ms_ = wait_ms > 0 ? 0 : clock_.monotonic_ms() - begun_ms;
  // What was brought back into the source is behind the page.
  report.caught_up = !page.more && !std::exchange(source_changed_, false);
  caught_up_once_ = caught_up_once_ || report.caught_up;
  settle(page, report);
  return report;
}

/// The position stays where it was: what comes first is found there when its turn comes.
Status Replication::bring_newest(StepReport& report) {
  for (const NewestQuery& query : options_.newest) {
    auto newest = source_.newest(query);
    if (!newest && is_passing(newest.error().code)) return newest.error();
    if (!newest) continue;  // it cannot tell: then all comes in its own order
    std::erase_if(*newest, [&](const RevisionRequest& request) {
      return !options_.filter.wants_id(request.id);
    });
    ATELIER_TRY(answer, target_.revs_diff(*newest));
    selecting_ = selector_.has_value();
    ATELIER_CHECK(fetch_and_write(answer.missing, report));
  }
  brought_newest_ = true;
  return ok();
}

std::string Replication::position_after(const ChangesPage& page) const {
  if (!page.last_seq.empty()) return page.last_seq;
  if (!page.changes.empty() && !page.changes.back().seq.empty()) return page.changes.back().seq;
  return since_;
}

ChangesQuery Replication::next_query(const ChangesPage& page) const {
  ChangesQuery query;
  query.since = position_after(page);
  query.limit = page_limit_;
  query.filter = options_.filter;
  return query;
}

Result<ChangesPage> Replication::read_page(int wait_ms) {
  ChangesQuery query;
  query.limit = page_limit_;
  query.wait_ms = wait_ms;
  query.filter = options_.filter;
  for (;;) {
    query.since = since_;
    auto page = source_.changes(query);
    if (page) return page;
    if (page.error().code == ErrorCode::kInvalid && !since_.empty()) {
      since_.clear();  // the source does not know this position any more: all over again
    } else if (page.error().code == ErrorCode::kTooLarge && page_limit_ > 1) {
      page_limit_ = halved(halved(page_limit_));
      query.limit = page_limit_;
      query.inline_documents = false;
    } else {
      return page;
    }
  }
}

void Replication::choose_page_limit(const ChangesPage& page) {
  if (page.bytes > options_.batch_bytes || step_ms_ > kStepMsMax) {
    page_limit_ = halved(page_limit_);
  } else if (step_ms_ > kStepMsMax / 2) {
    return;
  } else if (page.more && page.bytes < options_.batch_bytes / 2) {
    page_limit_ = doubled(page_limit_, options_.batch_docs);
  }
}

std::vector<RevisionRequest> Replication::offer(const ChangesPage& page) const {
  const bool skip_known = echo_ != nullptr && !from_remote_ && echo_->may_skip(echo_epoch_);
  std::vector<RevisionRequest> offered;
  offered.reserve(page.changes.size());
  std::unordered_map<std::string_view, std::size_t> places;  // a page may name a document twice
  for (const PeerChange& change : page.changes) {
    if (change.leaves.empty()) continue;
    if (options_.skip_design && is_design(change.id)) continue;
    if (skip_known && echo_->knows_all(change.id, change.leaves)) continue;
    const auto [place, is_new] = places.emplace(change.id, offered.size());
    if (is_new) {
      offered.push_back({change.id, change.leaves});
    } else {
      std::vector<RevId>& revs = offered[place->second].revs;
      for (const RevId& leaf : change.leaves) {
        if (std::find(revs.begin(), revs.end(), leaf) == revs.end()) revs.push_back(leaf);
      }
    }
  }
  return offered;
}

bool Replication::may_send_unasked(const ChangesPage& page, std::size_t offered) const {
  if (!caught_up_once_ || target_.is_local() || offered > kDirectWriteDocsMax) return false;
  std::size_t whole = 0;
  for (const PeerChange& change : page.changes) whole += change.document ? 1 : 0;
  return whole == page.changes.size();
}

Status Replication::transfer(ChangesPage& page, StepReport& report) {
  for (const PeerChange& change : page.changes) {
    remember_origin(change.id, change.leaves);
    counts_.checked += change.leaves.size();
  }
  std::vector<RevisionRequest> missing = offer(page);
  if (missing.empty()) return ok();
  std::vector<RevisionRequest> forgotten;
  if (!may_send_unasked(page, missing.size())) {
    ATELIER_TRY(answer, target_.revs_diff(missing));
    missing = std::move(answer.missing);
    forgotten = std::move(answer.forgotten);
  }
  std::unordered_map<std::string_view, PeerChange*> rows;
  for (PeerChange& change : page.changes) rows[change.id] = &change;
  std::vector<WireDocument> ready;
  std::vector<RevisionRequest> wanted;
  for (RevisionRequest& request : missing) {
    counts_.missing += request.revs.size();
    const auto row = rows.find(request.id);
    if (row != rows.end() && row->second->document && request.revs.size() == 1 &&
        request.revs[0] == row->second->document->rev) {
      ready.push_back(std::move(*row->second->document));
    } else {
      wanted.push_back(std::move(request));
    }
  }
  selecting_ = selector_ && !page.selected;
  select(ready);
  ATELIER_CHECK(write(ready, report));
  ATELIER_CHECK(fetch_and_write(wanted, report));
  take_forgotten(report, forgotten);
  return end_at_source(page, forgotten);
}

// --- deletions that one side alone remembers

/// Pages behind forgotten tombstones do not tell of all that was deleted. So the source is asked
/// of each leaf that the target has: what it has forgotten itself was deleted there, and ends at
/// the target too. What it never had is an edit that was not sent yet, and stays. The position does
/// not move before this is done.
Status Replication::compare_anew(const std::string& forgotten) {
  if (forgotten == compared_) return ok();
  if (forgotten != comparing_) compared_to_.clear();
  comparing_ = forgotten;
  ChangesQuery query;
  query.limit = options_.batch_docs;
  query.inline_documents = false;
  query.filter = options_.filter;
  query.filter.selector.clear();  // the source may have known it as something else
  for (bool more = true; more;) {
    query.since = compared_to_;
    auto page = target_.changes(query);
    if (!page && page.error().code == ErrorCode::kInvalid && !compared_to_.empty()) {
      compared_to_.clear();
      continue;
    }
    if (!page) return page.error();
    std::vector<RevisionRequest> held;
    for (const PeerChange& change : page->changes) {
      if (!change.deleted && !is_design(change.id)) held.push_back({change.id, change.leaves});
    }
    if (!held.empty()) {
      ATELIER_TRY(answer, source_.revs_diff(held));
      ATELIER_CHECK(end_forgotten(target_, source_, answer.forgotten));
    }
    more = page->more && page->last_seq != compared_to_;
    if (!page->last_seq.empty()) compared_to_ = page->last_seq;
  }
  compared_ = forgotten;
  // Who begins with nothing was not away.
  compared_untold_ = compared_untold_ || !since_.empty() || ended_untold_ > 0;
  return ok();
}

/// What the target did not write because it was deleted there is no refusal.
void Replication::take_forgotten(StepReport& report, std::vector<RevisionRequest>& forgotten) {
  for (Rejection& refused : report.rejected) {
    if (refused.forgotten) forgotten.push_back({std::move(refused.id), {std::move(refused.rev)}});
  }
  std::erase_if(report.rejected, [](const Rejection& refused) { return refused.forgotten; });
}

/// The target has forgotten what the source shows as live: it ends there too.
Status Replication::end_at_source(const ChangesPage& page,
                                  std::span<const RevisionRequest> forgotten) {
  if (forgotten.empty() || !options_.ends_at_source) return ok();
  std::vector<RevisionRequest> live;
  for (const RevisionRequest& request : forgotten) {
    const bool deleted = std::any_of(
        page.changes.begin(), page.changes.end(),
        [&](const PeerChange& change) { return change.id == request.id && change.deleted; });
    if (!deleted && !is_design(request.id)) live.push_back(request);
  }
  return end_forgotten(source_, target_, live);
}

/// Tombstones for leaves that are live at `holder` and that `rememberer` has forgotten. They go into
/// the store of this device: where that is the one that remembers, the push carries them on, and
/// the outbox keeps what is refused.
Status Replication::end_forgotten(Peer& holder, Peer& rememberer,
                                  std::span<const RevisionRequest> leaves) {
  if (leaves.empty()) return ok();
  Peer& writer = rememberer.is_local() && !holder.is_local() ? rememberer : holder;
  ATELIER_TRY(held, holder.fetch(leaves));
  std::vector<WireDocument> tombstones;
  for (const RevisionRequest& request : leaves) {
    for (const RevId& leaf : request.revs) {
      // What is not given was evicted, and is alive.
      if (std::any_of(held.begin(), held.end(), [&](const WireDocument& document) {
            return document.id == request.id && is_past(document, leaf);
          })) {
        continue;
      }
      ATELIER_TRY(tombstone, tombstone_on(request.id, leaf, writer));
      tombstones.push_back(std::move(tombstone));
    }
  }
  if (tombstones.empty()) return ok();
  source_changed_ = source_changed_ || &writer == &source_;
  ATELIER_TRY(refused, writer.write(tombstones, &writer == &holder ? rememberer : holder));
  // Who may not delete there leaves it as it is: the other side's rules come first.
  ended_untold_ += tombstones.size() - std::min(tombstones.size(), refused.size());
  return ok();
}

/// The one that a local deletion makes, and so the same on every node; or the next that `writer` does
/// not know: one that was forgotten would not be taken, and one that a document made anew continues
/// need not hang on this leaf.
Result<WireDocument> Replication::tombstone_on(const std::string& id, const RevId& leaf,
                                               Peer& writer) {
  WireDocument tombstone;
  tombstone.id = id;
  tombstone.deleted = true;
  for (int again = 0; again < kTombstonesTriedMax; ++again) {
    if (again > 0) tombstone.body = "{\"again\":" + std::to_string(again) + "}";
    tombstone.rev = make_revision({true, leaf, tombstone.body, {}});
    tombstone.history = {tombstone.rev, leaf};
    const RevisionRequest request{id, {tombstone.rev}};
    ATELIER_TRY(answer, writer.revs_diff({&request, 1}));
    if (!answer.missing.empty()) return tombstone;
  }
  return Error(ErrorCode::kUnavailable, "no tombstone can be made on " + id);
}

Status Replication::fetch_and_write(std::span<const RevisionRequest> wanted, StepReport& report) {
  while (!wanted.empty()) {
    const std::size_t count = std::min(fetch_limit_, wanted.size());
    auto documents = source_.fetch(wanted.first(count));
    if (!documents && documents.error().code == ErrorCode::kTooLarge && count > 1) {
      fetch_limit_ = halved(count);
      continue;
    }
    if (!documents) return documents.error();
    std::size_t bytes = 0;
    for (const WireDocument& document : *documents) {
      bytes += document.bytes();
      remember_origin(document.id, {&document.rev, 1});
    }
    if (bytes > options_.batch_bytes) {
      fetch_limit_ = halved(fetch_limit_);
    } else if (bytes < options_.batch_bytes / 2) {
      fetch_limit_ = doubled(fetch_limit_, options_.batch_docs);
    }
    select(*documents);
    ATELIER_CHECK(write(*documents, report));
    wanted = wanted.subspan(count);
  }
  return ok();
}

/// Each leaf for itself, as CouchDB's filters with style=all_docs.
void Replication::select(std::vector<WireDocument>& documents) const {
  if (!selecting_) return;
  std::erase_if(documents, [&](const WireDocument& document) {
    const std::string rev = document.rev.to_string();
    return !selector_->matches({document.id, rev, document.deleted, document.body, {}});
  });
}

Status Replication::write(std::span<const WireDocument> documents, StepReport& report) {
  counts_.read += documents.size();
  while (!documents.empty()) {
    std::size_t count = 0;
    std::size_t bytes = 0;
    while (count < documents.size() && count < options_.batch_docs &&
           (count == 0 || bytes + documents[count].bytes() <= options_.batch_bytes)) {
      bytes += documents[count++].bytes();
    }
    ATELIER_TRY(rejected, target_.write(documents.first(count), source_));
    report.bytes += bytes;
    report.written += count - std::min(count, rejected.size());
    counts_.written += count - std::min(count, rejected.size());
    take_rejections(std::move(rejected), report);
    documents = documents.subspan(count);
  }
  return ok();
}

void Replication::take_rejections(std::vector<Rejection> rejected, StepReport& report) {
  for (Rejection& rejection : rejected) {
    counts_.refused += rejection.forgotten ? 0 : 1;
    if (is_design(rejection.id) && is_denial(rejection.error.code) && !target_.is_local()) {
      report.design_refused = report.design_refused || !options_.skip_design;
      options_.skip_design = true;
    } else {
      report.rejected.push_back(std::move(rejection));
    }
  }
}

void Replication::remember_origin(std::string_view id, std::span<const RevId> revs) {
  if (echo_ == nullptr || !from_remote_) return;
  for (const RevId& rev : revs) echo_->add(echo_epoch_, id, rev);
}

void Replication::settle(const ChangesPage& page, StepReport& report) const {
  for (const PeerChange& change : page.changes) {
    const bool refused =
        std::any_of(report.rejected.begin(), report.rejected.end(),
                    [&](const Rejection& rejection) { return rejection.id == change.id; });
    if (!refused) report.settled.push_back(change.id);
  }
}

Result<std::vector<Rejection>> Replication::retry(std::span<const RevisionRequest> refused) {
  if (!begun_) ATELIER_CHECK(begin());
  selecting_ = false;
  StepReport report;
  if (auto sent = fetch_and_write(refused, report); !sent) {
    if (sent.error().code != ErrorCode::kRateLimited) begun_ = false;
    return sent.error();
  }
  std::vector<RevisionRequest> forgotten;
  take_forgotten(report, forgotten);
  ATELIER_CHECK(end_at_source({}, forgotten));
  return std::move(report.rejected);
}

bool Replication::checkpoint_due() const {
  return since_ != recorded_ && clock_.monotonic_ms() - last_checkpoint_ms_ >= kCheckpointEveryMs;
}

Status Replication::put_checkpoint(Peer& peer, const std::string& json) {
  auto put = peer.put_local(checkpoint_id_, json);
  if (put || !is_denial(put.error().code)) return put;
  checkpoint_denied_ = true;  // may be read only there: the next start begins from the first change
  return ok();
}

Status Replication::checkpoint() {
  if (!begun_ || since_ == recorded_) return ok();
  // Asked for even when the connection is as it was: the write may be the first to need a new one,
  // and would then tell another database that it has what it never saw. Where a server names its
  // database the checkpoint's name holds that name, and says nothing to any other.
  const Peer& remote = source_.is_local() ? target_ : source_;
  ATELIER_TRY(found, who_answers(remote.known_identity().empty()));
  if (found == Answering::kSame) return record();
  begun_ = false;
  return Error(ErrorCode::kPeerChanged, "the connection is new since the last checkpoint");
}

Status Replication::record() {
  counts_.end_ms = clock_.wall_ms();
  Checkpoint next = advance_checkpoint(checkpoint_, since_, counts_);
  const std::string json = checkpoint_json(next);
  ATELIER_CHECK(put_checkpoint(target_, json));
  ATELIER_CHECK(put_checkpoint(source_, json));
  checkpoint_ = std::move(next);
  recorded_ = since_;
  last_checkpoint_ms_ = clock_.monotonic_ms();
  return ok();
}

/// Invariant 3: after a new connection our last checkpoint must still be on top there before
/// anything is taken as done. `ask`: even when no connection is new.
Result<Replication::Answering> Replication::who_answers(bool ask) {
  if (!ask && connection_epoch() == epoch_) return Answering::kSame;
  if (checkpoint_denied_) return may_record_again();
  for (Peer* peer : {&source_, &target_}) {
    if (peer->connection_epoch() == 0) continue;
    ATELIER_TRY(json, peer->get_local(checkpoint_id_));
    if (!is_on_top(checkpoint_, parse_checkpoint(json))) return Answering::kOther;
  }
  if (connection_epoch() == epoch_) return Answering::kSame;
  epoch_ = connection_epoch();
  return Answering::kReconnected;
}

/// After a refused checkpoint nothing shows who is behind a new connection. Where one may be written
/// now the refusal was a passing one, and what is proven is where the last entry stands; where not,
/// this side may only read there, and goes on. Writes what it finds: a position would be a claim
/// towards another database.
Result<Replication::Answering> Replication::may_record_again() {
  if (connection_epoch() == epoch_) return Answering::kSame;
  Peer& remote = source_.is_local() ? target_ : source_;
  checkpoint_denied_ = false;
  ATELIER_TRY(found, remote.get_local(checkpoint_id_));
  ATELIER_CHECK(put_checkpoint(remote, found.value_or(checkpoint_json({}))));
  epoch_ = connection_epoch();
  return checkpoint_denied_ ? Answering::kSame : Answering::kOther;
}

namespace {

std::string counted(std::size_t count) {
  return count == 1 ? "one document" : std::to_string(count) + " documents";
}

void add_report(StepReport& total, StepReport&& step) {
  total.rows += step.rows;
  total.written += step.written;
  total.bytes += step.bytes;
  total.caught_up = step.caught_up;
  total.pending = step.pending;
  total.design_refused = total.design_refused || step.design_refused;
  total.compared_anew = total.compared_anew || step.compared_anew;
  total.ended += step.ended;
  for (Rejection& rejection : step.rejected) total.rejected.push_back(std::move(rejection));
}

}  // namespace

std::string absence_in_words(const StepReport& report, bool push) {
  if (!report.compared_anew && report.ended == 0) return "";
  // A push that ends documents without comparing was refused what this device still had.
  const bool other_side = push && report.compared_anew;
  std::string words = other_side
                          ? "the other side was away for longer than deletions are remembered here"
                          : "this device was away for longer than deletions are remembered";
  if (report.compared_anew) words += "; all was compared anew";
  if (report.ended > 0) words += ", deleted meanwhile: " + counted(report.ended);
  return words;
}

Result<StepReport> replicate_once(Replication& replication,
                                  const std::function<Status(const StepReport&)>& after_step) {
  StepReport total;
  int failures = 0;
  int restarts = 0;
  while (!total.caught_up) {
    auto step = replication.step();
    // Before the checkpoint: what was refused is then kept where the caller keeps it.
    if (step && after_step) ATELIER_CHECK(after_step(*step));
    Status recorded = ok();
    if (step && step->caught_up) recorded = replication.checkpoint();
    if (step) add_report(total, std::move(*step));
    if (step && recorded) {
      failures = 0;
      continue;
    }
    total.caught_up = false;
    const Error error = step ? recorded.error() : step.error();
    if (error.code == ErrorCode::kPeerChanged && ++restarts <= kPeerChangesMax) {
      replication.restart();
      continue;
    }
    if (!is_passing(error.code) || ++failures >= kOnceTriesMax) return error;
    const int wait_ms = std::max(error.retry_after_ms, kRetryFirstMs << failures);
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min(wait_ms, kRetryMaxMs)));
  }
  return total;
}

}  // namespace atelier
