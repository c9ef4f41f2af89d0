// Loading of libraries at run time (POSIX).
#include <utility>

#include <dlfcn.h>

#include "base/os/os.h"

namespace atelier::os {

Result<SharedLibrary> SharedLibrary::open(const std::filesystem::path& path) {
  ::dlerror();  // forget an older one
  // RTLD_NOW: a missing function is found here and not in the middle of a frame.
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle) return SharedLibrary(handle);
  const char* words = ::dlerror();
  return invalid(words ? words : path.string() + " cannot be loaded");
}

SharedLibrary::SharedLibrary(SharedLibrary&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)) {}
SharedLibrary& SharedLibrary::operator=(SharedLibrary&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}
SharedLibrary::~SharedLibrary() {
  if (handle_) ::dlclose(handle_);
}

void* SharedLibrary::symbol(const char* name) const {
  return ::dlsym(handle_, name);
}

}  // namespace atelier::os
