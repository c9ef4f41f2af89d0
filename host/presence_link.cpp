#include "presence_link.h"

#include <utility>

namespace atelier::host {
namespace {

/// A PresenceClient as the room knows it.
class ClientTransport final : public PresenceTransport {
 public:
  explicit ClientTransport(std::shared_ptr<PresenceClient> client) : client_(std::move(client)) {}

  void publish(const std::string& topic, std::optional<std::string> state) override {
    client_->publish(topic, std::move(state));
  }
  std::vector<Update> take() override {
    std::vector<Update> updates;
    for (auto& one : client_->take()) {
      Update update{std::move(one.key), std::nullopt};
      if (one.person)
        update.peer = Peer{std::move(one.person->name), std::move(one.person->topics)};
      updates.push_back(std::move(update));
    }
    return updates;
  }
  PresenceStatus status() const override { return client_->status(); }
  void set_wake(std::function<void()> wake) override { client_->set_wake(std::move(wake)); }

 private:
  const std::shared_ptr<PresenceClient> client_;
};

}  // namespace

PresenceLink::PresenceLink(LocalRoom& room) {
  auto client = std::make_shared<PresenceClient>(room.user().name);
  client_ = client;
  room.attach_presence(std::make_unique<ClientTransport>(std::move(client)));
}

void PresenceLink::follow(const Node& node, const std::string& database,
                          const std::optional<DatabaseUrl>& upstream) {
  const auto client = client_.lock();
  if (!client) return;
  if (upstream) {
    if (std::exchange(place_, upstream->address()) != upstream->address())
      client->set_url(upstream);
    return;
  }
  const auto role = node.role();
  const std::string server = role.url.empty() ? node.url() : role.url;
  const std::string place = server.empty() ? role.problem : server;
  if (std::exchange(place_, place) == place) return;
  const auto url = DatabaseUrl::parse(server + "/" + url_encode(database));
  if (server.empty() || !url) {
    client->set_url(std::nullopt, role.problem.empty() ? "nobody serves this room" : role.problem);
  } else {
    client->set_url(*url);
  }
}

}  // namespace atelier::host
