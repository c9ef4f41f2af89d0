#include "server/gzip.h"

#include <utility>

#include <zlib.h>

#include "base/limits.h"

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

struct Gzip::Impl {
  z_stream stream{};
  explicit Impl(int level) {
    deflateInit2(&stream, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY);
  }
  ~Impl() { deflateEnd(&stream); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::string pack(std::string_view plain, int flush) {
    std::string out;
    char step[kStepBytes];
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    stream.avail_in = static_cast<uInt>(plain.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(step);
      stream.avail_out = kStepBytes;
      deflate(&stream, flush);
      out.append(step, kStepBytes - stream.avail_out);
    } while (stream.avail_out == 0);
    return out;
  }
};

Gzip::Gzip(int level) : impl_(std::make_unique<Impl>(level)) {}
Gzip::~Gzip() = default;

std::string Gzip::append(std::string_view plain) {
  return impl_->pack(plain, Z_NO_FLUSH);
}
std::string Gzip::finish() {
  return impl_->pack({}, Z_FINISH);
}

namespace {

class PackedSource final : public BodySource {
 public:
  explicit PackedSource(std::shared_ptr<BodySource> plain) : plain_(std::move(plain)) {}

  State next(Chunk& chunk) override {
    if (ended_) return State::kEnd;
    Chunk plain;
    const State state = plain_->next(plain);
    if (state == State::kWait) plain_->wake = wake;
    if (state == State::kWait || state == State::kAbort) return state;
    ended_ = state == State::kEnd;
    std::string packed = packer_.append(plain ? std::string_view(*plain) : std::string_view{});
    if (ended_) packed += packer_.finish();
    // An empty chunk gives others a turn, as one that was not packed does.
    if (!packed.empty()) chunk = std::make_shared<const std::string>(std::move(packed));
    return State::kData;
  }
  std::optional<TimePoint> deadline() const override { return plain_->deadline(); }
  void on_deadline() override { plain_->on_deadline(); }
  void on_stop() override { plain_->on_stop(); }

 private:
  const std::shared_ptr<BodySource> plain_;
  Gzip packer_{kReplyGzipLevel};
  bool ended_ = false;
};

}  // namespace

std::shared_ptr<BodySource> packed_source(std::shared_ptr<BodySource> plain) {
  return std::make_shared<PackedSource>(std::move(plain));
}

std::string gzip(std::string_view plain, int level) {
  Gzip packer(level);
  std::string out = packer.append(plain);
  return out += packer.finish();
}

}  // namespace atelier::server
