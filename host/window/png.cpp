// See png.h. The format: W3C PNG, third edition. Thread rule: pure functions.
//   file  := signature chunk*           chunk := length(4) type(4) data crc32(type data)
//   IDAT  := zlib(row*)                 row   := filter(1) pixel*
// Rows use filter 2 ("up") where that makes them smaller: flat areas then cost next to nothing.
#include "window/png.h"

#include <cstdlib>
#include <fstream>
#include <string_view>
#include <system_error>

#include <zlib.h>

namespace atelier::host {
namespace {

void append_u32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 255);
}

void append_chunk(std::string& out, std::string_view type, std::string_view data) {
  append_u32(out, static_cast<std::uint32_t>(data.size()));
  const auto begin = out.size();
  out.append(type).append(data);
  const auto* bytes = reinterpret_cast<const Bytef*>(out.data() + begin);
  append_u32(out,
             static_cast<std::uint32_t>(crc32(0, bytes, static_cast<uInt>(out.size() - begin))));
}

std::string filtered_rows(const Picture& picture) {
  const std::size_t stride = static_cast<std::size_t>(picture.width) * 3;
  std::string rows;
  rows.reserve((stride + 1) * static_cast<std::size_t>(picture.height));
  for (int y = 0; y < picture.height; ++y) {
    const std::uint8_t* row = picture.rgb.data() + static_cast<std::size_t>(y) * stride;
    rows += static_cast<char>(y == 0 ? 0 : 2);
    for (std::size_t x = 0; x < stride; ++x)
      rows += static_cast<char>(y == 0 ? row[x] : row[x] - (row - stride)[x]);
  }
  return rows;
}

}  // namespace

Result<std::string> encode_png(const Picture& picture) {
  const bool fits = picture.width > 0 && picture.height > 0 &&
                    picture.rgb.size() == static_cast<std::size_t>(picture.width) *
                                              static_cast<std::size_t>(picture.height) * 3;
  if (!fits) return invalid("a picture's bytes do not match its size");
  const std::string rows = filtered_rows(picture);
  uLongf packed_size = compressBound(static_cast<uLong>(rows.size()));
  std::string packed(packed_size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(packed.data()), &packed_size,
                reinterpret_cast<const Bytef*>(rows.data()), static_cast<uLong>(rows.size()),
                9) != Z_OK)
    return Error(ErrorCode::kInternal, "zlib refused to compress a picture");
  packed.resize(packed_size);
  std::string header;
  append_u32(header, static_cast<std::uint32_t>(picture.width));
  append_u32(header, static_cast<std::uint32_t>(picture.height));
  header +=
      std::string_view("\x08\x02\x00\x00\x00", 5);  // 8 bits, RGB, deflate, filters, no interlace
  std::string out("\x89PNG\r\n\x1a\n");
  append_chunk(out, "IHDR", header);
  append_chunk(out, "IDAT", packed);
  append_chunk(out, "IEND", "");
  return out;
}

Status write_png(const Picture& picture, const std::filesystem::path& file) {
  ATELIER_TRY(bytes, encode_png(picture));
  auto partial = file;
  partial += ".part";
  {
    std::ofstream out(partial, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!out.flush()) return Error(ErrorCode::kDisk, "cannot write the picture " + file.string());
  }
  std::error_code error;
  std::filesystem::rename(partial, file, error);
  if (error)
    return Error(ErrorCode::kDisk,
                 "cannot write the picture " + file.string() + ": " + error.message());
  return ok();
}

}  // namespace atelier::host
