// Who serves the rooms of this user on this machine: one host at a time, any host when it ends.
//
// Each user has one fixed port on loopback, taken by whoever binds it first. The holder writes a
// runtime file (0600) with its address, its rooms and a secret; the others join that address and look
// every kShareTickMs whether it still answers.
//
// Invariants
//   1. A holder is believed only when it proves that it can read the runtime file: it answers a
//      nonce with HMAC(secret, nonce). A stranger on the port cannot, and is never joined.
//   2. A holder that does not answer twice (stopped, hung) is left; where it still has the port, the
//      next holder takes another one and the runtime file says which.
//   3. Of two holders the one that the runtime file names stays; the other steps down.
//   4. Who may not serve (its room syncs elsewhere and is closed to this machine) never holds the
//      address: the others' room of that name would be refused to them by it.
//   5. Nothing here decides about data: clients compare checkpoints whenever the store behind the
//      address is another one.
// Thread rule: a thread of its own; role() from any thread; on_change runs on that thread and may
// only wake somebody.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "server/server.h"

namespace atelier::host {

inline constexpr std::uint16_t kSharePortBase = 17'984;  // below the ephemeral ports; uid % 1000 on top
inline constexpr int kShareTickMs = 400;      // with two unanswered probes: 1.4 s to a new holder
inline constexpr int kProbeTimeoutMs = 500;   // loopback answers in 1 ms; this one is hung

/// The user's own port, or what ATELIER_PORT says (1024 to 65535) where that one is wanted elsewhere.
std::uint16_t user_share_port();

/// What the runtime file says.
struct ShareRecord {
  std::string url;                    // http://127.0.0.1:17984
  std::string uuid;                   // of the holding process
  std::string secret;                 // for the proof; never shown
  std::filesystem::path socket;       // the holder's control socket
  std::int64_t pid = 0;
  std::vector<std::string> rooms;     // titles
};
std::string encode_share_record(const ShareRecord& record);
/// Errors: kInvalid for anything else.
Result<ShareRecord> decode_share_record(std::string_view text);

enum class ProbeResult { kAnswers, kStranger, kSilent, kRefused };
/// Asks the holder for its proof.
ProbeResult probe_holder(const ShareRecord& record, int timeout_ms = kProbeTimeoutMs);

class Sharer {
 public:
  struct Role {
    bool decided = false;
    bool serving = false;
    std::string url;               // of whoever serves
    std::filesystem::path socket;  // the holder's control socket, when it is not us
    std::string problem;           // why nobody serves, in words
  };
  struct Options {
    std::filesystem::path runtime_dir;
    std::uint16_t port = 0;         // the user's port
    std::string uuid;               // of this process
    std::filesystem::path socket;   // our control socket
    /// Starts our server on a port (0: any) with a secret for the proof.
    std::function<Result<std::unique_ptr<Server>>(std::uint16_t port, const std::string& secret)> serve;
    std::function<void()> on_change;
    bool may_serve = true;  // see set_may_serve()
  };

  explicit Sharer(Options options);
  ~Sharer();  // stops serving and removes the runtime file when it is ours
  Sharer(const Sharer&) = delete;

  Role role() const;
  /// Waits for the first decision, at most `timeout_ms`.
  Role wait_decided(int timeout_ms) const;
  /// Whether this host may hold the address. A holder that may not any more steps
  /// down, and another one takes over.
  void set_may_serve(bool may_serve);
  /// The titles of the rooms that are open here; written into the runtime file.
  void set_rooms(std::vector<std::string> titles);
  /// Waits until the runtime file names the rooms given last, at most `timeout_ms`; false where another
  /// host's file stands.
  bool wait_written(int timeout_ms) const;
  /// Look now: a connection to the holder was lost.
  void check_now();

 private:
  void run();
  void tick();
  bool may_serve() const;
  void follow(const ShareRecord& record);
  void try_to_serve();
  void serve_tick();
  void stop_serving();
  void set_role(Role role);
  std::optional<ShareRecord> read_record() const;
  void write_record();
  std::filesystem::path record_path() const { return options_.runtime_dir / "share.json"; }

  const Options options_;

  // The sharer's own thread.
  std::unique_ptr<Server> server_;
  std::string secret_;
  int unanswered_ = 0;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Role role_;                        // guarded by mutex_
  std::vector<std::string> rooms_;          // guarded by mutex_
  std::vector<std::string> written_rooms_;  // in the runtime file; guarded by mutex_
  bool stop_ = false;                // guarded by mutex_
  bool look_ = false;                // guarded by mutex_
  bool may_serve_ = options_.may_serve;  // guarded by mutex_

  std::thread thread_;
};

}  // namespace atelier::host
