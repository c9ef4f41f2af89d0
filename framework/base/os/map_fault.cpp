// The POSIX (and for the range of a map Linux) side of base/os/map_fault.h.
//
// Invariants of the handler: it calls what POSIX lists as safe in a handler, and reads nothing but
// slots whose `used` was published after all else in them.
#include "base/os/map_fault.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

namespace atelier::os {

struct MapWatch::Slot {
  std::atomic<bool> used{false};
  // Constant while used.
  std::uintptr_t begin = 0, end = 0;
  std::string message, marker;
};

namespace {

constexpr std::size_t kWatchesMax = 1'024;  // rooms open at once; later ones go unwatched
constexpr std::array kFaults = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT};

std::array<MapWatch::Slot, kWatchesMax> slots;
std::mutex slots_mutex;  // guards taking and freeing a slot
std::array<struct sigaction, kFaults.size()> before;
thread_local const MapWatch::Slot* in_use = nullptr;

[[noreturn]] void end_process(const MapWatch::Slot& slot) {
  const auto write_all = [](int fd, const std::string& bytes) {
    const char* at = bytes.data();
    std::size_t left = bytes.size();
    while (left > 0) {
      const ssize_t put = ::write(fd, at, left);
      if (put <= 0) return;
      at += put;
      left -= static_cast<std::size_t>(put);
    }
  };
  write_all(STDERR_FILENO, slot.message);
  const int fd = ::open(slot.marker.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd >= 0) {
    write_all(fd, slot.message);
    ::fsync(fd);
    ::close(fd);
  }
  ::_exit(kMapFaultExit);
}

const MapWatch::Slot* slot_of(std::uintptr_t address) {
  for (const MapWatch::Slot& slot : slots) {
    if (slot.used.load(std::memory_order_acquire) && address >= slot.begin && address < slot.end) {
      return &slot;
    }
  }
  return nullptr;
}

void chain(int signal, siginfo_t* info, void* context) {
  std::size_t index = 0;
  while (index + 1 < kFaults.size() && kFaults[index] != signal) ++index;
  const struct sigaction& action = before[index];
  if (action.sa_flags & SA_SIGINFO) return action.sa_sigaction(signal, info, context);
  if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN)
    return action.sa_handler(signal);
  // The instruction runs again, or the signal is sent again, and the system does what it does.
  ::sigaction(signal, &action, nullptr);
  if (signal == SIGABRT || info->si_code <= 0) ::raise(signal);
}

void on_fault(int signal, siginfo_t* info, void* context) {
  if (signal == SIGSEGV || signal == SIGBUS) {
    if (const auto* slot = slot_of(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
      end_process(*slot);
    }
  }
  if (in_use && in_use->used.load(std::memory_order_acquire)) end_process(*in_use);
  chain(signal, info, context);
}

void install() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (std::size_t i = 0; i < kFaults.size(); ++i) {
      struct sigaction action {};
      action.sa_sigaction = on_fault;
      action.sa_flags = SA_SIGINFO | SA_ONSTACK;
      ::sigemptyset(&action.sa_mask);
      ::sigaction(kFaults[i], &action, &before[i]);
    }
  });
}

// Linux lists each map as `begin-end rights offset device inode path`.
void find_map(const std::filesystem::path& file, MapWatch::Slot& slot) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::string rights, offset, device;
    std::uint64_t inode = 0;
    words >> std::hex >> begin >> dash >> end >> rights >> offset >> device >> std::dec >> inode;
    if (!words || inode != info.st_ino ||
        line.find(file.filename().string()) == std::string::npos) {
      continue;
    }
    if (slot.begin == 0) slot.begin = begin;
    slot.end = end;
  }
}

}  // namespace

MapWatch::MapWatch(const std::filesystem::path& file, const std::filesystem::path& marker,
                   const std::string& message) {
  install();
  const std::lock_guard lock(slots_mutex);
  for (Slot& slot : slots) {
    if (slot.used.load(std::memory_order_relaxed)) continue;
    slot.begin = slot.end = 0;
    slot.message = message + "\n";
    slot.marker = marker.string();
    find_map(file, slot);
    slot.used.store(true, std::memory_order_release);
    slot_ = &slot;
    return;
  }
}

MapWatch::~MapWatch() {
  const std::lock_guard lock(slots_mutex);
  if (slot_) slot_->used.store(false, std::memory_order_release);
}

void MapWatch::fail() const {
  if (slot_) end_process(*slot_);
  ::_exit(kMapFaultExit);
}

MapWatch::Use::Use(const MapWatch* watch) : before_(in_use) {
  in_use = watch ? watch->slot_ : nullptr;
}

MapWatch::Use::~Use() {
  in_use = static_cast<const Slot*>(before_);
}

}  // namespace atelier::os
