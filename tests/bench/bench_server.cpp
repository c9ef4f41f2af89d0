// The embedded server beside a bare Boost.Beast server, which does nothing but HTTP, and beside
// express-pouchdb, in one run.
//   bench_server [--json FILE] [--svg FILE] [--no-peers] [--rounds N] [--presence]
// The servers are processes of their own (`--serve FOLDER`, `--bare`); all share the machine's cores
// with the client. --no-peers --rounds 1 is the tiny run of the test suite, --presence measures that
// alone.
#include <algorithm>
#include <iostream>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "base/os/os.h"
#include "bench/child.h"
#include "bench/crowd.h"
#include "bench/feeds.h"
#include "bench/report.h"
#include "bench/served.h"
#include "bench/swarm.h"

namespace atelier::bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr std::size_t kRateWriters = 64;
std::string self_path;  // for starting ourselves again

struct Sizes {
  std::size_t feeds = 10'000, few_feeds = 1'000;
  std::size_t slow_writes = 500, fast_writes = 5'000;  // 50 and 500 a second for 10 s
  double get_seconds = 4;
  std::size_t bulks = 100;          // of 1,000 documents
  std::size_t million = 1'000'000;  // documents
  std::size_t express_docs = 20'000;
  CrowdSizes crowd = {};
};

// ---- What other processes of the benchmark run

/// As little as a server of Beast's can do: "/feed" is answered with a head, and with what standard
/// input says as one chunk, to all at once; anything else with a text.
class Bare {
 public:
  explicit Bare(std::string text) : text_(std::move(text)), acceptor_(io_, {tcp::v4(), 0}) {
    accept();
  }
  int run() {
    std::cout << acceptor_.local_endpoint().port() << std::endl;
    std::thread input([this] {
      for (std::string line; std::getline(std::cin, line);)
        asio::post(io_, [this, line] { tell(line + "\n"); });
      io_.stop();
    });
    io_.run();
    input.join();
    return 0;
  }

 private:
  struct Client {
    explicit Client(tcp::socket given) : socket(std::move(given)) {}
    tcp::socket socket;
    boost::beast::flat_buffer buffer;
    http::request<http::string_body> request;
    http::response<http::string_body> response;
  };

  void accept() {
    acceptor_.async_accept([this](boost::system::error_code failed, tcp::socket socket) {
      if (failed) return;
      socket.set_option(tcp::no_delay(true));
      read(std::make_shared<Client>(std::move(socket)));
      accept();
    });
  }
  void read(const std::shared_ptr<Client>& client) {
    client->request = {};
    http::async_read(client->socket, client->buffer, client->request,
                     [this, client](boost::system::error_code failed, std::size_t) {
                       if (!failed) answer(client);
                     });
  }
  void answer(const std::shared_ptr<Client>& client) {
    if (client->request.target().ends_with("/feed")) {
      static const std::string kHead =
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
      asio::async_write(client->socket, asio::buffer(kHead),
                        [this, client](boost::system::error_code failed, std::size_t) {
                          if (!failed) feeds_.push_back(client);
                        });
      return;
    }
    client->response = {http::status::ok, 11};
    client->response.set(http::field::content_type, "application/json");
    client->response.keep_alive(true);
    client->response.body() = text_;
    client->response.prepare_payload();
    http::async_write(client->socket, client->response,
                      [this, client](boost::system::error_code failed, std::size_t) {
                        if (!failed) read(client);
                      });
  }
  void tell(const std::string& line) {
    std::array<char, 20> size;
    std::snprintf(size.data(), size.size(), "%zx\r\n", line.size());
    const auto chunk = std::make_shared<const std::string>(size.data() + line + "\r\n");
    for (const auto& client : feeds_)
      asio::async_write(client->socket, asio::buffer(*chunk),
                        [chunk, client](boost::system::error_code, std::size_t) {});
  }

  const std::string text_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  std::vector<std::shared_ptr<Client>> feeds_;
};

// ---- Requests

