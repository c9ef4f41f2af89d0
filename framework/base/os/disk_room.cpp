// The POSIX side of base/os/disk_room.h.
#include "base/os/disk_room.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

namespace atelier::os {

bool lacks_room(const std::filesystem::path& file, std::uint64_t bytes) {
  struct statvfs disk {};
  if (::statvfs(file.c_str(), &disk) == 0 &&
      static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize < bytes) {
    return true;
  }
  struct rlimit limit {};
  struct stat info {};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
  return ::stat(file.c_str(), &info) == 0 &&
         static_cast<std::uint64_t>(info.st_size) + bytes > limit.rlim_cur;
}

}  // namespace atelier::os
