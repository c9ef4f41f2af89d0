// Other programs and the network's addresses: the POSIX side of base/os/os.h.
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <ifaddrs.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include "base/os/os.h"

extern char** environ;

namespace atelier::os {
namespace {

/// The child's output until it closes it. False when the time was up or the output too long.
bool read_all(int fd, std::chrono::steady_clock::time_point until, std::size_t bytes_max,
              std::string& out) {
  char buffer[4'096];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got == 0) return true;
    if (got < 0) return false;
    if (out.size() + static_cast<std::size_t>(got) > bytes_max) return false;
    out.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace

std::string network_fingerprint() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return "";
  std::vector<std::string> addresses;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_LOOPBACK) != 0 ||
        (one->ifa_flags & IFF_RUNNING) == 0) {
      continue;
    }
    char text[INET6_ADDRSTRLEN] = {};
    const void* address = nullptr;
    if (one->ifa_addr->sa_family == AF_INET) {
      address = &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr;
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      address = &reinterpret_cast<const sockaddr_in6*>(one->ifa_addr)->sin6_addr;
    }
    if (address == nullptr) continue;
    if (::inet_ntop(one->ifa_addr->sa_family, address, text, sizeof text) == nullptr) continue;
    addresses.push_back(std::string(one->ifa_name) + " " + text);
  }
  ::freeifaddrs(list);
  std::sort(addresses.begin(), addresses.end());
  std::string all;
  for (const std::string& address : addresses) all += address + "\n";
  return all;
}

Result<std::string> run_program(const std::vector<std::string>& argv, int timeout_ms,
                                std::size_t bytes_max) {
  int ends[2];
  if (argv.empty() || ::pipe2(ends, O_CLOEXEC) != 0) {
    return Error(ErrorCode::kUnavailable, "no program can be started now");
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t pid = 0;
  const int refused = ::posix_spawnp(&pid, words[0], &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (refused != 0) {
    ::close(ends[0]);
    return not_found("there is no program " + argv[0]);
  }
  std::string out;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  const bool whole = read_all(ends[0], until, bytes_max, out);
  ::close(ends[0]);
  if (!whole) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!whole && out.size() + sizeof(int) > bytes_max) {
    return Error(ErrorCode::kTooLarge, argv[0] + " said too much");
  }
  if (!whole) return Error(ErrorCode::kTimeout, argv[0] + " does not end");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Error(ErrorCode::kUnavailable, argv[0] + " ended with an error");
  }
  return out;
}

}  // namespace atelier::os
