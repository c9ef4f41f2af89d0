// file  := signature chunk*           chunk := length(4) type(4) data crc32(type data)
// IDAT  := a part of zlib(row*)       row   := filter(1) pixel*
// Rows use filter 2 ("up"): flat areas then cost next to nothing.
#include "core/png.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include <zlib.h>

#include "core/board_limits.h"

namespace atelier::board {
namespace {

constexpr int kBandRows = 256;

void append_u32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 255);
}

void append_chunk(std::string& out, std::string_view type, std::string_view data) {
  append_u32(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t begin = out.size();
  out.append(type).append(data);
  const auto* bytes = reinterpret_cast<const Bytef*>(out.data() + begin);
  append_u32(out,
             static_cast<std::uint32_t>(crc32(0, bytes, static_cast<uInt>(out.size() - begin))));
}

// Rows in, chunks out.
class Packer {
 public:
  Packer(int width, int height, std::string& out)
      : out_(out), row_(static_cast<std::size_t>(width) * 3 + 1, 0), above_(row_) {
    std::string header;
    append_u32(header, static_cast<std::uint32_t>(width));
    append_u32(header, static_cast<std::uint32_t>(height));
    header += std::string_view("\x08\x02\x00\x00\x00", 5);  // 8 bits, RGB, nothing interlaced
    out_ = "\x89PNG\r\n\x1a\n";
    append_chunk(out_, "IHDR", header);
    good_ = deflateInit(&stream_, 6) == Z_OK;
  }
  ~Packer() { deflateEnd(&stream_); }
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  void add_row(const std::uint8_t* rgba) {
    std::string filtered(row_.size(), '\0');
    filtered[0] = 2;
    for (std::size_t i = 1, from = 0; i < row_.size(); i += 3, from += 4)
      for (std::size_t part = 0; part < 3; ++part) {
        row_[i + part] = rgba[from + part];
        filtered[i + part] = static_cast<char>(row_[i + part] - above_[i + part]);
      }
    std::swap(row_, above_);
    pack(filtered, Z_NO_FLUSH);
  }
  bool finish() {
    pack({}, Z_FINISH);
    append_chunk(out_, "IEND", "");
    return good_;
  }

 private:
  void pack(std::string_view bytes, int flush) {
    if (!good_) return;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    int state = Z_OK;
    do {
      Bytef packed[16 << 10];
      stream_.next_out = packed;
      stream_.avail_out = sizeof packed;
      state = deflate(&stream_, flush);
      if (state == Z_STREAM_ERROR) good_ = false;
      const std::size_t size = sizeof packed - stream_.avail_out;
      if (size > 0) append_chunk(out_, "IDAT", {reinterpret_cast<const char*>(packed), size});
    } while (good_ && (stream_.avail_out == 0 || (flush == Z_FINISH && state != Z_STREAM_END)));
  }

  std::string& out_;
  std::vector<std::uint8_t> row_, above_;
  z_stream stream_{};
  bool good_ = false;
};

}  // namespace

Result<std::string> to_png(const Board& board, Painter& painter, const PngOptions& options) {
  Box box = board.bounds().grown(options.margin);
  if (box.empty()) box = {{0, 0}, {1, 1}};
  const double side = std::max(box.width(), box.height());
  const double scale = std::min(options.scale, kPngSideMax / std::max(side, 1e-6));
  const auto pixels = [&](double units) {
    return static_cast<int>(std::clamp<double>(std::ceil(units * scale), 1, kPngSideMax));
  };
  const int width = pixels(box.width()), height = pixels(box.height());
  std::string out;
  Packer packer(width, height, out);
  Picture band(width, std::min(kBandRows, height));
  for (int top = 0; top < height; top += kBandRows) {
    const int rows = std::min(kBandRows, height - top);
    const Bitmap bitmap = band.bitmap();
    fill_rect(bitmap, {0, 0, bitmap.width, bitmap.height}, kPaper);
    const Window window{{box.min.x, box.min.y + top / scale}, scale};
    const Box seen{window.corner, window.corner + Vec{width / scale, rows / scale}};
    for (const Item* item : board.within(seen.grown(1 / scale)))
      painter.paint(bitmap, window, *item);
    for (int row = 0; row < rows; ++row) packer.add_row(bitmap.at(0, row));
  }
  if (!packer.finish()) return Error(ErrorCode::kInternal, "the picture could not be compressed");
  return out;
}

}  // namespace atelier::board
