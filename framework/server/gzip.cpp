#include "server/gzip.h"

#include <utility>

#include <zlib.h>

namespace atelier::server {

namespace {
constexpr int kGzipWindow = 15 + 16;  // zlib's way to say: the largest window, gzip framing
constexpr std::size_t kStepBytes = 32 << 10;
}  // namespace

struct Gunzip::Impl {
  z_stream stream{};
  bool finished = false;
  Impl() { inflateInit2(&stream, kGzipWindow); }
  ~Impl() { inflateEnd(&stream); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
};

Gunzip::Gunzip() : impl_(std::make_unique<Impl>()) {}
Gunzip::~Gunzip() = default;
Gunzip::Gunzip(Gunzip&&) noexcept = default;
Gunzip& Gunzip::operator=(Gunzip&&) noexcept = default;

bool Gunzip::finished() const {
  return impl_->finished;
}

Status Gunzip::append(std::string_view packed, std::string& out, std::size_t bytes_max) {
  z_stream& stream = impl_->stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  char step[kStepBytes];
  do {
    if (impl_->finished) {
      if (stream.avail_in == 0) break;
      if (inflateReset(&stream) != Z_OK) return invalid("the gzip stream is damaged");
      impl_->finished = false;
    }
    stream.next_out = reinterpret_cast<Bytef*>(step);
    stream.avail_out = kStepBytes;
    const int code = inflate(&stream, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
      return invalid("the gzip stream is damaged");
    const std::size_t made = kStepBytes - stream.avail_out;
    if (out.size() + made > bytes_max)
      return Error{ErrorCode::kTooLarge, "the unpacked body is too large"};
    out.append(step, made);
    if (code == Z_STREAM_END) impl_->finished = true;
    if (code == Z_BUF_ERROR && made == 0) break;
  } while (stream.avail_in != 0 || stream.avail_out == 0);
  return ok();
}

Result<std::string> gunzip(std::string_view packed, std::size_t bytes_max) {
  Gunzip stream;
  std::string out;
  ATELIER_CHECK(stream.append(packed, out, bytes_max));
  if (!stream.finished()) return invalid("the gzip stream ends early");
  return out;
}

std::string gzip(std::string_view plain) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, static_cast<uLong>(plain.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace atelier::server
