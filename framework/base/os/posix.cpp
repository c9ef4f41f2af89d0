// The POSIX (and where noted Linux) side of base/os/os.h.
#include "base/os/os.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "base/digest.h"

namespace atelier::os {
namespace {

Error disk_error(std::string_view what, const std::filesystem::path& path, int code) {
  const ErrorCode kind = code == ENOSPC || code == EDQUOT ? ErrorCode::kFull
                         : code == ENOENT                 ? ErrorCode::kNotFound
                         : code == EACCES || code == EPERM ? ErrorCode::kForbidden
                                                           : ErrorCode::kDisk;
  return {kind, "cannot " + std::string(what) + " " + path.string() + ": " + std::strerror(code)};
}

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::string read_all(int fd, std::size_t bytes_max) {
  std::string bytes;
  char buffer[4096];
  while (bytes.size() <= bytes_max) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    bytes.append(buffer, static_cast<std::size_t>(count));
  }
  return bytes;
}

}  // namespace

Result<std::filesystem::path> user_data_dir() {
  if (const auto xdg = environment("XDG_DATA_HOME"); xdg && !xdg->empty())
    return std::filesystem::path(*xdg) / "atelier";
  if (const auto home = environment("HOME"); home && !home->empty())
    return std::filesystem::path(*home) / ".local/share/atelier";
  return Error{ErrorCode::kNotFound, "neither XDG_DATA_HOME nor HOME is set: name a folder with --data"};
}

Result<std::filesystem::path> runtime_dir() {
  std::filesystem::path path;
  if (const auto xdg = environment("XDG_RUNTIME_DIR"); xdg && !xdg->empty()) {
    path = std::filesystem::path(*xdg) / "atelier";
  } else {
    std::error_code error;
    auto temporary = std::filesystem::temp_directory_path(error);
    if (error) temporary = "/tmp";
    path = temporary / ("atelier-" + std::to_string(user_id()));
  }
  ATELIER_CHECK(make_private_dir(path));
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return disk_error("read", path, errno);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::getuid() || (info.st_mode & 077) != 0)
    return Error{ErrorCode::kForbidden,
                 path.string() + " must be a folder of yours with mode 0700, and is not"};
  return path;
}

std::uint32_t user_id() { return ::getuid(); }
std::int64_t process_id() { return ::getpid(); }

bool process_alive(std::int64_t pid) {
  return pid > 0 && (::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM);
}

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::optional<std::string>(value) : std::nullopt;
}

Status make_private_dir(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return ok();
  if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) return disk_error("create the folder", path.parent_path(), error.value());
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return disk_error("create the folder", path, errno);
  if (!std::filesystem::is_directory(path, error))
    return Error{ErrorCode::kDisk, path.string() + " is not a folder"};
  return ok();
}

Status write_private_file(const std::filesystem::path& path, std::string_view bytes) {
  auto temporary = path;
  temporary += "." + random_uuid().substr(0, 8);
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) return disk_error("create", temporary, errno);
  const bool written = write_all(file.get(), bytes) && ::fsync(file.get()) == 0;
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    return disk_error("write", path, code);
  }
  Descriptor folder(::open(path.parent_path().empty() ? "." : path.parent_path().c_str(),
                           O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) ::fsync(folder.get());
  return ok();
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return disk_error("open", path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) == 0 && S_ISDIR(info.st_mode))
    return Error{ErrorCode::kDisk, path.string() + " is a folder"};
  std::string bytes = read_all(file.get(), bytes_max);
  if (bytes.size() > bytes_max)
    return Error{ErrorCode::kTooLarge, path.string() + " is larger than " + std::to_string(bytes_max) + " bytes"};
  return bytes;
}

// flock() and not fcntl(): it is held per open file, so that two stores in one process exclude each
// other as well, and closing another descriptor of the file does not release it.
Result<FileLock> FileLock::acquire(const std::filesystem::path& path, std::string_view holder) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0) return disk_error("open", path, errno);
  const std::string own = "(process " + std::to_string(process_id()) + ")";
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return disk_error("lock", path, errno);
    ::lseek(file.get(), 0, SEEK_SET);
    std::string words = read_all(file.get(), 4096);
    // Held by ourselves: another thread may be just letting go of it, so that is waited for.
    if (words.ends_with(own) && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      continue;
    }
    if (words.empty()) words = "another process";
    return Error{ErrorCode::kBusy, path.parent_path().string() + " is in use by " + words};
  }
  const std::string words = std::string(holder) + " " + own;
  ::lseek(file.get(), 0, SEEK_SET);  // the words of the holder before us may have been read
  if (::ftruncate(file.get(), 0) != 0 || !write_all(file.get(), words))
    return disk_error("write", path, errno);
  return FileLock(file.release());
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

std::optional<std::uint32_t> peer_user_id(int socket_fd) {
#if defined(__linux__)
  struct ucred peer {};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return peer.uid;
#else
  uid_t user = 0;
  gid_t group = 0;
  if (::getpeereid(socket_fd, &user, &group) != 0) return std::nullopt;
  return user;
#endif
}

bool is_terminal() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1; }

void ignore_broken_pipes() { ::signal(SIGPIPE, SIG_IGN); }

void on_termination(std::function<void()> on_stop) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals, stop = std::move(on_stop)]() mutable {
    int signal = 0;
    if (sigwait(&signals, &signal) == 0) stop();
    // A second signal ends the process at once: someone is impatient, and nothing committed is lost.
    if (sigwait(&signals, &signal) == 0) std::_Exit(128 + signal);
  }).detach();
}

std::uint64_t anonymous_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  }
  return 0;
}

std::filesystem::path program_dir() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::filesystem::current_path(error) : program.parent_path();
}

bool is_mapped(std::string_view name) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(name) != std::string::npos) return true;
  }
  return false;
}

}  // namespace atelier::os
