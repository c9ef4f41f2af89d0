#include "server/room_end.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "base/json_text.h"
#include "server/person.h"
#include "server/quarantine.h"
#include "server/room_gate.h"

namespace atelier::server {
namespace {

constexpr std::int64_t kLastMs = 253'402'300'799'999;  // of the year 9999
constexpr std::size_t kPageDocuments = 500;
constexpr std::size_t kPurgers = 8;  // what several threads ask for goes into one commit

constexpr const char* kMonths[] = {"January",   "February", "March",    "April",
                                   "May",       "June",     "July",     "August",
                                   "September", "October",  "November", "December"};

std::string date_words(std::int64_t wall_ms) {
  using namespace std::chrono;
  const year_month_day date(floor<days>(sys_time<milliseconds>(milliseconds(wall_ms))));
  return std::to_string(unsigned(date.day())) + " " + kMonths[unsigned(date.month()) - 1] + " " +
         std::to_string(int(date.year())) + " (UTC)";
}

/// A name in a sentence: what would end the line is a space.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

/// A text that several people edit has a copy of its own among the properties
/// (docs/formats/text.md), named by what the ids of its batches, `<prefix>:<key>:<agent>:<range>`,
/// begin with.
Status forget_snapshots(Store& store, const std::vector<std::string>& ids) {
  std::string last;
  for (const std::string& id : ids) {
    const std::size_t range = id.rfind(':');
    const std::size_t agent =
        range == std::string::npos || range == 0 ? range : id.rfind(':', range - 1);
    if (agent == std::string::npos || agent == range) continue;
    const std::string name = "text-snapshot:" + id.substr(0, agent + 1);
    if (name == last) continue;
    last = name;
    const auto kept = store.get_property(name);
    if (kept && !kept->empty()) ATELIER_CHECK(store.put_property(name, ""));
  }
  return ok();
}

Status purge(Store& store, const std::string& id) {
  const auto tree = store.tree(id);
  if (!tree && tree.error().code == ErrorCode::kNotFound) return ok();
  if (!tree) return tree.error();
  std::vector<RevId> leaves;
  for (const std::int32_t leaf : tree->leaves()) leaves.push_back(tree->node(leaf).rev);
  ATELIER_CHECK(store.purge(id, leaves));
  return ok();
}

Status purge_all(Store& store, const std::vector<std::string>& ids) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  Status failed = ok();
  const auto work = [&] {
    for (std::size_t i = next++; i < ids.size(); i = next++) {
      const Status purged = purge(store, ids[i]);
      if (purged) continue;
      const std::lock_guard lock(mutex);
      failed = purged;
      next = ids.size();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min(kPurgers, ids.size()); ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return failed;
}

}  // namespace

Result<RoomEnd> read_room_end(std::string_view body) {
  const auto at = json::int_member(body, "at");
  if (!at || *at < 0 || *at > kLastMs) return invalid("/at: must be milliseconds since 1970");
  const auto by = json::string_member(body, "by");
  if (!by || by->empty() || by->size() > kRoomEndNameBytesMax)
    return invalid("/by: must be the name of who ended the room, of at most " +
                   std::to_string(kRoomEndNameBytesMax) + " bytes");
  const auto message = json::member(body, "message");
  const auto text = message ? json::string_value(*message) : std::optional<std::string>("");
  if (!text || text->size() > kRoomEndMessageBytesMax)
    return invalid("/message: must be text of at most " + std::to_string(kRoomEndMessageBytesMax) +
                   " bytes");
  return RoomEnd{*at, *by, *text};
}

std::string room_end_json(const RoomEnd& end) {
  json::Writer out;
  out.begin_object().key("at").integer(end.at_ms).key("by").string(end.by);
  if (!end.message.empty()) out.key("message").string(end.message);
  out.end_object();
  return out.take();
}

std::optional<RoomEnd> room_end(const Store& store) {
  const auto document = store.get(kEndedId);
  const auto end = document ? read_room_end(document->body) : Result<RoomEnd>(document.error());
  return end ? std::optional(*end) : std::nullopt;
}

std::string room_end_words(const RoomEnd& end) {
  return one_line(end.by) + " ended this room on " + date_words(end.at_ms) + "." +
         (end.message.empty() ? "" : " \u201C" + one_line(end.message) + "\u201D");
}

Result<EmptiedPage> empty_room(Store& store, const std::string& from) {
  EmptiedPage page;
  std::vector<std::string> ids;
  ScanOptions options;
  options.start = from;
  options.deleted = true;
  options.bodies = false;
  ATELIER_CHECK(store.scan(options, [&](const DocumentView& view) {
    if (ids.size() >= kPageDocuments) {
      page.next = std::string(view.id);
      return false;
    }
    if (!view.id.starts_with(kAccessPrefix)) ids.emplace_back(view.id);
    return true;
  }));
  std::vector<std::string> refused;  // what upstream brought and the rules did not let in
  for (const Store::LocalDocument& local : store.list_locals())
    if (from.empty() && local.id.starts_with(kQuarantinePrefix)) refused.push_back(local.id);
  if (ids.empty() && refused.empty()) return page;
  ATELIER_CHECK(begin_removal(store));
  for (const std::string& local : refused) ATELIER_CHECK(store.remove_local(local));
  ATELIER_CHECK(forget_snapshots(store, ids));
  ATELIER_CHECK(purge_all(store, ids));
  page.documents = ids.size();
  return page;
}

}  // namespace atelier::server
