#include "server/room_gate.h"

#include <algorithm>
#include <utility>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "server/room_end.h"

namespace atelier::server {

namespace {

// Of a client that may write, moderates, or is named in `_security`. Accounts cannot have roles that
// begin with an underscore, so nobody brings these along.
constexpr std::string_view kMayWrite = "_write";
constexpr std::string_view kModerates = "_moderate";
constexpr std::string_view kIsNamed = "_named";
constexpr std::string_view kAdmin = "_admin";
constexpr std::string_view kEdgeRole = "edge";
constexpr std::size_t kCountsKept = 64;  // kinds of readers whose numbers are remembered

constexpr std::string_view kClosedRules =
    R"({"version":1,"prefixes":{"*":{"create":[],"change":[],"delete":[],"read":[]}}})";

bool has(const WriteUser& user, std::string_view role) {
  return std::find(user.roles.begin(), user.roles.end(), role) != user.roles.end();
}

bool moderates(const WriteUser& user) {
  if (has(user, kAdmin)) return true;
  return has(user, kMayWrite) && (has(user, kModerates) || user.carries);
}

Error forbidden(std::string reason) {
  return {ErrorCode::kForbidden, std::move(reason)};
}

/// A mode document. Errors: kInvalid naming the member.
Status read_mode(std::string_view body, RoomMode& mode, std::vector<std::string>& names) {
  const auto word = json::string_member(body, "mode");
  if (word == "everyone")
    mode = RoomMode::kEveryone;
  else if (word == "named")
    mode = RoomMode::kNamed;
  else if (word == "watch")
    mode = RoomMode::kWatch;
  else
    return invalid("/mode: must be everyone, named or watch");
  const auto list = json::member(body, "names");
  if (!list) return ok();
  if (json::kind_of(*list) != json::Kind::kArray) return invalid("/names: must be a list of names");
  bool strings = true;
  json::for_each_element(*list, [&](std::string_view element) {
    auto name = json::string_value(element);
    strings = name.has_value();
    if (name) names.push_back(std::move(*name));
    return strings;
  });
  return strings ? ok() : Status(invalid("/names: must be a list of names"));
}

/// The documents that govern the room must be right, or they would close it.
Status check_access_document(const ProposedRevision& proposed) {
  if (proposed.deleted) return ok();
  if (proposed.id == kRulesId) {
    if (const auto rules = query::Rules::from_json(proposed.body); !rules) return rules.error();
  }
  if (proposed.id == kEndedId) {
    if (const auto end = read_room_end(proposed.body); !end) return end.error();
  }
  RoomMode mode{};
  std::vector<std::string> names;
  return proposed.id == kModeId ? read_mode(proposed.body, mode, names) : ok();
}

bool outranks(const ProposedRevision& proposed, const ExistingLeaf& leaf) {
  if (proposed.deleted != leaf.deleted) return leaf.deleted;
  return leaf.rev < proposed.rev;
}

/// Beside what is live, a deleted leaf is nothing that could be changed.
std::vector<ExistingLeaf> live_leaves(const ProposedRevision& proposed) {
  std::vector<ExistingLeaf> live;
  for (const ExistingLeaf& leaf : proposed.leaves)
    if (!leaf.deleted) live.push_back(leaf);
  if (live.empty()) live.assign(proposed.leaves.begin(), proposed.leaves.end());
  return live;
}

/// A replicated revision is judged against the winner and all that it would outrank. A local edit is
/// judged against the leaf that it follows on, and against each other one that it would outrank: an
/// edit of a losing leaf must not take a stranger's place.
Status judge_by(const Validator& rules, const ProposedRevision& proposed) {
  if (proposed.replicated) {
    const std::vector<ExistingLeaf> live = live_leaves(proposed);
    ProposedRevision judged = proposed;
    judged.leaves = live;
    return rules(judged);
  }
  ATELIER_CHECK(rules(proposed));
  std::vector<ExistingLeaf> others;
  for (const ExistingLeaf& leaf : proposed.leaves)
    if (!leaf.deleted && !(leaf.rev == proposed.parent) && outranks(proposed, leaf))
      others.push_back(leaf);
  if (others.empty()) return ok();
  ProposedRevision judged = proposed;
  judged.replicated = true;
  judged.leaves = others;
  return rules(judged);
}

query::Rules closed_rules() {
  auto rules = query::Rules::from_json(kClosedRules);
  return rules ? std::move(*rules) : query::Rules();
}

query::RulesUser rules_user(const WriteUser& user) {
  return {user.name, user.roles, user.carries};
}

}  // namespace

std::string_view room_mode_name(RoomMode mode) {
  switch (mode) {
    case RoomMode::kEveryone:
      return "everyone";
    case RoomMode::kNamed:
      return "named";
    case RoomMode::kWatch:
      return "watch";
  }
  return "watch";
}

std::shared_ptr<const WriteUser> room_user(const Principal& who, const Rights& rights) {
  auto user = std::make_shared<WriteUser>();
  user->name = who.name;
  for (const std::string& role : who.roles)
    if (!role.starts_with('_')) user->roles.push_back(role);
  if (rights.read) user->roles.emplace_back("reader");
  if (rights.write) user->roles.emplace_back("writer");
  if (rights.write) user->roles.emplace_back(kMayWrite);
  if (rights.moderate) user->roles.emplace_back("moderator");
  if (rights.moderate) user->roles.emplace_back(kModerates);
  if (rights.named) user->roles.emplace_back(kIsNamed);
  if (rights.admin) user->roles.emplace_back(kAdmin);
  user->carries = !who.anonymous() && who.has_role(kEdgeRole);
  return user;
}

std::shared_ptr<const WriteUser> upstream_user() {
  auto user = std::make_shared<WriteUser>();
  user->roles.emplace_back(kAdmin);
  user->carries = true;
  return user;
}

// --- terms

bool RoomGate::Terms::may_read(const query::DocumentView& document, const WriteUser& user) const {
  if (document.id.starts_with(kAccessPrefix)) return true;
  if (ended && !has(user, kAdmin)) return false;
  const query::RulesUser who = rules_user(user);
  return std::all_of(rules.begin(), rules.end(),
                     [&](const query::Rules& one) { return one.may_read(document, who); });
}

bool RoomGate::Terms::reading_needs_body(std::string_view id) const {
  if (id.starts_with(kAccessPrefix) || ended) return false;
  return std::any_of(rules.begin(), rules.end(),
                     [&](const query::Rules& one) { return one.reading_needs_body(id); });
}

const query::FieldPath* RoomGate::Terms::author_field(std::string_view id) const {
  if (id.starts_with(kAccessPrefix)) return nullptr;
  for (const query::Rules& one : rules)
    if (const query::FieldPath* field = one.author_field(id)) return field;
  return nullptr;
}

// --- the gate

RoomGate::RoomGate(std::weak_ptr<Store> store, std::shared_ptr<const Terms> of_server,
                   std::string secret)
    : store_(std::move(store)),
      of_server_(std::move(of_server)),
      secret_(std::move(secret)),
      terms_(of_server_),
      observers_(std::make_shared<std::map<std::uint64_t, std::function<void()>>>()) {}

void RoomGate::start(const std::shared_ptr<RoomGate>& self) {
  const auto store = store_.lock();
  if (!store) return;
  store->set_validator([self](const ProposedRevision& proposed) { return self->judge(proposed); });
  reload();
}

std::shared_ptr<const RoomGate::Terms> RoomGate::terms() const {
  const std::lock_guard lock(mutex_);
  return terms_;
}

std::shared_ptr<const RoomGate::Terms> RoomGate::read_terms(const Store& store) const {
  auto terms = std::make_shared<Terms>(*of_server_);
  std::string digested = terms->rules_digest;
  if (const auto document = store.get(kRulesId)) {
    auto rules = query::Rules::from_json(document->body);
    digested += document->body;
    terms->rules.push_back(rules ? std::move(*rules) : closed_rules());
  } else if (document.error().code != ErrorCode::kNotFound) {
    digested += "closed";
    terms->rules.push_back(closed_rules());
  }
  if (terms->rules.size() > of_server_->rules.size())
    terms->validators.push_back(rules_validator(terms->rules.back()));
  if (const auto document = store.get(kEndedId);
      document || document.error().code != ErrorCode::kNotFound) {
    terms->ended = true;
    digested += "ended";
  }
  terms->rules_digest = hex(sha256(digested));
  terms->restricts_reading =
      terms->ended ||
      std::any_of(terms->rules.begin(), terms->rules.end(),
                  [](const query::Rules& one) { return one.restrict_reading(); });
  if (const auto document = store.get(kModeId)) {
    if (!read_mode(document->body, terms->mode, terms->names)) terms->mode = RoomMode::kWatch;
  } else if (document.error().code != ErrorCode::kNotFound) {
    terms->mode = RoomMode::kWatch;
  }
  return terms;
}

void RoomGate::reload() {
  const auto store = store_.lock();
  if (!store || store->retired()) return;
  auto terms = read_terms(*store);
  {
    const std::lock_guard lock(mutex_);
    if (terms->rules_digest == terms_->rules_digest && terms->mode == terms_->mode &&
        terms->names == terms_->names)
      return;
    terms_ = std::move(terms);
    counts_.clear();
  }
  tell();
}

void RoomGate::people_changed() {
  tell();
}

void RoomGate::tell() const {
  std::vector<std::function<void()>> pokes;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, poke] : *observers_) pokes.push_back(poke);
  }
  for (const auto& poke : pokes) poke();
}

