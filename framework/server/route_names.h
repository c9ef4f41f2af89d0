// The names of all routes, for tests that must know each of them. Thread rule: a pure function.
#pragma once

#include <string>
#include <vector>

namespace atelier::server {

/// "/_up" above the databases, "/{db}/_changes" below one; documents and their attachments too.
std::vector<std::string> route_names();

}  // namespace atelier::server
