#include "bench/feeds.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
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

Delays delays_at_rate(const std::string& program, std::size_t count, std::size_t writes,
                      double per_second, std::size_t writers) {
  Folder folder;
  Ours ours(program, folder.sub("server"));
  Swarm feeds(ours.target.port, count);
  feeds.send_all(
      request_text(ours.target, "GET", "/room/_changes?feed=continuous&since=0&heartbeat=50000"));
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
  constexpr std::string_view kId = "\"id\":\"message:";
  std::vector<std::string> tails(count);
  // By feed: of each writer the number that comes next, and how many came in all.
  std::vector<std::vector<std::size_t>> next(count);
  for (auto& of_feed : next)
    for (std::size_t i = 0; i < writers; ++i) of_feed.push_back(i);
  std::vector<std::size_t> told(count);
  std::vector<double> delays, since_due;
  delays.reserve(count * writes);
  since_due.reserve(count * writes);
  std::size_t finished = 0;
  const bool came = feeds.receive(
      [&](std::size_t connection, std::string_view bytes) {
        const double now = now_ms();
        std::string& tail = tails[connection];
        tail += bytes;
        std::size_t from = 0;
        for (std::size_t end = tail.find('\n'); end != std::string::npos;
             end = tail.find('\n', from)) {
          const std::string_view line = std::string_view(tail).substr(from, end - from);
          from = end + 1;
          const std::size_t at = line.find(kId);
          if (at == std::string_view::npos) continue;
          const std::size_t number = std::stoul(std::string(line.substr(at + kId.size(), 12)));
          std::size_t& expected = next[connection][number % writers];
          require(number == expected, "a feed left out a document, or told of it too late");
          expected += writers;
          delays.push_back(now - sent[number]);
          since_due.push_back(now - due_at(number));
          if (++told[connection] == writes) ++finished;
        }
        tail.erase(0, from);
        return finished < count;
      },
      120'000);
  for (std::thread& thread : threads) thread.join();
  require(came, "feeds are not complete");
  return {std::move(delays), std::move(since_due),
          static_cast<double>(writes) * 1'000 / (answered - sent[0])};
}

}  // namespace atelier::bench