Subscription RoomGate::subscribe(std::function<void()> poke) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t key = next_observer_++;
  observers_->emplace(key, std::move(poke));
  return Subscription([this, key, alive = std::weak_ptr(observers_)] {
    const auto observers = alive.lock();  // without it this gate is gone
    if (!observers) return;
    const std::lock_guard guard(mutex_);
    observers->erase(key);
  });
}

Status RoomGate::may_write(const WriteUser& user) const {
  if (has(user, kAdmin)) return ok();
  if (terms()->ended) return forbidden(kRoomEndedWords);
  if (!has(user, kMayWrite)) return forbidden("You may read this room and not write to it.");
  if (moderates(user)) return ok();
  const auto now = terms();
  if (now->mode == RoomMode::kWatch)
    return forbidden("Everyone watches this room now: its moderators alone write to it.");
  if (now->mode == RoomMode::kNamed && !has(user, kIsNamed) &&
      (user.name.empty() ||
       std::find(now->names.begin(), now->names.end(), user.name) == now->names.end()))
    return forbidden("Only people who are named write to this room now.");
  return ok();
}

Status RoomGate::judge(const ProposedRevision& proposed) const {
  if (proposed.user == nullptr) return ok();  // this program itself
  const WriteUser& user = *proposed.user;
  if (proposed.id.starts_with(kAccessPrefix)) {
    if (!moderates(user))
      return forbidden("Only moderators of this room may change who does what in it.");
    // The end of a room is its owner's. A server that carries it on is one to whom it was told.
    const bool owns = has(user, kAdmin) || user.carries;
    if (!owns && terms()->ended) return forbidden(kRoomEndedWords);
    if (!owns && proposed.id == kEndedId)
      return forbidden("Only administrators of this room may end it.");
    return check_access_document(proposed);
  }
  ATELIER_CHECK(may_write(user));
  const auto now = terms();
  for (const Validator& rules : now->validators) ATELIER_CHECK(judge_by(rules, proposed));
  return ok();
}

