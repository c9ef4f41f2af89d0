#include "bench/feeds.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

#include <unistd.h>

#include "base/digest.h"
#include "bench/report.h"
#include "bench/served.h"

namespace atelier::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBodyBytes = 250;

}  // namespace

std::string request_text(const Target& target, const std::string& method, const std::string& path,
                         const std::string& body) {
  static const std::string user = base64("admin:" + std::string(kAdminToken));
  std::string text =
      method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n";
  if (target.as_admin) text += "Authorization: Basic " + user + "\r\n";
  if (!body.empty() || method == "PUT" || method == "POST")
    text +=
        "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

/// One request over a connection of its own.
void ask_once(const Target& target, const std::string& method, const std::string& path,
              const std::string& body) {
  Swarm one(target.port, 1);
  one.ask_each(1, [&](std::size_t) { return request_text(target, method, path, body); });
}

std::string body_of(std::size_t number) {
  std::string body =
      "{\"sender\":\"ada\",\"sent\":" + std::to_string(1'700'000'000'000 + number) + ",\"text\":\"";
  while (body.size() + 2 < kBodyBytes) body += static_cast<char>('a' + body.size() % 26);
  return body + "\"}";
}

std::string id_of(std::size_t number) {
  std::array<char, 40> id;
  std::snprintf(id.data(), id.size(), "message:%012zu", number);
  return id.data();
}

std::uint16_t port_of(const std::string& url) {
  return static_cast<std::uint16_t>(std::stoul(url.substr(url.rfind(':') + 1)));
}

Ours::Ours(const std::string& program, const std::filesystem::path& folder)
    : child({program, "--serve", folder.string()}), target{port_of(child.line()), true} {
  ask_once(target, "PUT", "/room");
}

std::uint64_t Ours::own_memory() const {
  std::ifstream in("/proc/" + std::to_string(child.pid()) + "/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1'024;
  return 0;
}

double Ours::processor_ms() const {
  std::ifstream in("/proc/" + std::to_string(child.pid()) + "/stat");
  std::string text;
  std::getline(in, text);
  std::istringstream fields(text.substr(text.rfind(')') + 1));  // a name may hold spaces
  double user = 0, system = 0;
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  fields >> user >> system;
  return (user + system) * 1e3 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double now_ms() {
  return std::chrono::duration<double, std::milli>(Clock::now().time_since_epoch()).count();
}

void await_heads(Swarm& feeds) {
  std::vector<bool> begun(feeds.size());
  std::size_t left = feeds.size();
  require(feeds.receive(
              [&](std::size_t connection, std::string_view) {
                if (!begun[connection]) --left;
                begun[connection] = true;
                return left > 0;
              },
              60'000),
          "feeds did not begin");
}

double fan_out_ms(Swarm& feeds, const std::string& mark, const std::function<void()>& write) {
  std::vector<std::string> tails(feeds.size());
  std::vector<bool> done(feeds.size());
  std::size_t left = feeds.size();
  const double begun = now_ms();
  std::thread writer(write);
  const bool came = feeds.receive(
      [&](std::size_t connection, std::string_view bytes) {
        if (done[connection]) return true;
        std::string& tail = tails[connection];
        tail += bytes;
        done[connection] = tail.find(mark) != std::string::npos;
        if (done[connection]) --left;
        return left > 0;
      },
      60'000);
  const double took = now_ms() - begun;
  writer.join();
  require(came, "a feed did not tell of a document");
  return took;
}

namespace {

/// What feeds are told, line by line. Invariant: each feed tells of each document once, and of
/// those of one writer in their order.
class Readers {
 public:
  using OnDocument = std::function<void(std::size_t number)>;
  using OnAnswered = std::function<void(std::size_t connection, std::string_view sequence)>;

  Readers(std::size_t feeds, std::size_t writes, std::size_t writers)
      : feeds_(feeds), writes_(writes), writers_(writers) {
    for (Feed& feed : feeds_)
      for (std::size_t i = 0; i < writers; ++i) feed.next.push_back(i);
  }
  /// `answered` is called behind the end of a long poll's answer.
  void take(std::size_t connection, std::string_view bytes, const OnDocument& told,
            const OnAnswered& answered) {
    Feed& feed = feeds_[connection];
    feed.tail += bytes;
    std::size_t from = 0;
    for (std::size_t end = feed.tail.find('\n'); end != std::string::npos;
         end = feed.tail.find('\n', from)) {
      const std::string_view line = std::string_view(feed.tail).substr(from, end - from);
      from = end + 1;
      if (const auto number = number_of(line)) {
        note(feed, *number);
        told(*number);
      } else if (line.starts_with(kLastSequence)) {
        const std::string_view rest = line.substr(kLastSequence.size());
        feed.sequence = rest.substr(0, rest.find('"'));
      } else if (line == "0\r") {
        answered(connection, feed.sequence);
      }
    }
    feed.tail.erase(0, from);
  }
  bool all_told() const { return finished_ == feeds_.size(); }

 private:
  struct Feed {
    std::string tail, sequence;
    std::vector<std::size_t> next;  // of each writer
    std::size_t told = 0;
  };
  static constexpr std::string_view kId = "\"id\":\"message:";
  static constexpr std::string_view kLastSequence = "\"last_seq\":\"";

  static std::optional<std::size_t> number_of(std::string_view line) {
    const std::size_t at = line.find(kId);
    if (at == std::string_view::npos) return std::nullopt;
    return std::stoul(std::string(line.substr(at + kId.size(), 12)));
  }
  void note(Feed& feed, std::size_t number) {
    std::size_t& expected = feed.next[number % writers_];
    require(number == expected, "a feed left out a document, or told of it too late");
    expected += writers_;
    if (++feed.told == writes_) ++finished_;
  }
  std::vector<Feed> feeds_;
  const std::size_t writes_, writers_;
  std::size_t finished_ = 0;
};

std::string feed_request(const Target& target, bool long_polls, std::string_view since) {
  return request_text(target, "GET",
                      std::string("/room/_changes?feed=") +
                          (long_polls ? "longpoll" : "continuous") +
                          "&heartbeat=50000&since=" + std::string(since));
}

}  // namespace

Delays delays_at_rate(const std::string& program, std::size_t count, std::size_t writes,
                      double per_second, std::size_t writers, bool long_polls) {
  Folder folder;
  Ours ours(program, folder.sub("server"));
  Swarm feeds(ours.target.port, count);
  feeds.send_all(feed_request(ours.target, long_polls, "0"));
  await_heads(feeds);
  std::vector<std::atomic<double>> sent(writes);
  std::atomic<double> answered = 0;  // the last of them
  const double begun = now_ms();
  const auto due_at = [&](std::size_t i) {
    return begun + static_cast<double>(i) * 1'000 / per_second;
  };
  const auto write = [&](std::size_t first) {
    Swarm out(ours.target.port, 1);
    for (std::size_t i = first; i < writes; i += writers) {
      if (const double early = due_at(i) - now_ms(); early > 0)
        std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(early));
      sent[i] = now_ms();
      out.ask_each(1, [&](std::size_t) {
        return request_text(ours.target, "PUT", "/room/" + id_of(i), body_of(i));
      });
      answered = now_ms();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < writers; ++i) threads.emplace_back(write, i);
  Readers readers(count, writes, writers);
  std::vector<double> delays, since_due;
  delays.reserve(count * writes);
  since_due.reserve(count * writes);
  const bool came = feeds.receive(
      [&](std::size_t connection, std::string_view bytes) {
        const double now = now_ms();
        readers.take(
            connection, bytes,
            [&](std::size_t number) {
              delays.push_back(now - sent[number]);
              since_due.push_back(now - due_at(number));
            },
            [&](std::size_t asks, std::string_view since) {
              feeds.send(asks, feed_request(ours.target, true, since));
            });
        return !readers.all_told();
      },
      120'000);
  for (std::thread& thread : threads) thread.join();
  require(came, "feeds are not complete");
  return {std::move(delays), std::move(since_due),
          static_cast<double>(writes) * 1'000 / (answered - sent[0])};
}

}  // namespace atelier::bench
