// What people should be told of a synchronisation for some time, also after another start: kept in
// the store, for each remote. Thread rule: as Store.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "store/store.h"

namespace atelier {

/// `remote`: PeerFactory::stable_name(). Errors: those of the disk.
Status save_sync_notice(Store& store, std::string_view remote, std::string_view words,
                        std::int64_t wall_ms);
/// The words, and when they were saved; "" and 0 when there are none.
std::pair<std::string, std::int64_t> load_sync_notice(const Store& store, std::string_view remote);

}  // namespace atelier
