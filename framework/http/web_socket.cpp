#include "http/web_socket.h"

#include <utility>

#include <openssl/evp.h>

#include "base/digest.h"

namespace atelier::web_socket {
namespace {

constexpr std::uint8_t kFinal = 0x80, kReserved = 0x70, kMasked = 0x80;
constexpr std::size_t kControlBytesMax = 125;  // section 5.5
constexpr std::size_t kMaskBytes = 4;

bool is_control(Opcode opcode) {
  return static_cast<std::uint8_t>(opcode) >= 8;
}

bool is_known(Opcode opcode) {
  const auto number = static_cast<std::uint8_t>(opcode);
  return number <= 2 || (number >= 8 && number <= 10);
}

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>((value >> shift) & 0xff);
}

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

}  // namespace

std::string encode(Opcode opcode, std::string_view payload) {
  std::string out;
  out.reserve(payload.size() + 14);
  out += static_cast<char>(kFinal | static_cast<std::uint8_t>(opcode));
  if (payload.size() <= kControlBytesMax) {
    out += static_cast<char>(kMasked | payload.size());
  } else if (payload.size() <= 0xffff) {
    out += static_cast<char>(kMasked | 126);
    append_big_endian(out, payload.size(), 2);
  } else {
    out += static_cast<char>(kMasked | 127);
    append_big_endian(out, payload.size(), 8);
  }
  const std::string mask = random_bytes(kMaskBytes);
  out += mask;
  for (std::size_t i = 0; i < payload.size(); ++i)
    out += static_cast<char>(payload[i] ^ mask[i % kMaskBytes]);
  return out;
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::string out;
  append_big_endian(out, code, 2);
  out += reason.substr(0, kControlBytesMax - 2);
  return out;
}

std::string accept_for(std::string_view key) {
  const std::string text =
      std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // section 1.3
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr);
  return base64({reinterpret_cast<const char*>(digest), size});
}

struct Reader::Frame {
  bool last = false;
  Opcode opcode = Opcode::kText;
  std::string payload;
};

Result<std::optional<Reader::Frame>> Reader::next_frame() {
  const std::string_view rest = std::string_view(input_).substr(used_);
  if (rest.size() < 2) return std::optional<Frame>();
  const auto first = static_cast<std::uint8_t>(rest[0]);
  const auto second = static_cast<std::uint8_t>(rest[1]);
  Frame frame{(first & kFinal) != 0, static_cast<Opcode>(first & 0x0f), {}};
  if ((first & kReserved) != 0 || !is_known(frame.opcode))
    return invalid("a frame that was not agreed on");
  if ((second & kMasked) != 0) return invalid("a server's frame must not be masked");

  std::size_t head = 2;
  std::uint64_t length = second & 0x7f;
  if (const int wide = length == 126 ? 2 : length == 127 ? 8 : 0; wide != 0) {
    head += static_cast<std::size_t>(wide);
    if (rest.size() < head) return std::optional<Frame>();
    length = read_big_endian(rest.substr(2, head - 2));
  }
  if (is_control(frame.opcode) && (!frame.last || length > kControlBytesMax))
    return invalid("a control frame is too long");
  if (length > bytes_max_) return Error{ErrorCode::kTooLarge, "a message is too large"};
  if (rest.size() - head < length) return std::optional<Frame>();
  frame.payload = rest.substr(head, static_cast<std::size_t>(length));
  used_ += head + frame.payload.size();
  if (used_ == input_.size()) {
    input_.clear();
    used_ = 0;
  }
  return std::optional<Frame>(std::move(frame));
}

Result<std::optional<Reader::Message>> Reader::next() {
  while (true) {
    ATELIER_TRY(frame, next_frame());
    if (!frame) {
      input_.erase(0, std::exchange(used_, 0));
      return std::optional<Message>();
    }
    if (is_control(frame->opcode))
      return std::optional<Message>(Message{frame->opcode, std::move(frame->payload)});
    const bool continues = frame->opcode == Opcode::kContinuation;
    if (continues != fragments_.has_value()) return invalid("a fragment out of its order");
    if (!continues) fragments_ = Message{frame->opcode, {}};
    if (fragments_->payload.size() + frame->payload.size() > bytes_max_)
      return Error{ErrorCode::kTooLarge, "a message is too large"};
    fragments_->payload += frame->payload;
    if (frame->last) return std::exchange(fragments_, std::nullopt);
  }
}

}  // namespace atelier::web_socket
