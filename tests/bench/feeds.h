// A server of ours with many live feeds, as benchmarks measure it, and the requests that they send.
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/child.h"
#include "bench/swarm.h"

namespace atelier::bench {

/// A server and who we are there: express-pouchdb knows no administrator of ours.
struct Target {
  std::uint16_t port = 0;  // 0: it does not take part
  bool as_admin = true;
};

std::string request_text(const Target& target, const std::string& method, const std::string& path,
                         const std::string& body = {});
/// One request over a connection of its own.
void ask_once(const Target& target, const std::string& method, const std::string& path,
              const std::string& body = {});
std::uint16_t port_of(const std::string& url);

/// A chat message of 250 bytes, and its id.
std::string body_of(std::size_t number);
std::string id_of(std::size_t number);

/// A server of ours, in a process of its own, with a database "room". `program` knows `--serve
/// FOLDER` (served.h).
struct Ours {
  Ours(const std::string& program, const std::filesystem::path& folder);
  std::uint64_t own_memory() const;  // bytes
  double processor_ms() const;       // all of its threads, since it began
  Child child;
  Target target;
};

double now_ms();
/// Waits until each connection has been given the head of its feed.
void await_heads(Swarm& feeds);
/// From `write`, which another thread calls, until bytes that have `mark` came to all; ms.
double fan_out_ms(Swarm& feeds, const std::string& mark, const std::function<void()>& write);
/// Documents at a steady rate, by writers who take turns and wait for each answer: for each
/// document and feed, the ms from its request to the feed, and from when the request was due, which
/// is earlier where the writer still waited; and how many were written a second. Each feed must
/// tell of each document once, and of those of one writer in their order. Feeds are kept open, or
/// asked anew after each answer.
struct Delays {
  std::vector<double> ms, since_due_ms;
  double per_second;
};
Delays delays_at_rate(const std::string& program, std::size_t feeds, std::size_t writes,
                      double per_second, std::size_t writers = 1, bool long_polls = false);

}  // namespace atelier::bench