std::optional<RoomGate::Counts> RoomGate::counts(const std::string& reader,
                                                 std::uint64_t sequence) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(reader);
  if (found == counts_.end() || found->second.sequence != sequence) return std::nullopt;
  return found->second;
}

void RoomGate::keep_counts(const std::string& reader, const Counts& counts) {
  const std::lock_guard lock(mutex_);
  if (counts_.size() >= kCountsKept) counts_.clear();
  counts_[reader] = counts;
}

}  // namespace atelier::server

namespace atelier {

std::shared_ptr<server::RoomGate> RoomGates::of(const std::shared_ptr<Store>& store) {
  const std::lock_guard lock(mutex_);
  std::erase_if(gates_, [](const auto& entry) { return entry.second.store.expired(); });
  Entry& entry = gates_[store.get()];
  if (!entry.gate) {
    entry.store = store;
    entry.gate = std::make_shared<server::RoomGate>(store, of_server_, secret_);
    entry.gate->start(entry.gate);
  }
  return entry.gate;
}

Result<std::shared_ptr<RoomGates>> make_room_gates(std::string_view rules_toml,
                                                   std::string_view file, std::string secret) {
  auto terms = std::make_shared<server::RoomGate::Terms>();
  if (!rules_toml.empty()) {
    ATELIER_TRY(rules, query::Rules::from_toml(rules_toml, file));
    terms->validators.push_back(rules_validator(rules));
    terms->restricts_reading = rules.restrict_reading();
    terms->rules.push_back(std::move(rules));
    terms->rules_digest = hex(sha256(rules_toml));
  }
  return std::make_shared<RoomGates>(std::move(terms), std::move(secret));
}

}  // namespace atelier
