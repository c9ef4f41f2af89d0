// Writes pictures of the screen. Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "atelier/error.h"

namespace atelier::host {

struct Picture {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;  // rows from the top, 3 bytes a pixel
};

/// The bytes of a PNG file (8 bits a channel, RGB). Errors: kInvalid when sizes do not fit.
Result<std::string> encode_png(const Picture& picture);

/// Writes beside the place and renames, so that a reader never sees half a picture. Errors: kDisk.
Status write_png(const Picture& picture, const std::filesystem::path& file);

}  // namespace atelier::host
