// From a request to the route that answers it: access first, then database, then method.
// Thread rule: the server's thread.
#pragma once

#include <memory>
#include <optional>

#include "server/context.h"

namespace atelier::server {

class Router {
 public:
  explicit Router(std::shared_ptr<Context> context) : context_(std::move(context)) {}

  /// How the body of a request whose head was read is to be taken.
  struct Plan {
    std::optional<Response> refused;  // answer this; the body does not matter
    std::size_t body_bytes_max = 0;
    std::shared_ptr<BodySink> sink;  // takes the body piece by piece; null: into Request::body
  };
  /// Fills in path, segments, query and principal of the request.
  Plan begin(const std::shared_ptr<Request>& request);

  /// Answers a request whose body is complete.
  void handle(const std::shared_ptr<Request>& request, Respond respond);

  /// What the connection does to every answer before it is sent.
  void finish(const Request& request, Response& response) const;

 private:
  Plan plan_sink(const std::shared_ptr<Request>& request) const;
  void check_login(const Call& call);

  std::shared_ptr<Context> context_;
};

}  // namespace atelier::server
