// The texts of a room: TextDoc's operations as documents. Thread rule: main thread.
#pragma once

#include <memory>
#include <string>

#include "atelier/room.h"

namespace atelier {

/// See Room::open_text(). `raw` holds the documents; `presence` carries what is being typed and may
/// be null.
Result<std::unique_ptr<SharedText>> open_shared_text(std::shared_ptr<RawCollection> raw,
                                                     std::shared_ptr<RawPresence> presence,
                                                     const std::string& key);

}  // namespace atelier
