#include "bench/served.h"

#include <cstdio>
#include <iostream>
#include <memory>

#include "base/digest.h"
#include "bench/report.h"
#include "server/server.h"

namespace atelier::bench {

int run_server(const std::filesystem::path& folder) {
  auto catalog = std::make_shared<Catalog>(folder, "bench server");
  ServerOptions options;
  options.admin_token = kAdminToken;
  options.uuid = random_uuid();
  auto server = Server::start(options, catalog);
  require(server.has_value(), server ? "" : server.error().message);
  std::cout << (*server)->url() << std::endl;
  while (std::getchar() != EOF) {
  }
  return 0;
}

}  // namespace atelier::bench
