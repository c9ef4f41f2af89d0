// The server that benchmarks measure, in a process of its own. Thread rule: main thread.
#pragma once

#include <filesystem>

namespace atelier::bench {

inline constexpr const char* kAdminToken = "bench";  // password of "admin"

/// Serves the folder's databases, as `atelier serve` does; prints the address, and ends with its
/// standard input. The exit code.
int run_server(const std::filesystem::path& folder);

}  // namespace atelier::bench
