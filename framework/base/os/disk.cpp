// The POSIX side of base/os/disk.h.
#include "base/os/disk.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace atelier::os {
namespace {

constexpr std::size_t kCopyBytes = std::size_t{1} << 20;

Error disk_error(const char* what, const std::filesystem::path& path, int code) {
  ErrorCode kind = ErrorCode::kDisk;
  if (code == ENOSPC || code == EDQUOT || code == EFBIG) kind = ErrorCode::kFull;
  if (code == ENOENT) kind = ErrorCode::kNotFound;
  if (code == EEXIST) kind = ErrorCode::kExists;
  if (code == EACCES || code == EPERM || code == EROFS) kind = ErrorCode::kForbidden;
  return {kind, std::string("cannot ") + what + " '" + path.string() + "': " + std::strerror(code)};
}

Status sync_at(const std::filesystem::path& path, int flags, bool must) {
  const int fd = ::open(path.empty() ? "." : path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return disk_error("open", path, errno);
  const int code = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (code == 0 || (!must && (code == EINVAL || code == ENOTSUP))) return ok();
  return disk_error("sync", path, code);
}

}  // namespace

Result<FileReader> FileReader::open(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return disk_error("open", path, errno);
  FileReader reader(fd);
  struct stat info {};
  if (::fstat(fd, &info) != 0) return disk_error("read", path, errno);
  if (!S_ISREG(info.st_mode)) {
    return Error(ErrorCode::kDisk, "'" + path.string() + "' is not a file");
  }
  return reader;
}

FileReader::FileReader(FileReader&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FileReader& FileReader::operator=(FileReader&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
FileReader::~FileReader() {
  if (fd_ >= 0) ::close(fd_);
}

std::uint64_t FileReader::size() const {
  struct stat info {};
  return ::fstat(fd_, &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

bool FileReader::read(std::uint64_t offset, char* to, std::size_t count) const {
  while (count > 0) {
    const ssize_t got = ::pread(fd_, to, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    offset += static_cast<std::uint64_t>(got);
    count -= static_cast<std::size_t>(got);
  }
  return true;
}

Result<FileWriter> FileWriter::create(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return disk_error("create", path, errno);
  return FileWriter(fd, path);
}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
FileWriter::~FileWriter() {
  if (fd_ >= 0) ::close(fd_);
}

Status FileWriter::append(const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t put = ::write(fd_, bytes, count);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return disk_error("write", path_, errno);
    bytes += put;
    count -= static_cast<std::size_t>(put);
  }
  return ok();
}

Status FileWriter::sync() {
  if (::fsync(fd_) != 0) return disk_error("sync", path_, errno);
  return ok();
}

Status sync_file(const std::filesystem::path& path) {
  return sync_at(path, O_RDONLY, true);
}

Status sync_folder(const std::filesystem::path& path) {
  return sync_at(path, O_RDONLY | O_DIRECTORY, false);
}

Status grow_file(const std::filesystem::path& path, std::uint64_t bytes) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return disk_error("open", path, errno);
  const int failed = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  ::close(fd);
  if (failed != 0) return disk_error("grow", path, failed);
  return ok();
}

Status copy_synced(const std::filesystem::path& from, const std::filesystem::path& to,
                 void (*progress)(void* context, std::uint64_t bytes), void* context) {
  ATELIER_TRY(reader, FileReader::open(from));
  ATELIER_TRY(writer, FileWriter::create(to));
  std::vector<char> buffer(kCopyBytes);
  const std::uint64_t size = reader.size();
  for (std::uint64_t at = 0; at < size;) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(kCopyBytes, size - at));
    if (!reader.read(at, buffer.data(), part)) return disk_error("read", from, errno);
    ATELIER_CHECK(writer.append(buffer.data(), part));
    at += part;
    if (progress) progress(context, at);
  }
  return writer.sync();
}

Status replace_file(const std::filesystem::path& from, const std::filesystem::path& to,
                    const std::filesystem::path& keep) {
  if (!keep.empty() && ::link(to.c_str(), keep.c_str()) != 0 && errno != ENOENT) {
    // A file system without second names: the copy costs time and room, and nothing else.
    if (errno == EEXIST) return disk_error("keep", keep, errno);
    ATELIER_CHECK(copy_synced(to, keep));
  }
  if (!keep.empty()) ATELIER_CHECK(sync_folder(keep.parent_path()));
  if (::rename(from.c_str(), to.c_str()) != 0) return disk_error("replace", to, errno);
  ATELIER_CHECK(sync_folder(to.parent_path()));
  if (from.parent_path() != to.parent_path()) return sync_folder(from.parent_path());
  return ok();
}

std::uint64_t file_identity(const std::filesystem::path& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_ino) : 0;
}

}  // namespace atelier::os