std::string bulk_of(std::size_t first) {
  std::string body = "{\"docs\":[";
  for (std::size_t i = first; i < first + 1'000; ++i)
    body += (i == first ? "" : ",") + ("{\"_id\":\"" + id_of(i) + "\"," + body_of(i).substr(1));
  return body + "]}";
}

// ---- Feeds

void measure_fan_out(const Sizes& sizes, int rounds, Report& report) {
  Folder folder;
  std::vector<double> ours_ms, bare_ms;
  double memory = 0;
  std::string line;
  {
    Ours ours(self_path, folder.sub("server"));
    const std::uint64_t before = ours.own_memory();
    Swarm feeds(ours.target.port, sizes.feeds);
    feeds.send_all(request_text(ours.target, "GET", "/room/_changes?feed=continuous&since=0&heartbeat=50000"));
    await_heads(feeds);
    memory = static_cast<double>(ours.own_memory() - before) / static_cast<double>(feeds.size());
    Swarm writer(ours.target.port, 1);
    for (int i = 0; i < rounds; ++i) {
      const std::string id = "news:" + std::to_string(i);
      ours_ms.push_back(fan_out_ms(feeds, '"' + id + '"', [&] {
        writer.ask_each(1, [&](std::size_t) {
          return request_text(ours.target, "PUT", "/room/" + id, body_of(0));
        });
      }));
    }
  }
  // The bytes of such a line.
  line = R"({"seq":"1-0123456789abcdef0123456789abcdef0123456789abcdef","id":"news:0","changes":[)"
         R"({"rev":"1-0123456789abcdef0123456789abcdef"}]})";
  {
    Child bare({self_path, "--bare"});
    Swarm feeds(static_cast<std::uint16_t>(std::stoul(bare.line())), sizes.feeds);
    feeds.send_all(request_text({}, "GET", "/feed"));
    await_heads(feeds);
    for (int i = 0; i < rounds; ++i) {
      std::string told = line;
      const std::string id = "news:" + std::to_string(i);
      told.replace(told.find("news:0"), 6, id);
      bare_ms.push_back(fan_out_ms(feeds, '"' + id + '"', [&] { bare.say(told + "\n"); }));
    }
  }
  const std::string count = std::to_string(sizes.feeds);
  Row row{.work = count + " live feeds, one durable document: until all have it",
          .value = median(ours_ms),
          .unit = "ms"};
  row.peers.push_back({"bare Beast, the same bytes, nothing written", median(bare_ms), 1 / 1.5});
  report.add(std::move(row));
  report.add({.work = "own memory a live feed", .value = memory, .unit = "B", .target = 6'000});
}

void measure_rate(std::size_t count, std::size_t writes, double per_second, Report& report) {
  const Delays delays = delays_at_rate(self_path, count, writes, per_second, kRateWriters);
  const std::string work = std::to_string(count) + " feeds, " +
                           std::to_string(static_cast<int>(per_second)) + " documents/s";
  // They wait for each answer, and the server may not let them.
  report.add({.work = work + ": what " + std::to_string(kRateWriters) + " writers got to",
              .value = delays.per_second,
              .unit = "docs/s",
              .better = Better::kMore,
              .target = per_second * 0.95});
  report.add({.work = work + ": from when one is due to a feed, p99",
              .value = quantile(delays.since_due_ms, 0.99),
              .unit = "ms",
              .target = 250});
}

// ---- Requests and answers

struct Express {
  std::unique_ptr<Child> child;
  Target target{0, false};
};

Express start_express() {
  Express express;
  express.child = std::make_unique<Child>(
      std::vector<std::string>{"node", ATELIER_BENCH_FOLDER "/replication_peers.mjs", "serve"});
  express.target.port = port_of(express.child->line());
  ask_once(express.target, "PUT", "/room");
  return express;
}

double get_rate(const Target& target, const std::string& path, double seconds) {
  Swarm clients(target.port, 64);
  const auto answers = clients.ask(request_text(target, "GET", path), seconds);
  return static_cast<double>(answers.count) / answers.seconds;
}

void measure_gets(const Sizes& sizes, const Options& options, const Express& express,
                  Report& report) {
  Folder folder;
  Ours ours(self_path, folder.sub("server"));
  ask_once(ours.target, "PUT", "/room/message%3A1", body_of(1));
  Child bare({self_path, "--bare"});
  const Target plain{static_cast<std::uint16_t>(std::stoul(bare.line())), true};
  std::vector<double> ours_rates, bare_rates;
  for (int i = 0; i < std::min(options.rounds, 3); ++i) {
    ours_rates.push_back(get_rate(ours.target, "/room/message%3A1", sizes.get_seconds));
    bare_rates.push_back(get_rate(plain, "/hello", sizes.get_seconds));
  }
  Row row{.work = "GET of a document, 64 connections",
          .value = median(ours_rates),
          .unit = "requests/s",
          .better = Better::kMore,
          .target = 40'000};
  row.peers.push_back({"bare Beast, a text as long", median(bare_rates), 0.6});
  if (express.target.port != 0) {
    ask_once(express.target, "PUT", "/room/message%3A1", body_of(1));
    row.peers.push_back({"express-pouchdb, in memory",
                         get_rate(express.target, "/room/message%3A1", sizes.get_seconds)});
  }
  report.add(std::move(row));
}

/// What clients ask for most, by turns; one in ten writes a document.
std::string mixed_request(const Target& target, std::size_t number) {
  const auto get = [&](const std::string& path) { return request_text(target, "GET", path); };
  switch (number % 10) {
    case 0:
      return request_text(target, "PUT", "/room/" + id_of(number), body_of(number));
    case 1:
      return get("/room/_all_docs?limit=5&include_docs=true");
    case 2:
      return get("/room/_changes?limit=5&include_docs=true");
    case 3:
      return request_text(target, "POST", "/room/_revs_diff", R"({"message:1":["1-a","2-b"]})");
    case 4:
      return request_text(target, "POST", "/room/_bulk_get", R"({"docs":[{"id":"message:1"}]})");
    case 5:
      return get("/room");
    case 6:  // a conflict
      return request_text(target, "POST", "/room/_bulk_docs", R"({"docs":[{"_id":"message:1"}]})");
    case 7:
      return request_text(target, "POST", "/room/_find", R"({"selector":{"_id":"message:1"}})");
    case 8:
      return get("/_session");
    default:
      return get("/room/message%3A1");
  }
}

/// Whether memory stays where it was: a million requests of all kinds, over connections that come
/// and go.
void measure_memory(const Sizes& sizes, Report& report) {
  Folder folder;
  Ours ours(self_path, folder.sub("server"));
  ask_once(ours.target, "PUT", "/room/message%3A1", body_of(1));
  std::size_t asked = 0;
  const auto ask = [&](std::size_t count) {
    Swarm clients(ours.target.port, 64);
    const auto answers =
        clients.ask_each(count, [&](std::size_t) { return mixed_request(ours.target, asked++); });
    require(answers.count == count, "a request was not answered");
  };
  const std::size_t turn = std::max<std::size_t>(sizes.million / 50, 1'000);
  for (int i = 0; i < 5; ++i) ask(turn);
  const double before = static_cast<double>(ours.own_memory());
  for (std::size_t done = 0; done < sizes.million; done += turn) ask(turn);
  const double after = static_cast<double>(ours.own_memory());
  report.add({.work = "own memory after 100,000 mixed requests",
              .value = before / 1'048'576,
              .unit = "MiB"});
  report.add({.work = "own memory after 1,000,000 more",
              .value = after / 1'048'576,
              .unit = "MiB",
              .target = before / 1'048'576 + 2});
}

double bulk_rate(const Target& target, std::size_t bulks, std::size_t first) {
  std::vector<std::string> requests;
  for (std::size_t i = 0; i < bulks; ++i)
    requests.push_back(
        request_text(target, "POST", "/room/_bulk_docs", bulk_of(first + i * 1'000)));
  Swarm clients(target.port, 2);
  const auto answers = clients.ask_each(bulks, [&](std::size_t i) { return requests[i]; });
  return static_cast<double>(answers.count) * 1'000 / answers.seconds;
}

Swarm::Answers read_changes(const Target& target) {
  Swarm client(target.port, 1);
  return client.ask_each(1, [&](std::size_t) {
    return request_text(target, "GET", "/room/_changes?include_docs=true&since=0");
  });
}

double megabytes_per_second(const Swarm::Answers& answers) {
  return static_cast<double>(answers.bytes) / 1e6 / answers.seconds;
}

void measure_bulk(const Sizes& sizes, const Express& express, Report& report) {
  Folder folder;
  Ours ours(self_path, folder.sub("server"));
  Row row{.work = "_bulk_docs of 1,000, durable, 2 connections",
          .value = bulk_rate(ours.target, sizes.bulks, 0),
          .unit = "docs/s",
          .better = Better::kMore,
          .target = 80'000};
  if (express.target.port != 0)
    row.peers.push_back({"express-pouchdb, in memory",
                         bulk_rate(express.target, sizes.express_docs / 1'000, 0)});
  report.add(std::move(row));
  for (std::size_t i = sizes.bulks; i * 1'000 < sizes.million; i += 100)
    bulk_rate(ours.target, std::min<std::size_t>(100, sizes.million / 1'000 - i), i * 1'000);
  std::vector<double> rates;
  for (int i = 0; i < 3; ++i) rates.push_back(megabytes_per_second(read_changes(ours.target)));
  row = {.work = "_changes with documents from 0, " + std::to_string(sizes.million) + " of them",
         .value = median(rates),
         .unit = "MB/s",
         .better = Better::kMore,
         .target = 150};
  if (express.target.port != 0)
    row.peers.push_back({"express-pouchdb, fewer of them",
                         megabytes_per_second(read_changes(express.target))});
  report.add(std::move(row));
}

// ---- Presence

std::string presence_handshake(const Target& target) {
  std::string text = request_text(target, "GET", "/room/_presence");
  text.insert(text.size() - 2,
              "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  return text;
}

/// Each person of a room is seen by all others, all the time.
void measure_presence(const CrowdSizes& sizes, int rounds, Report& report) {
  std::vector<double> p99_ms, came_percent, server_cores, client_cores;
  for (int i = 0; i < rounds; ++i) {
    Folder folder;
    Ours ours(self_path, folder.sub("server"));
    CrowdResult result = measure_crowd(ours.target.port, presence_handshake(ours.target),
                                       ours.child.pid(), sizes);
    require(!result.delays_ms.empty(), "nobody saw anybody");
    const double expected = result.sent * static_cast<double>(sizes.people - 1);
    came_percent.push_back(100 * static_cast<double>(result.delays_ms.size()) / expected);
    p99_ms.push_back(quantile({result.delays_ms.begin(), result.delays_ms.end()}, 0.99));
    server_cores.push_back(result.server_cores);
    client_cores.push_back(result.client_cores);
  }
  const std::string who = "presence, " + std::to_string(sizes.people) + " clients in one room at " +
                          std::to_string(static_cast<int>(sizes.per_second)) + " Hz: ";
  report.add({.work = who + "a state to another client, p99",
              .value = median(std::move(p99_ms)),
              .unit = "ms",
              .target = 40});
  report.add({.work = who + "states that came, of all; the others were overtaken",
              .value = median(std::move(came_percent)),
              .unit = "%",
              .better = Better::kMore});
  report.add({.work = who + "the server",
              .value = median(std::move(server_cores)),
              .unit = "cores",
              .target = 1});
  report.add({.work = who + "the clients, one thread",
              .value = median(std::move(client_cores)),
              .unit = "cores"});
}

int run(int argc, char** argv) {
  auto options = read_options(argc, argv, {"--presence"});
  if (!options) return 2;
  Sizes sizes;
  if (!options->peers && options->rounds == 1) sizes = {50, 20, 20, 40, 0.1, 2, 2'000, 0, {20, 30, 0.1, 0.5}};
  Report report("server", "The embedded server beside a bare one and beside express-pouchdb");
  if (options->switches.contains("--presence")) {
    options->peers = false;  // there are none, and the drawing shows all rows
    measure_presence(sizes.crowd, options->rounds, report);
    return finish(report, *options);
  }
  measure_fan_out(sizes, options->rounds, report);
  measure_rate(sizes.feeds, sizes.slow_writes, 50, report);
  measure_rate(sizes.few_feeds, sizes.fast_writes, 500, report);
  Express express;
  if (options->peers) express = start_express();
  measure_gets(sizes, *options, express, report);
  measure_bulk(sizes, express, report);
  measure_memory(sizes, report);
  measure_presence(sizes.crowd, std::min(options->rounds, 3), report);
  return finish(report, *options);
}

}  // namespace
}  // namespace atelier::bench

int main(int argc, char** argv) {
  using namespace atelier::bench;
  atelier::os::ignore_broken_pipes();
  self_path = argv[0];
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "--serve" && argc == 3) return run_server(argv[2]);
  if (what == "--bare") return Bare(body_of(0)).run();
  return run(argc, argv);
}
