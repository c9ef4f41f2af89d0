#include "replication/window.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_set>

#include "base/id.h"
#include "base/limits.h"

namespace atelier {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::uint64_t kBytesMax = std::uint64_t{1} << 53;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
  bool is_age;
};
constexpr Unit kUnits[] = {{"h", kHourMs, true},
                           {"d", 24 * kHourMs, true},
                           {"w", 7 * 24 * kHourMs, true},
                           {"kB", 1'000, false},
                           {"MB", 1'000'000, false},
                           {"GB", 1'000'000'000, false},
                           {"TB", 1'000'000'000'000, false}};

Error bad_window(std::string_view part) {
  return invalid(
      "what is kept is said as 30d, 12h, 500MB, 1GB or several with commas between, not '" +
      std::string(part) + "'");
}

Status take_part(std::string_view part, KeepWindow& window) {
  std::uint64_t count = 0;
  const auto parsed = std::from_chars(part.data(), part.data() + part.size(), count);
  if (parsed.ec != std::errc() || count == 0) return bad_window(part);
  const std::string_view name(parsed.ptr, part.data() + part.size());
  for (const Unit& unit : kUnits) {
    if (unit.name != name) continue;
    if (count > kBytesMax / unit.factor) return bad_window(part);
    if (unit.is_age ? window.age_ms != 0 : window.bytes != 0) return bad_window(part);
    if (unit.is_age) window.age_ms = static_cast<std::int64_t>(count * unit.factor);
    if (!unit.is_age) window.bytes = count * unit.factor;
    return ok();
  }
  return bad_window(part);
}

std::string part_text(std::uint64_t value, bool is_age) {
  std::string text;
  for (const Unit& unit : kUnits) {  // the greatest that fits
    if (unit.is_age == is_age && value % unit.factor == 0) {
      text = std::to_string(value / unit.factor) + std::string(unit.name);
    }
  }
  return text;
}

/// One walk over a collection, from its newest document to its oldest.
class Sweep {
 public:
  Sweep(Store& store, const KeepWindow& window, std::uint64_t sent, std::int64_t now_ms)
      : store_(store),
        window_(window),
        kept_ids_(window.kept_ids.begin(), window.kept_ids.end()),
        sent_(sent),
        oldest_ms_(now_ms - window.age_ms) {}

  Result<std::uint64_t> run(const std::string& prefix) {
    std::optional<std::string> from;
    if (!prefix.empty()) from = prefix + ";";  // the byte after ':'
    for (bool more = true; more;) {
      ATELIER_TRY(page, read_page(prefix, from));
      more = page.size() == kWindowPageDocs;
      if (!page.empty()) from = page.back().id;
      ATELIER_CHECK(sweep(page));
    }
    return evicted_;
  }

 private:
  struct Seen {
    std::string id;
    std::uint64_t sequence = 0;
    std::uint64_t bytes = 0;
    bool has_attachments = false;
    bool evicted = false;
  };

  /// Without the document named `from`, which the page before ended with.
  Result<std::vector<Seen>> read_page(const std::string& prefix,
                                      const std::optional<std::string>& from) const {
    ScanOptions options;
    options.descending = true;
    options.start = from;
    if (!prefix.empty()) options.end = prefix + ":";
    options.limit = kWindowPageDocs + 1;
    std::vector<Seen> page;
    ATELIER_CHECK(store_.scan(options, [&](const DocumentView& view) {
      if (from && view.id == *from) return true;
      page.push_back({std::string(view.id), view.sequence, view.id.size() + view.body.size(),
                      view.has_attachments, view.evicted});
      return page.size() < kWindowPageDocs;
    }));
    return page;
  }

  Status sweep(const std::vector<Seen>& page) {
    std::vector<std::string> outside;
    for (const Seen& seen : page) {
      if (seen.evicted || seen.id.starts_with("_design/")) continue;
      kept_bytes_ += seen.bytes + (seen.has_attachments ? attachment_bytes(seen.id) : 0);
      const auto made_ms = id_time_ms(seen.id);
      const bool old = window_.age_ms > 0 && made_ms && *made_ms < oldest_ms_;
      const bool over = window_.bytes > 0 && kept_bytes_ > window_.bytes;
      if (!(old || over) || seen.sequence > sent_ || kept_ids_.contains(seen.id)) continue;
      outside.push_back(seen.id);
    }
    if (outside.empty()) return ok();
    ATELIER_TRY(count, store_.evict(outside, EvictWhat::kBodiesAndBlobs));
    evicted_ += count;
    return ok();
  }

  std::uint64_t attachment_bytes(const std::string& id) const {
    const auto document = store_.get(id);
    std::uint64_t bytes = 0;
    if (!document) return 0;
    for (const Attachment& one : document->attachments) {
      if (!one.evicted()) bytes += one.encoding.empty() ? one.length : one.encoded_length;
    }
    return bytes;
  }

  Store& store_;
  const KeepWindow& window_;
  const std::unordered_set<std::string_view> kept_ids_;
  const std::uint64_t sent_;
  const std::int64_t oldest_ms_;
  std::uint64_t kept_bytes_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace

Result<KeepWindow> parse_window(std::string_view text) {
  KeepWindow window;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    ATELIER_CHECK(take_part(text.substr(at, end - at), window));
    at = end + 1;
  }
  return window;
}

std::string window_text(const KeepWindow& window) {
  std::string text;
  if (window.age_ms > 0) text = part_text(static_cast<std::uint64_t>(window.age_ms), true);
  if (window.bytes > 0) text += (text.empty() ? "" : ",") + part_text(window.bytes, false);
  return text;
}

Result<std::uint64_t> keep_window(Store& store, const KeepWindow& window,
                                  std::uint64_t sent_sequence, std::int64_t now_ms) {
  if (window.empty()) return 0;
  if (window.prefixes.empty()) return Sweep(store, window, sent_sequence, now_ms).run("");
  std::uint64_t evicted = 0;
  for (const std::string& prefix : window.prefixes) {
    ATELIER_TRY(count, Sweep(store, window, sent_sequence, now_ms).run(prefix));
    evicted += count;
  }
  return evicted;
}

}  // namespace atelier
