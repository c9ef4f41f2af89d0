#include "replication/outbox.h"

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"

namespace atelier {
namespace {

ErrorCode code_of_name(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    if (error_code_name(code) == name) return code;
  }
  return ErrorCode::kInvalid;
}

std::optional<Rejection> parse_rejection(std::string_view json) {
  auto id = json::string_member(json, "id");
  const auto rev = RevId::parse(json::string_member(json, "rev").value_or(""));
  if (!id || !rev) return std::nullopt;
  Rejection rejection;
  rejection.id = std::move(*id);
  rejection.rev = *rev;
  rejection.error.code = code_of_name(json::string_member(json, "error").value_or(""));
  rejection.error.message = json::string_member(json, "reason").value_or("");
  rejection.error.http_status = static_cast<int>(json::int_member(json, "status").value_or(0));
  return rejection;
}

}  // namespace

std::string outbox_name(const std::string& stable_name) {
  return hex(sha256(stable_name)).substr(0, 16);
}

Outbox::Outbox(std::shared_ptr<Store> store, std::string name)
    : store_(std::move(store)), local_id_("atelier-outbox-" + name) {
  const auto kept = store_->get_local(local_id_);
  if (!kept) return;
  const auto list = json::member(kept->body, "refused");
  if (!list || json::kind_of(*list) != json::Kind::kArray) return;
  json::for_each_element(*list, [&](std::string_view element) {
    if (json::kind_of(element) != json::Kind::kObject) return true;
    if (auto found = parse_rejection(element)) refused_[{found->id, found->rev}] = *found;
    return true;
  });
}

Status Outbox::update(const std::vector<Rejection>& rejected,
                      const std::vector<std::string>& settled) {
  if (rejected.empty() && refused_.empty()) return ok();
  if (refused_.size() + rejected.size() > kOutboxMax) {
    return Error(ErrorCode::kTooLarge,
                 "the other side refuses more than " + std::to_string(kOutboxMax) + " documents");
  }
  const std::size_t before = refused_.size();
  for (const std::string& id : settled) forget(id);
  const bool changed = !rejected.empty() || refused_.size() != before;
  for (const Rejection& rejection : rejected) forget(rejection.id);
  for (const Rejection& one : rejected) refused_[{one.id, one.rev}] = one;
  return changed ? save() : ok();
}

void Outbox::forget(const std::string& id) {
  auto first = refused_.lower_bound({id, RevId()});
  while (first != refused_.end() && first->first.first == id) first = refused_.erase(first);
}

std::vector<RevisionRequest> Outbox::requests() const {
  std::vector<RevisionRequest> requests;
  for (const auto& [key, rejection] : refused_) {
    if (requests.empty() || requests.back().id != key.first) requests.push_back({key.first, {}});
    requests.back().revs.push_back(key.second);
  }
  return requests;
}

Status Outbox::save() {
  if (refused_.empty()) {
    auto removed = store_->remove_local(local_id_);
    return removed || removed.error().code == ErrorCode::kNotFound ? ok() : removed;
  }
  json::Writer out;
  out.begin_object().key("refused").begin_array();
  for (const auto& [key, rejection] : refused_) {
    out.begin_object().key("id").string(rejection.id).key("rev").string(rejection.rev.to_string());
    out.key("error").string(error_code_name(rejection.error.code));
    out.key("reason").string(rejection.error.message);
    out.key("status").integer(rejection.error.http_status).end_object();
  }
  out.end_array().end_object();
  ATELIER_CHECK(store_->put_local(local_id_, out.text()));
  return ok();
}

}  // namespace atelier
