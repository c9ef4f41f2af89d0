// What benchmarks with several processes need: a folder that goes with its owner, and a child.
// Thread rule: each object belongs to one thread.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace atelier::bench {

/// A new folder among the temporary ones; removed at the end.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path sub(const std::string& name) const { return path_ / name; }

 private:
  const std::filesystem::path path_;
};

/// A child of ours: its lines are read, it is ended by closing its standard input. Ends the program
/// where something of that fails.
class Child {
 public:
  explicit Child(std::vector<std::string> command);
  ~Child() { end(); }
  Child(const Child&) = delete;

  std::string line();
  void say(const std::string& text);
  void end();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  int in_ = -1;
  FILE* out_ = nullptr;
};

}  // namespace atelier::bench
