// How much of a room a device keeps: the rest is evicted once others have it. What was evicted
// stays known by its id and revisions, so it is neither deleted elsewhere nor pulled again. Thread
// rule: values; keep_window() as Store.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace atelier {

struct KeepWindow {
  std::vector<std::string> prefixes;  // collections, each for itself; empty: the room as a whole
  std::int64_t age_ms = 0;            // documents that are older go; 0: age does not count
  std::vector<std::string> kept_ids;  // of documents that stay in any case
  std::uint64_t bytes = 0;  // of bodies and attachments, newest first; 0: as many as there are

  bool operator==(const KeepWindow&) const = default;
  bool empty() const { return age_ms == 0 && bytes == 0; }
};

/// "30d", "12h", "1GB", "500MB", or several with commas between ("30d,1GB"). Errors: kInvalid.
Result<KeepWindow> parse_window(std::string_view text);
/// The same text for the same window; "" for none. Without the prefixes.
std::string window_text(const KeepWindow& window);

/// Evicts what is outside the window. The age of a document is in its id where the id is one of
/// ours (base/id.h); documents with other ids have none. The newest are those with the greatest
/// ids. Only documents whose last change is not behind `sent_sequence` go: what nobody else has
/// stays, as do design documents and tombstones. Returns how many documents went.
Result<std::uint64_t> keep_window(Store& store, const KeepWindow& window,
                                  std::uint64_t sent_sequence, std::int64_t now_ms);

}  // namespace atelier
