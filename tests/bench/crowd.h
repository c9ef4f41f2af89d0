// Many people in one room who move at a steady rate, over WebSockets of a Swarm: how long what one
// shows takes to another. Thread rule: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace atelier::bench {

struct CrowdSizes {
  std::size_t people = 200;
  double per_second = 30;  // states of each
  double warm_up_seconds = 2, seconds = 10;
};

struct CrowdResult {
  std::vector<float> delays_ms;  // of each state at each of the others
  double sent = 0;               // states
  double seconds = 0;            // that it took
  double server_cores = 0, client_cores = 0;
};

/// `handshake` asks for the room's WebSocket; `server` is the process whose time is counted.
CrowdResult measure_crowd(std::uint16_t port, const std::string& handshake, int server,
                          const CrowdSizes& sizes);

}  // namespace atelier::bench
