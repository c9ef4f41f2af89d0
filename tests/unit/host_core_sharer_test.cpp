// Who serves: several sharers with real servers in one process, in a runtime folder of the test's own.
#include "sharer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>

#include "base/digest.h"
#include "base/os/os.h"
#include "store/catalog.h"

namespace atelier::host {
namespace {

/// One host: a catalog, and a sharer that serves it.
class Host {
 public:
  Host(const std::filesystem::path& folder, const std::string& name, std::uint16_t port)
      : uuid_(random_uuid()),
        catalog_(std::make_shared<Catalog>(folder / name, name)),
        sharer_(std::make_unique<Sharer>(Sharer::Options{
            .runtime_dir = folder,
            .port = port,
            .uuid = uuid_,
            .socket = folder / (name + ".sock"),
            .serve = [this](std::uint16_t at, const std::string& secret) { return serve(at, secret); },
            .on_change = [this] { poke(); }})) {}

  Sharer& sharer() { return *sharer_; }
  Sharer::Role role() { return sharer_->wait_decided(5'000); }
  void end() { sharer_.reset(); }

  /// Waits until `wanted` holds of the role.
  bool await(const std::function<bool(const Sharer::Role&)>& wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return wanted(sharer_->role()); });
  }

 private:
  Result<std::unique_ptr<Server>> serve(std::uint16_t port, const std::string& secret) {
    ServerOptions options;
    options.port = port;
    options.admin_token = "token";
    options.uuid = uuid_;
    options.probe_secret = secret;
    return Server::start(std::move(options), catalog_);
  }
  void poke() {
    const std::scoped_lock lock(mutex_);
    changed_.notify_all();
  }

  const std::string uuid_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<Catalog> catalog_;
  std::unique_ptr<Sharer> sharer_;
};

class SharerTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::uint16_t free_port() {
    ServerOptions options;
    options.admin_token = "token";
    options.uuid = "x";
    auto catalog = std::make_shared<Catalog>(folder_ / "probe", "probe");
    return (*Server::start(std::move(options), catalog))->port();
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("atelier-sharer-" + random_uuid());
};

TEST_F(SharerTest, TheFirstServesTheSecondJoinsAndTakesOverWhenTheFirstEnds) {
  const std::uint16_t port = free_port();
  Host first(folder_, "first", port);
  EXPECT_TRUE(first.role().serving);
  Host second(folder_, "second", port);
  const auto joined = second.role();
  EXPECT_FALSE(joined.serving);
  EXPECT_EQ(joined.url, first.sharer().role().url);
  EXPECT_EQ(joined.socket, folder_ / "first.sock");
  first.end();
  ASSERT_TRUE(second.await([](const Sharer::Role& role) { return role.serving; }));
  EXPECT_EQ(second.sharer().role().url, joined.url) << "the same address as before";
}

TEST_F(SharerTest, WhoMayNotServeJoinsNeverTakesOverAndStepsDown) {
  const std::uint16_t port = free_port();
  Host first(folder_, "first", port);
  EXPECT_TRUE(first.role().serving);
  Host closed(folder_, "closed", port);
  closed.sharer().set_may_serve(false);
  EXPECT_EQ(closed.role().url, first.sharer().role().url);
  first.end();
  ASSERT_TRUE(closed.await([](const Sharer::Role& role) { return role.url.empty(); }));
  EXPECT_FALSE(closed.sharer().role().serving);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "share.json"));

  Host third(folder_, "third", port);
  EXPECT_TRUE(third.role().serving) << "nobody else holds the address";
  Host fourth(folder_, "fourth", port);
  ASSERT_FALSE(fourth.role().serving);
  third.sharer().set_may_serve(false);
  ASSERT_TRUE(fourth.await([](const Sharer::Role& role) { return role.serving; }));
  ASSERT_TRUE(third.await([](const Sharer::Role& role) { return !role.serving && !role.url.empty(); }));
  closed.sharer().set_may_serve(true);
  fourth.end();
  third.end();
  ASSERT_TRUE(closed.await([](const Sharer::Role& role) { return role.serving; }));
}

TEST_F(SharerTest, AStrangerOnThePortIsNotJoined) {
  const std::uint16_t port = free_port();
  ServerOptions options;  // an Atelier, but one that cannot read our runtime file
  options.port = port;
  options.admin_token = "token";
  options.uuid = "stranger";
  options.probe_secret = "another secret";
  auto catalog = std::make_shared<Catalog>(folder_ / "stranger", "stranger");
  const auto stranger = Server::start(std::move(options), catalog);
  ASSERT_TRUE(stranger);
  const ShareRecord lie{.url = (*stranger)->url(), .uuid = "stranger", .secret = "the real secret",
                        .socket = {}, .pid = 1, .rooms = {}};
  EXPECT_EQ(probe_holder(lie), ProbeResult::kStranger);
  ASSERT_TRUE(os::write_private_file(folder_ / "share.json", encode_share_record(lie)));

  Host host(folder_, "host", port);
  const auto role = host.role();
  EXPECT_TRUE(role.serving);
  EXPECT_NE(role.url, (*stranger)->url()) << "another port, since the stranger has that one";
}

TEST_F(SharerTest, TheRuntimeFileNamesTheRoomsAndIsGoneAtTheEnd) {
  {
    Host host(folder_, "host", free_port());
    ASSERT_TRUE(host.role().serving);
    host.sharer().set_rooms({"lobby", "Größe"});
    ASSERT_TRUE(host.sharer().wait_written(5'000));
    const auto bytes = os::read_file(folder_ / "share.json");
    ASSERT_TRUE(bytes);
    const auto record = decode_share_record(*bytes);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->rooms, (std::vector<std::string>{"lobby", "Größe"}));
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "share.json"));
}

TEST_F(SharerTest, ADamagedRuntimeFileIsReplaced) {
  for (const std::string damage : {"", "{", "[]", "{\"url\":1}", "\xff\xfe"}) {
    EXPECT_FALSE(decode_share_record(damage));
    ASSERT_TRUE(os::write_private_file(folder_ / "share.json", damage));
    Host host(folder_, "host", free_port());
    EXPECT_TRUE(host.role().serving);
  }
}

}  // namespace
}  // namespace atelier::host
