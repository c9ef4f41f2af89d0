#include "replication/sync_notice.h"

#include "base/json_text.h"
#include "replication/outbox.h"

namespace atelier {
namespace {

std::string document_name(std::string_view remote) {
  return "atelier-notice-" + outbox_name(std::string(remote));
}

}  // namespace

Status save_sync_notice(Store& store, std::string_view remote, std::string_view words,
                        std::int64_t wall_ms) {
  json::Writer body;
  body.begin_object().key("words").string(words).key("at").integer(wall_ms).end_object();
  ATELIER_CHECK(store.put_local(document_name(remote), body.text()));
  return ok();
}

std::pair<std::string, std::int64_t> load_sync_notice(const Store& store, std::string_view remote) {
  const auto document = store.get_local(document_name(remote));
  if (!document) return {};
  return {json::string_member(document->body, "words").value_or(""),
          json::int_member(document->body, "at").value_or(0)};
}

}  // namespace atelier
