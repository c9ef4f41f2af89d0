// Whether a write failed for want of room, where the failure does not say so. Thread rule: any
// thread.
#pragma once

#include <cstdint>
#include <filesystem>

namespace atelier::os {

/// The disk of `file`, its quota apart, or the limit of this process lets it grow by less than
/// `bytes`.
bool lacks_room(const std::filesystem::path& file, std::uint64_t bytes);

}  // namespace atelier::os
