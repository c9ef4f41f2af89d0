// WebSocket frames (RFC 6455) as a client writes and reads them, without extensions.
//
//   frame   = %x80|opcode  length [mask] payload      ; one frame a message when we write
//   length  = 7 bits | 126 and 16 bits | 127 and 64 bits, big endian; the top bit: masked
//   "Hi"    = 81 82 m0 m1 m2 m3 48^m0 69^m1           ; from us, masked; from a server 81 02 48 69
//
// Thread rule: values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace atelier::web_socket {

enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

/// A whole message of ours, masked as a client must.
std::string encode(Opcode opcode, std::string_view payload);
/// The payload of a close frame.
std::string close_payload(std::uint16_t code, std::string_view reason = {});
/// What a server must answer to the Sec-WebSocket-Key of a handshake.
std::string accept_for(std::string_view key);

/// Takes a server's frames apart.
class Reader {
 public:
  explicit Reader(std::size_t message_bytes_max) : bytes_max_(message_bytes_max) {}

  struct Message {
    Opcode opcode = Opcode::kText;  // never kContinuation: fragments are put together
    std::string payload;
  };
  void add(std::string_view bytes) { input_.append(bytes); }
  /// The next complete message, or nullopt until more was added. Errors: kInvalid for what RFC 6455
  /// forbids, kTooLarge; nothing can be read after one.
  Result<std::optional<Message>> next();

 private:
  struct Frame;
  Result<std::optional<Frame>> next_frame();

  std::size_t bytes_max_;
  std::string input_;
  std::size_t used_ = 0;              // of input_
  std::optional<Message> fragments_;  // a message whose last frame is to come
};

}  // namespace atelier::web_socket
