// The POSIX (and where noted Linux) side of base/os/child.h.
#include "base/os/child.h"

#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <cerrno>
#include <cstring>
#include <exception>

namespace atelier::os {
namespace {

void tell_line(int to, std::string_view line) {
  std::string bytes;
  for (const char c : line) bytes.push_back(c == '\n' ? ' ' : c);
  bytes.push_back('\n');
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t put = ::write(to, rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) ::_exit(1);  // nobody hears us
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
}

[[noreturn]] void be_child(const std::function<int(const Tell&)>& work, int to) {
#if defined(__linux__)
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::signal(fault, SIG_DFL);
  int code = 1;
  try {
    code = work([to](std::string_view line) { tell_line(to, line); });
  } catch (const std::exception& error) {
    tell_line(to, std::string("exception ") + error.what());
  }
  ::_exit(code);  // without the ends of statics, which are the parent's
}

void hear_lines(int from, const std::function<void(std::string_view)>& hear) {
  std::string bytes;
  char buffer[65'536];
  while (true) {
    const ssize_t got = ::read(from, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    bytes.append(buffer, static_cast<std::size_t>(got));
    std::size_t at = 0;
    for (auto end = bytes.find('\n'); end != std::string::npos; end = bytes.find('\n', at)) {
      hear(std::string_view(bytes).substr(at, end - at));
      at = end + 1;
    }
    bytes.erase(0, at);
  }
}

}  // namespace

Result<ChildEnd> run_in_child(const std::function<int(const Tell&)>& work,
                              const std::function<void(std::string_view)>& hear) {
  int lines[2];
  if (::pipe(lines) != 0) {
    return Error(ErrorCode::kInternal, std::string("no pipe: ") + std::strerror(errno));
  }
  const pid_t child = ::fork();
  if (child < 0) {
    const int code = errno;
    ::close(lines[0]);
    ::close(lines[1]);
    return Error(ErrorCode::kInternal, std::string("no further process: ") + std::strerror(code));
  }
  if (child == 0) {
    ::close(lines[0]);
    be_child(work, lines[1]);
  }
  ::close(lines[1]);
  hear_lines(lines[0], hear);
  ::close(lines[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ChildEnd end;
  if (WIFSIGNALED(status)) {
    end.signal = WTERMSIG(status);
    end.words =
        "was ended by signal " + std::to_string(end.signal) + " (" + ::strsignal(end.signal) + ")";
  } else {
    end.code = WEXITSTATUS(status);
    end.words = "ended with code " + std::to_string(end.code);
  }
  return end;
}

}  // namespace atelier::os
