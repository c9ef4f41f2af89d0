#include "replication/checkpoint.h"

#include <algorithm>
#include <bit>

#include "base/digest.h"
#include "base/http_date.h"
#include "base/json_text.h"
#include "base/limits.h"

namespace atelier {
namespace {

constexpr int kReplicationIdVersion = 4;  // CouchDB 3's
constexpr std::int64_t kRecentEntries = 4;

/// A sequence as it stands in a checkpoint: a string, or whatever another program wrote there.
std::string seq_value(std::string_view json) {
  if (auto text = json::string_value(json)) return *text == "0" ? "" : *text;
  return json == "0" || json == "null" ? "" : std::string(json);
}

std::optional<CheckpointEntry> parse_entry(std::string_view json) {
  auto session = json::string_member(json, "session_id");
  const auto seq = json::member(json, "recorded_seq");
  if (!session || !seq) return std::nullopt;
  CheckpointEntry entry;
  entry.session_id = std::move(*session);
  entry.recorded_seq = seq_value(*seq);
  entry.number = json::int_member(json, "number").value_or(0);
  entry.json = json;
  return entry;
}

bool has_session(const std::vector<CheckpointEntry>& history, std::size_t from,
                 const std::string& id) {
  return std::any_of(history.begin() + static_cast<std::ptrdiff_t>(from), history.end(),
                     [&](const CheckpointEntry& entry) { return entry.session_id == id; });
}

Checkpoint from_entry(const Checkpoint& checkpoint, std::size_t index) {
  Checkpoint rest;
  rest.history.assign(checkpoint.history.begin() + static_cast<std::ptrdiff_t>(index),
                      checkpoint.history.end());
  return rest;
}

bool is_kept(std::int64_t number, std::int64_t newest) {
  const std::int64_t age = newest - number;
  if (age < kRecentEntries) return true;
  const int tier = std::bit_width(static_cast<std::uint64_t>(age / kRecentEntries));
  return number % (std::int64_t{1} << std::min(tier, 62)) == 0;
}

std::string entry_json(const CheckpointEntry& entry, const CheckpointCounts& counts) {
  json::Writer out;
  out.begin_object();
  out.key("session_id").string(entry.session_id);
  out.key("number").integer(entry.number);
  out.key("start_time").string(http_date(counts.start_ms / 1'000));
  out.key("end_time").string(http_date(counts.end_ms / 1'000));
  out.key("start_last_seq").string(counts.start_seq.empty() ? "0" : counts.start_seq);
  out.key("end_last_seq").string(entry.recorded_seq.empty() ? "0" : entry.recorded_seq);
  out.key("recorded_seq").string(entry.recorded_seq.empty() ? "0" : entry.recorded_seq);
  out.key("missing_checked").integer(static_cast<std::int64_t>(counts.checked));
  out.key("missing_found").integer(static_cast<std::int64_t>(counts.missing));
  out.key("docs_read").integer(static_cast<std::int64_t>(counts.read));
  out.key("docs_written").integer(static_cast<std::int64_t>(counts.written));
  out.key("doc_write_failures").integer(static_cast<std::int64_t>(counts.refused));
  out.end_object();
  return out.take();
}

}  // namespace

Checkpoint parse_checkpoint(const std::optional<std::string>& json) {
  Checkpoint checkpoint;
  if (!json) return checkpoint;
  const auto normal = json::normalize(*json);
  if (!normal || json::kind_of(*normal) != json::Kind::kObject) return checkpoint;
  const auto history = json::member(*normal, "history");
  if (!history || json::kind_of(*history) != json::Kind::kArray) return checkpoint;
  json::for_each_element(*history, [&](std::string_view element) {
    if (json::kind_of(element) == json::Kind::kObject) {
      if (auto entry = parse_entry(element)) checkpoint.history.push_back(std::move(*entry));
    }
    return checkpoint.history.size() < kCheckpointHistoryMax;
  });
  return checkpoint;
}

Checkpoint common_checkpoint(const Checkpoint& source, const Checkpoint& target) {
  const std::size_t depth = std::min(source.history.size(), target.history.size());
  for (std::size_t i = 0; i < depth; ++i) {
    if (has_session(target.history, i, source.history[i].session_id)) return from_entry(source, i);
    if (has_session(source.history, i + 1, target.history[i].session_id)) {
      return from_entry(target, i);
    }
  }
  return {};
}

Checkpoint advance_checkpoint(const Checkpoint& before, const std::string& seq,
                              const CheckpointCounts& counts) {
  CheckpointEntry entry;
  entry.session_id = random_uuid();
  entry.recorded_seq = seq;
  entry.number = before.history.empty() ? 1 : before.history.front().number + 1;
  entry.json = entry_json(entry, counts);
  const std::int64_t newest = entry.number;
  Checkpoint next;
  next.history.push_back(std::move(entry));
  for (const CheckpointEntry& old : before.history) {
    if (next.history.size() == kCheckpointHistoryMax) break;
    if (is_kept(old.number, newest)) next.history.push_back(old);
  }
  return next;
}

std::string checkpoint_json(const Checkpoint& checkpoint) {
  json::Writer out;
  out.begin_object();
  if (!checkpoint.history.empty()) {
    const CheckpointEntry& top = checkpoint.history.front();
    out.key("session_id").string(top.session_id);
    out.key("source_last_seq").string(top.recorded_seq.empty() ? "0" : top.recorded_seq);
  }
  out.key("replication_id_version").integer(kReplicationIdVersion);
  out.key("history").begin_array();
  for (const CheckpointEntry& entry : checkpoint.history) out.raw(entry.json);
  out.end_array();
  out.end_object();
  return out.take();
}

}  // namespace atelier
