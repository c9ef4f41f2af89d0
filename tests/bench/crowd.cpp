#include "bench/crowd.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <sstream>
#include <string_view>
#include <sys/resource.h>

#include <unistd.h>

#include "bench/report.h"
#include "bench/swarm.h"

namespace atelier::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// A text message as a client must write it; the mask of zeros leaves the text as it is.
std::string framed(const std::string& text) {
  require(text.size() < 65'536, "a message is too large");
  std::string frame = "\x81";
  if (text.size() < 126) {
    frame += static_cast<char>(0x80 | text.size());
  } else {
    frame += static_cast<char>(0x80 | 126);
    frame += static_cast<char>(text.size() >> 8);
    frame += static_cast<char>(text.size() & 0xff);
  }
  return frame + std::string(4, '\0') + text;
}

/// Takes one frame of a server's off the front; false where it is not complete.
bool take_frame(std::string_view& bytes, std::string_view& payload, int& opcode) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  if (bytes.size() < 2) return false;
  std::size_t size = byte(1), head = 2;
  require(size < 127, "a frame is too large, or masked");
  if (size == 126) {
    if (bytes.size() < 4) return false;
    size = std::size_t{byte(2)} << 8 | byte(3);
    head = 4;
  }
  if (bytes.size() < head + size) return false;
  opcode = byte(0) & 0x0f;
  payload = bytes.substr(head, size);
  bytes.remove_prefix(head + size);
  return true;
}

double cpu_seconds_of(int process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/stat");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double own_cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

class Crowd {
 public:
  Crowd(std::uint16_t port, const std::string& handshake, const CrowdSizes& sizes)
      : sizes_(sizes), swarm_(port, sizes.people), tails_(sizes.people) {
    swarm_.send_all(handshake);
    std::vector<bool> in(sizes.people);
    std::size_t left = sizes.people;
    const auto take = [&](std::size_t person, std::string_view bytes) {
      std::string& tail = tails_[person];
      tail += bytes;
      const std::size_t end = tail.find("\r\n\r\n");
      if (in[person] || end == std::string::npos) return true;
      require(tail.starts_with("HTTP/1.1 101"), "no WebSocket: " + tail.substr(0, 100));
      tail.erase(0, end + 4);
      in[person] = true;
      return --left > 0;
    };
    require(swarm_.receive(take, 30'000), "not all came into the room");
  }

  /// All move for so long, evenly spread over the time between two moves of one.
  void move(double seconds) {
    const double step_us = 1e6 / sizes_.per_second / static_cast<double>(sizes_.people);
    const std::uint64_t begun = now_us();
    const auto end = begun + static_cast<std::uint64_t>(seconds * 1e6);
    for (std::uint64_t i = 0, now = begun; now < end; now = now_us()) {
      for (; begun + static_cast<std::uint64_t>(static_cast<double>(i) * step_us) <= now; ++i)
        say(i % sizes_.people, i);
      receive(1);
    }
  }
  void receive(int ms) {
    swarm_.receive(
        [this](std::size_t person, std::string_view bytes) { return take(person, bytes); }, ms);
  }
  void forget() {
    delays_ms_.clear();
    sent_ = 0;
    since_us_ = now_us();
  }
  /// Nothing that was said before forget() is counted.
  std::vector<float>& delays_ms() { return delays_ms_; }
  double sent() const { return static_cast<double>(sent_); }

 private:
  std::uint64_t now_us() const {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - origin_).count());
  }

  void say(std::size_t person, std::uint64_t step) {
    swarm_.send(person, framed("{\"name\":\"person " + std::to_string(person) +
                               "\",\"topics\":{\"board\":{\"x\":" + std::to_string(step % 1'920) +
                               ",\"y\":" + std::to_string(step % 1'080) +
                               ",\"at\":" + std::to_string(now_us()) + "}}}"));
    ++sent_;
  }

  bool take(std::size_t person, std::string_view bytes) {
    const std::uint64_t now = now_us();
    std::string& tail = tails_[person];
    if (!tail.empty()) bytes = tail += bytes;
    std::string_view payload;
    for (int opcode = 0; take_frame(bytes, payload, opcode);) {
      require(opcode != 8, "the server ended a connection");
      if (opcode == 1) took(payload, now);
    }
    tail = std::string(bytes);
    return true;
  }

  void took(std::string_view message, std::uint64_t now) {
    constexpr std::string_view kAt = "\"at\":";
    const std::size_t at = message.rfind(kAt);
    if (at == std::string_view::npos) return;  // a key, or who is there
    std::uint64_t said = 0;
    std::from_chars(message.data() + at + kAt.size(), message.data() + message.size(), said);
    if (said >= since_us_) delays_ms_.push_back(static_cast<float>(now - said) / 1'000);
  }

  const CrowdSizes sizes_;
  const Clock::time_point origin_ = Clock::now();
  Swarm swarm_;
  std::vector<std::string> tails_;  // what came of a frame that is not complete
  std::vector<float> delays_ms_;
  std::uint64_t sent_ = 0, since_us_ = 0;
};

}  // namespace

CrowdResult measure_crowd(std::uint16_t port, const std::string& handshake, int server,
                          const CrowdSizes& sizes) {
  Crowd crowd(port, handshake, sizes);
  crowd.delays_ms().reserve(static_cast<std::size_t>(
      static_cast<double>(sizes.people * sizes.people) * sizes.per_second * (sizes.seconds + 1)));
  crowd.move(sizes.warm_up_seconds);
  crowd.receive(100);
  crowd.forget();
  const double server_before = cpu_seconds_of(server), own_before = own_cpu_seconds();
  const auto begun = Clock::now();
  crowd.move(sizes.seconds);
  CrowdResult result;
  result.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  result.server_cores = (cpu_seconds_of(server) - server_before) / result.seconds;
  result.client_cores = (own_cpu_seconds() - own_before) / result.seconds;
  result.sent = crowd.sent();
  crowd.receive(500);  // what is on its way
  result.delays_ms = std::move(crowd.delays_ms());
  return result;
}

}  // namespace atelier::bench
