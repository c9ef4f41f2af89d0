// Who else has a database open, over the WebSocket of Atelier's server (docs/server.md,
// "Presence").
//
// Invariants
//   1. At most kPresencePerSecondMax states a second go out, the last one always and without a
//      further call.
//   2. A lost connection is made again by itself, with a growing wait; until then and for keep_ms
//      the others stay, so that nobody flickers while another host takes over.
//   3. A server that says nothing for silence_ms is left.
// Thread rule: a thread of its own; the functions from any thread. `wake` runs on that thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "atelier/presence_status.h"
#include "base/limits.h"
#include "http/http_peer.h"

namespace atelier {

/// Times in milliseconds; all but tests take these times.
struct PresenceClientOptions {
  int silence_ms = kPresenceClientSilenceMs;
  int keep_ms = kPresenceKeepMs;
  int retry_first_ms = kPresenceRetryFirstMs;
  int retry_max_ms = kPresenceRetryMaxMs;
  int unsupported_retry_ms = kPresenceUnsupportedRetryMs;
  std::string ca_file;  // as HttpPeerOptions::ca_file
};

class PresenceClient {
 public:
  struct Person {
    std::string name;
    std::map<std::string, std::string> topics;  // states, JSON in normal form
  };
  struct Update {
    std::string key;
    std::optional<Person> person;  // as they are now; nullopt: they left
  };

  explicit PresenceClient(std::string name, const PresenceClientOptions& options = {});
  /// Leaves at once; waits kPresenceLeaveMs for that at most.
  ~PresenceClient();
  PresenceClient(const PresenceClient&) = delete;
  PresenceClient& operator=(const PresenceClient&) = delete;

  /// Where to be from now on; nullopt: nowhere, and `why` is the status's reason. The same again
  /// changes nothing.
  void set_url(std::optional<DatabaseUrl> url, std::string why = {});
  /// What the others see of us under `topic`, JSON in normal form; nullopt: nothing.
  void publish(const std::string& topic, std::optional<std::string> state);
  /// What changed since the last call, each person once.
  std::vector<Update> take();
  PresenceStatus status() const;
  /// `wake` runs when take() or status() have something new; after the return the one before does
  /// not run any more.
  void set_wake(std::function<void()> wake);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace atelier
