// A browser's side of a WebSocket, written out by hand over a plain socket. Thread rule: one thread a
// connection.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server_tools.h"

namespace atelier::server_test {

/// Masked frames, answers to pings.
class Web {
 public:
  explicit Web(Client client, const std::string& target = "/db/_presence",
               const HeaderList& headers = {})
      : client_(std::move(client)) {
    client_.send_request("GET", target, "", upgrade_headers(headers));
    reply_ = client_.read_head();
  }
  static HeaderList upgrade_headers(const HeaderList& more = {}) {
    HeaderList headers = {{"Upgrade", "websocket"},
                          {"Connection", "keep-alive, Upgrade"},
                          {"Sec-WebSocket-Version", "13"},
                          {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
    headers.insert(headers.end(), more.begin(), more.end());
    return headers;
  }

  const Reply& reply() const { return reply_; }
  bool send(std::string_view payload, int opcode = 1) {
    std::string frame(1, static_cast<char>(0x80 | opcode));
    if (payload.size() < 126) {
      frame += static_cast<char>(0x80 | payload.size());
    } else if (payload.size() <= 0xffff) {
      frame += static_cast<char>(0x80 | 126);
      frame += static_cast<char>(payload.size() >> 8);
      frame += static_cast<char>(payload.size() & 0xff);
    } else {
      frame += static_cast<char>(0x80 | 127);
      for (int shift = 56; shift >= 0; shift -= 8)
        frame += static_cast<char>((payload.size() >> shift) & 0xff);
    }
    const char mask[4] = {1, 2, 3, 4};
    frame.append(mask, 4);
    for (std::size_t i = 0; i < payload.size(); ++i)
      frame += static_cast<char>(payload[i] ^ mask[i % 4]);
    return client_.send(frame);
  }
  bool say(const std::string& name, const std::string& topics = "{}") {
    return send(R"({"name":")" + name + R"(","topics":)" + topics + "}");
  }

  /// The next message; nullopt when the connection ended. Pings are answered meanwhile.
  std::optional<std::string> next() {
    while (true) {
      const std::string head = client_.read_bytes(2);
      if (head.size() < 2) return std::nullopt;
      const int opcode = head[0] & 0x0f;
      std::size_t size = static_cast<unsigned char>(head[1]);
      if (const int wide = size == 126 ? 2 : size == 127 ? 8 : 0) {
        size = 0;
        for (const char c : client_.read_bytes(static_cast<std::size_t>(wide)))
          size = size << 8 | static_cast<unsigned char>(c);
      }
      std::string payload = client_.read_bytes(size);
      if (opcode == 1) return payload;
      if (opcode == 9 && !send(payload, 10)) return std::nullopt;
      if (opcode == 10) ++pongs_;
      if (opcode == 8) {
        code_ =
            static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
        reason_ = payload.substr(2);
        return std::nullopt;
      }
    }
  }
  std::string must() { return next().value_or("<ended with " + std::to_string(code_) + ">"); }
  /// The key that the first message gives.
  std::string key() {
    const std::string text = must();
    const std::size_t from = text.find(":\"") + 2;
    EXPECT_TRUE(text.starts_with(R"({"you":")")) << text;
    return text.substr(from, text.rfind('"') - from);
  }
  /// Reads to the end; the code of the close frame, 0 without one.
  int end_code() {
    while (next()) {
    }
    return code_;
  }
  const std::string& reason() const { return reason_; }
  /// How many came so far.
  int pongs() const { return pongs_; }
  Client& client() { return client_; }

 private:
  Client client_;
  Reply reply_;
  int code_ = 0, pongs_ = 0;
  std::string reason_;
};

}  // namespace atelier::server_test
