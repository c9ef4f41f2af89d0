#include "bench/child.h"

#include <sys/wait.h>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include "base/digest.h"
#include "bench/report.h"

extern char** environ;

namespace atelier::bench {

Folder::Folder()
    : path_(std::filesystem::temp_directory_path() / ("atelier-bench-" + random_uuid())) {
  std::filesystem::create_directories(path_);
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Child::Child(std::vector<std::string> command) {
  int to[2];
  int from[2];
  require(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0, "no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to[0], 0);
  posix_spawn_file_actions_adddup2(&actions, from[1], 1);
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  require(posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ) == 0,
          "a process could not be started");
  posix_spawn_file_actions_destroy(&actions);
  close(to[0]);
  close(from[1]);
  in_ = to[1];
  out_ = fdopen(from[0], "r");
}

std::string Child::line() {
  std::string text;
  for (int c = fgetc(out_); c != EOF && c != '\n'; c = fgetc(out_)) text += static_cast<char>(c);
  require(!text.empty(), "a process of the benchmark ended early");
  return text;
}

void Child::say(const std::string& text) {
  require(write(in_, text.data(), text.size()) == static_cast<ssize_t>(text.size()), "no reader");
}

void Child::end() {
  if (pid_ == 0) return;
  close(in_);
  int status = 0;
  waitpid(pid_, &status, 0);
  fclose(out_);
  pid_ = 0;
}

}  // namespace atelier::bench
