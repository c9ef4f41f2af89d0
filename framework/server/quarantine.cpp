#include "server/quarantine.h"

#include <algorithm>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"

namespace atelier::server {

namespace {

std::string local_id(const std::string& id, const RevId& rev) {
  return std::string(kQuarantinePrefix) + hex(sha256(id + '\n' + rev.to_string())).substr(0, 32);
}

ErrorCode code_of(std::string_view name) {
  for (const ErrorCode code : {ErrorCode::kInvalid, ErrorCode::kTooLarge, ErrorCode::kUnauthorized})
    if (error_code_name(code) == name) return code;
  return ErrorCode::kForbidden;
}

std::string text_of(const DocumentWrite& write, const Quarantine::Entry& entry, bool with_body) {
  json::Writer out;
  out.begin_object().key("id").string(entry.id).key("rev").string(entry.rev.to_string());
  out.key("error").string(error_code_name(entry.code)).key("reason").string(entry.reason);
  out.key("since_ms").integer(entry.since_ms).key("deleted").boolean(write.deleted);
  out.key("history").begin_array();
  for (const RevId& rev : write.history) out.string(rev.to_string());
  out.end_array().key("attachments").begin_array();
  for (const AttachmentWrite& attachment : write.attachments) out.string(attachment.name);
  out.end_array();
  if (with_body) out.key("body").raw(write.body);
  return out.end_object().take();
}

std::optional<Quarantine::Entry> parse_entry(std::string_view text) {
  auto id = json::string_member(text, "id");
  const auto rev = RevId::parse(json::string_member(text, "rev").value_or(""));
  if (!id || !rev) return std::nullopt;
  Quarantine::Entry entry;
  entry.id = std::move(*id);
  entry.rev = *rev;
  entry.code = code_of(json::string_member(text, "error").value_or(""));
  entry.reason = json::string_member(text, "reason").value_or("");
  entry.since_ms = json::int_member(text, "since_ms").value_or(0);
  entry.away = json::member(text, "attachments").value_or("[]") != "[]" || !json::member(text, "body");
  return entry;
}

}  // namespace

Quarantine::Quarantine(std::shared_ptr<Store> store, std::size_t revisions_max)
    : store_(std::move(store)), revisions_max_(revisions_max) {
  for (const Store::LocalDocument& local : store_->list_locals()) {
    if (!local.id.starts_with(kQuarantinePrefix)) continue;
    if (auto entry = parse_entry(local.body)) entries_[{entry->id, entry->rev}] = *entry;
  }
}

Status Quarantine::keep(const DocumentWrite& write, const Error& why) {
  const std::lock_guard writing(writing_);
  Entry entry;
  entry.id = write.id;
  entry.rev = write.history.front();
  entry.code = why.code;
  entry.reason = why.message;
  entry.since_ms = system_clock().wall_ms();
  entry.away = !write.attachments.empty();
  const Key key{entry.id, entry.rev};
  {
    const std::lock_guard lock(mutex_);
    const auto known = entries_.find(key);
    if (known == entries_.end() && entries_.size() >= revisions_max_)
      return Error(ErrorCode::kFull, "more than " + std::to_string(revisions_max_) +
                                         " revisions from upstream fail the rules of this room");
    if (known != entries_.end()) {
      entry.since_ms = known->second.since_ms;
      if (known->second.reason == entry.reason) return ok();
    }
  }
  std::string text = text_of(write, entry, true);
  if (text.size() > kDocumentBytesMax) {
    text = text_of(write, entry, false);
    entry.away = true;
  }
  const auto put = store_->put_local(local_id(entry.id, entry.rev), text);
  if (!put) return Error(ErrorCode::kDisk, "cannot keep what is refused: " + put.error().message);
  {
    const std::lock_guard lock(mutex_);
    entries_[key] = std::move(entry);
  }
  return remove(kept_of(write.id, std::span(write.history).subspan(1)));
}

Status Quarantine::release(const std::string& id, std::span<const RevId> history) {
  if (kept_of(id, history).empty()) return ok();
  const std::lock_guard writing(writing_);
  return remove(kept_of(id, history));
}

std::vector<Quarantine::Key> Quarantine::kept_of(const std::string& id,
                                                 std::span<const RevId> revs) const {
  const std::lock_guard lock(mutex_);
  std::vector<Key> keys;
  for (auto at = entries_.lower_bound({id, RevId()}); at != entries_.end() && at->first.first == id;
       ++at)
    if (std::find(revs.begin(), revs.end(), at->first.second) != revs.end())
      keys.push_back(at->first);
  return keys;
}

Status Quarantine::remove(const std::vector<Key>& keys) {
  for (const Key& key : keys) {
    const Status removed = store_->remove_local(local_id(key.first, key.second));
    if (!removed && removed.error().code != ErrorCode::kNotFound)
      return Error(ErrorCode::kDisk, "cannot let go what was refused: " + removed.error().message);
    const std::lock_guard lock(mutex_);
    entries_.erase(key);
  }
  return ok();
}

std::size_t Quarantine::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::vector<Quarantine::Entry> Quarantine::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> out;
  for (const auto& [key, entry] : entries_) out.push_back(entry);
  return out;
}

Result<DocumentWrite> Quarantine::document(const std::string& id, const RevId& rev) const {
  ATELIER_TRY(local, store_->get_local(local_id(id, rev)));
  const auto damaged = [&] {
    return Error(ErrorCode::kCorrupt, "what is kept of " + id + " cannot be read");
  };
  const auto body = json::member(local.body, "body");
  if (!body) return not_found("the body is upstream alone");
  if (json::kind_of(*body) != json::Kind::kObject) return damaged();
  DocumentWrite write;
  write.id = id;
  write.deleted = json::bool_member(local.body, "deleted").value_or(false);
  write.body = std::string(*body);
  write.body_is_normal = true;
  bool whole = true;
  json::for_each_element(json::member(local.body, "history").value_or("[]"),
                         [&](std::string_view element) {
                           auto one = RevId::parse(json::string_value(element).value_or(""));
                           whole = one.has_value();
                           if (whole) write.history.push_back(std::move(*one));
                           return whole;
                         });
  if (!whole || write.history.empty() || write.history.front() != rev) return damaged();
  return write;
}

}  // namespace atelier::server
