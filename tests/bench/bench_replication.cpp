// Replication beside PouchDB 9 in Node, both against the same servers in one run.
//   bench_replication [--json FILE] [--svg FILE] [--no-peers] [--rounds N] [--no-million]
// The server is this program again (`--serve FOLDER`), a process of its own with what `atelier
// serve` runs; so are the writer of the live measurement and the puller whose memory is looked at.
// --no-peers is the tiny run of the test suite: everything once, with few documents.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <sys/resource.h>
#include <thread>

#include <boost/json.hpp>
#include <unistd.h>

#include "base/digest.h"
#include "base/os/os.h"
#include "bench/child.h"
#include "bench/report.h"
#include "bench/served.h"
#include "bench/tcp_proxy.h"
#include "http/http_peer.h"
#include "replication/local_peer.h"
#include "replication/replicator.h"
#include "store/catalog.h"

namespace atelier {
namespace {

using bench::Better;
using bench::Child;
using bench::finish;
using bench::Folder;
using bench::kAdminToken;
using bench::median;
using bench::milliseconds;
using bench::Options;
using bench::output_of;
using bench::quantile;
using bench::read_options;
using bench::Report;
using bench::require;
using bench::Row;
using bench::TcpProxy;
namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kBodyBytes = 250;
constexpr std::size_t kExpressDocs = 20'000;
constexpr std::size_t kLinkBytesPerSecond = 10'000'000 / 8;  // 10 Mbit/s
constexpr std::size_t kNewest = 50;

std::string self_path;  // for starting ourselves again

double now_us() {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                 SteadyClock::now().time_since_epoch())
                                 .count()) /
         1'000.0;
}

double cpu_ms() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

Child serve(const fs::path& folder) {
  return Child({self_path, "--serve", folder.string()});
}

// ---- Documents and stores

std::shared_ptr<Store> open_store(const fs::path& path) {
  auto store = Store::open(path, {});
  require(store.has_value(), store ? "" : store.error().message);
  return *store;
}

/// Of the messages that are measured live, beside those that fill a room.
std::string live_id(std::size_t number) {
  return "live:" + std::to_string(number);
}

std::string message_id(std::size_t number) {
  char id[40];
  std::snprintf(id, sizeof id, "message:%012zu", number);
  return id;
}

/// Chat documents: a sender, a time and text that fills them to 250 bytes.
void fill(Store& store, std::size_t count) {
  constexpr std::size_t kBatch = 1'000;
  const std::string words =
      "what was said in this line is as long as people say things when they chat with others, "
      "neither very short nor a whole letter, so that a document with all of its members has "
      "the size that was measured in real rooms";
  for (std::size_t from = 0; from < count; from += kBatch) {
    std::vector<DocumentWrite> writes;
    for (std::size_t i = from; i < std::min(count, from + kBatch); ++i) {
      DocumentWrite write;
      write.id = message_id(i);
      write.body = "{\"sender\":\"ada\",\"sent\":" + std::to_string(1'700'000'000'000 + i) +
                   ",\"text\":\"" + std::to_string(i) + " ";
      write.body += words.substr(0, kBodyBytes - write.body.size() - write.id.size() - 2) + "\"}";
      write.body_is_normal = true;
      writes.push_back(std::move(write));
    }
    for (const WriteResult& result : store.write(std::move(writes))) {
      require(result.rev.has_value(), "a document was refused");
    }
  }
}

void fill_catalog(const fs::path& folder, const std::string& name, std::size_t count) {
  Catalog catalog(folder, "bench");
  auto store = catalog.open(name, true);
  require(store.has_value(), "no store");
  fill(**store, count);
}

std::string url_of(const std::string& server, const std::string& database) {
  return "http://admin:" + std::string(kAdminToken) + "@" + server.substr(7) + "/" + database;
}

std::unique_ptr<Peer> connect(const std::string& url) {
  HttpPeerOptions options;
  options.create_database = true;
  auto peer = make_http_peer(*DatabaseUrl::parse(url), options);
  require(peer.has_value(), "no peer");
  return std::move(*peer);
}

StepReport replicate(Peer& source, Peer& target, const std::string& id) {
  ReplicationOptions options;
  options.id = id;
  Replication replication(source, target, options);
  auto report = replicate_once(replication);
  require(report.has_value(), report ? "" : report.error().message);
  return std::move(*report);
}

// ---- What other processes of the benchmark run

/// Pulls a database and says how much memory of its own that took at most.
int run_puller(const std::string& url, const fs::path& folder) {
  const auto store = open_store(folder);
  std::atomic<bool> done = false;
  std::uint64_t peak = 0;
  std::thread watch([&] {
    while (!done) {
      peak = std::max(peak, os::anonymous_memory_bytes());
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  const auto local = make_local_peer(store);
  const auto remote = connect(url);
  const auto begun = SteadyClock::now();
  const StepReport report = replicate(*remote, *local, "bench");
  const std::chrono::duration<double> took = SteadyClock::now() - begun;
  done = true;
  watch.join();
  std::printf("%zu %.3f %llu\n", report.written, took.count(),
              static_cast<unsigned long long>(peak));
  return 0;
}

/// Writes one document for each line it is told, with the moment in it, and says at the end how
/// long a durable put takes here.
int run_writer(const std::string& url, const fs::path& folder) {
  const auto store = open_store(folder);
  const auto put = [&](const std::string& id) {
    DocumentWrite write;
    write.id = id;
    write.body = "{\"at_us\":" + std::to_string(now_us()) + "}";
    const auto put_done = store->write_one(std::move(write));
    require(put_done.has_value(), put_done ? "" : put_done.error().message);
  };
  std::vector<double> puts;
  for (int i = 0; i < 200; ++i) {
    puts.push_back(milliseconds([&] { put("warm:" + std::to_string(i)); }));
  }
  std::mutex mutex;
  std::condition_variable changed;
  LiveSync sync(store, make_http_peer_factory(*DatabaseUrl::parse(url), {}), {}, [&] {
    const std::lock_guard lock(mutex);
    changed.notify_all();
  });
  {
    std::unique_lock lock(mutex);
    while (sync.status().state != SyncState::kLive || sync.status().waiting > 0) {
      changed.wait_for(lock, std::chrono::milliseconds(20));
    }
  }
  std::printf("%.4f\n", median(puts));
  std::fflush(stdout);
  std::size_t number = 0;
  for (int c = std::getchar(); c != EOF; c = std::getchar()) put(live_id(number++));
  return 0;
}

// ---- Work

struct Sizes {
  std::size_t docs = 100'000;
  std::size_t express = kExpressDocs;
  std::size_t messages = 500;
  std::size_t million = 1'000'000;
};

struct PouchResult {
  double seconds = 0, cpu_ms = 0;
};

PouchResult pouch(const std::string& work, const std::string& url, std::size_t docs) {
  const auto out = output_of("node " ATELIER_BENCH_FOLDER "/replication_peers.mjs " + work + " " +
                             url + " " + std::to_string(docs));
  require(out.has_value(), "PouchDB's part did not run");
  const auto value = boost::json::parse(*out);
  return {value.at("seconds").to_number<double>(), value.at("cpu_ms").to_number<double>()};
}

/// Push and pull of many documents, and PouchDB's of the same.
void measure_bulk(const Options& options, const Sizes& sizes, Report& report) {
  const auto docs = static_cast<double>(sizes.docs);
  std::vector<double> pushes;
  std::vector<double> pulls;
  Folder folder;
  {
    const auto source = open_store(folder.sub("source"));
    fill(*source, sizes.docs);
    for (int round = 0; round < options.rounds; ++round) {
      const std::string name = std::to_string(round);
      Child server = serve(folder.sub("server" + name));
      const std::string url = url_of(server.line(), "room");
      const auto local = make_local_peer(source);
      pushes.push_back(milliseconds([&] {
        const auto remote = connect(url);
        require(replicate(*local, *remote, "push" + name).written == sizes.docs, "push");
      }));
      const auto target = open_store(folder.sub("target" + name));
      const auto into = make_local_peer(target);
      pulls.push_back(milliseconds([&] {
        const auto remote = connect(url);
        require(replicate(*remote, *into, "pull" + name).written == sizes.docs, "pull");
      }));
    }
  }
  Row pull{.work = "pull 100k chat documents (250 B) from atelier serve",
           .value = docs / median(pulls) * 1e3,
           .unit = "docs/s",
           .better = Better::kMore,
           .target = 60'000};
  Row push{.work = "push 100k",
           .value = docs / median(pushes) * 1e3,
           .unit = "docs/s",
           .better = Better::kMore,
           .target = 50'000};
  if (options.peers) {
    Child server = serve(folder.sub("server0"));
    const std::string base = server.line();
    pull.peers = {{"PouchDB", docs / pouch("pull", url_of(base, "room"), sizes.docs).seconds}};
    push.peers = {{"PouchDB", docs / pouch("push", url_of(base, "pouch"), sizes.docs).seconds}};
    pull.target_ratio = push.target_ratio = 20;
  }
  report.add(std::move(pull));
  report.add(std::move(push));
}

void measure_express(const Sizes& sizes, Report& report) {
  Folder folder;
  Child express({"node", ATELIER_BENCH_FOLDER "/replication_peers.mjs", "serve"});
  const std::string url = express.line() + "/room";
  {
    const auto source = open_store(folder.sub("source"));
    fill(*source, sizes.express);
    const auto local = make_local_peer(source);
    const auto remote = connect(url);
    require(replicate(*local, *remote, "fill").written == sizes.express, "express: push");
  }
  const auto target = open_store(folder.sub("target"));
  const auto into = make_local_peer(target);
  const double before = cpu_ms();
  {
    const auto remote = connect(url);
    require(replicate(*remote, *into, "pull").written == sizes.express, "express: pull");
  }
  report.add({.work = "pull 20k from express-pouchdb: the client's CPU",
              .value = cpu_ms() - before,
              .unit = "ms",
              .peers = {{"PouchDB", pouch("pull", url, sizes.express).cpu_ms}},
              .target_ratio = 10});
}

/// Waits for the first change after `since` and returns its row.
class ChangeWaiter {
 public:
  explicit ChangeWaiter(std::shared_ptr<Store> store) : store_(std::move(store)) {
    subscription_ = store_->subscribe([this] {
      const std::lock_guard lock(mutex_);
      poked_ = true;
      changed_.notify_all();
    });
  }
  /// Until the store holds `id`; the moment when its change was seen.
  double seen_us(const std::string& id) {
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        poked_ = false;
      }
      if (store_->get(id)) return now_us();
      std::unique_lock lock(mutex_);
      require(changed_.wait_for(lock, std::chrono::seconds(30), [&] { return poked_; }),
              "a change did not come");
    }
  }

 private:
  const std::shared_ptr<Store> store_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool poked_ = false;
  Subscription subscription_;
};

struct Live {
  double put_ms = 0;
  std::vector<double> delays_ms;
};

Live live_messages(const std::string& writer_url, const std::string& reader_url,
                   std::size_t messages, const std::function<void()>& ready = {}) {
  Folder folder;
  const auto store = open_store(folder.sub("reader"));
  ChangeWaiter waiter(store);
  LiveSync sync(store, make_http_peer_factory(*DatabaseUrl::parse(reader_url), {}), {});
  Child writer({self_path, "--write", writer_url, folder.sub("writer").string()});
  Live live;
  live.put_ms = std::stod(writer.line());
  waiter.seen_us("warm:199");
  while (sync.status().state != SyncState::kLive || sync.status().waiting > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (ready) ready();
  for (std::size_t i = 0; i < messages; ++i) {
    writer.say("\n");
    const double seen = waiter.seen_us(live_id(i));
    const auto body = boost::json::parse(store->get(live_id(i))->body);
    live.delays_ms.push_back((seen - body.at("at_us").to_number<double>()) / 1e3);
    // As people write: one after the other, at moments of their own.
    std::this_thread::sleep_for(std::chrono::microseconds(2'000 + 1'700 * (i % 7)));
  }
  return live;
}

void measure_live(const Sizes& sizes, Report& report) {
  Folder folder;
  fill_catalog(folder.sub("server"), "room", 1);
  Child server = serve(folder.sub("server"));
  const std::string base = server.line();
  const std::string url = url_of(base, "room");
  const Live live = live_messages(url, url, sizes.messages);
  const double target = 3 * live.put_ms + 1;
  report.add({.work = "a durable put of the same run", .value = live.put_ms, .unit = "ms"});
  report.add({.work = "live, A put → B change event, two processes: p50",
              .value = median(live.delays_ms),
              .unit = "ms",
              .target = target});
  report.add({.work = "the same: p99",
              .value = quantile(live.delays_ms, 0.99),
              .unit = "ms",
              .target = 4 * target});
  TcpProxy out(base);
  TcpProxy in(base);
  // Each side's way in is its pending long poll: the writer's is ended by its own message too.
  const auto sent = [](const TcpProxy& proxy) {
    return proxy.requests_without("/_local/") - proxy.requests_with("/_changes");
  };
  const auto polled = [](const TcpProxy& proxy) { return proxy.requests_with("/_changes"); };
  std::size_t out_before = 0, echo_before = 0, in_before = 0;
  const std::size_t few = std::min<std::size_t>(sizes.messages, 100);
  fill_catalog(folder.sub("other"), "room", 1);
  Child other = serve(folder.sub("other"));
  const std::string far = other.line();
  out.set_target(far);
  in.set_target(far);
  live_messages(url_of(out.url(), "room"), url_of(in.url(), "room"), few, [&] {
    out_before = sent(out);
    echo_before = polled(out);
    in_before = in.requests_without("/_local/");
  });
  const auto each = [&](std::size_t requests) {
    return static_cast<double>(requests) / static_cast<double>(few);
  };
  report.add({.work = "requests per message, checkpoints apart: out",
              .value = each(sent(out) - out_before),
              .unit = "requests",
              .target = 1.05});
  report.add({.work = "the same: the writer's own message on its way in",
              .value = each(polled(out) - echo_before),
              .unit = "requests",
              .target = 1.05});
  report.add({.work = "requests per message, checkpoints apart: in",
              .value = each(in.requests_without("/_local/") - in_before),
              .unit = "requests",
              .target = 1.05});
}

/// A room of a million: memory of a full pull, the cost of one more document, joining by a slow
/// link.
void measure_million(const Sizes& sizes, Report& report) {
  Folder folder;
  fill_catalog(folder.sub("server"), "room", sizes.million);
  Child server = serve(folder.sub("server"));
  const std::string base = server.line();
  const std::string url = url_of(base, "room");
  {
    Child puller({self_path, "--pull", url, folder.sub("puller").string()});
    unsigned long long written = 0;
    unsigned long long peak = 0;
    double seconds = 0;
    require(std::sscanf(puller.line().c_str(), "%llu %lf %llu", &written, &seconds, &peak) == 3,
            "the puller said something else");
    require(written == sizes.million, "not everything was pulled");
    report.add({.work = "peak own memory while pulling 1M documents",
                .value = static_cast<double>(peak) / (1 << 20),
                .unit = "MiB",
                .target = 64});
    report.add({.work = "pull 1M documents",
                .value = static_cast<double>(sizes.million) / seconds,
                .unit = "docs/s",
                .better = Better::kMore});
  }
  {
    HttpRequest request;
    request.method = "PUT";
    request.path = "/room/message:new";
    request.body = "{}";
    require(http_request(*DatabaseUrl::parse(url), request)->status == 201, "the put");
    TcpProxy proxy(base);
    const auto store = open_store(folder.sub("puller"));
    const auto local = make_local_peer(store);
    // The same address as before for the checkpoint's name, another way for the bytes.
    const auto remote = connect(url_of(proxy.url(), "room"));
    require(replicate(*remote, *local, "bench").written == 1, "the one document");
    report.add({.work = "requests to catch up after 1 new document in 1M",
                .value = static_cast<double>(proxy.requests_without("")),
                .unit = "requests",
                .target = 3});
  }
  TcpProxy slow(base, kLinkBytesPerSecond);
  const auto store = open_store(folder.sub("joining"));
  ChangeWaiter waiter(store);
  const auto begun = SteadyClock::now();
  LiveSyncOptions options;
  options.newest = {{"message", kNewest}};
  LiveSync sync(store, make_http_peer_factory(*DatabaseUrl::parse(url_of(slow.url(), "room")), {}),
                options);
  waiter.seen_us("message:new");
  for (std::size_t i = 1; i < kNewest; ++i) waiter.seen_us(message_id(sizes.million - i));
  const std::chrono::duration<double> took = SteadyClock::now() - begun;
  report.add({.work = "join a room of 1M over 10 Mbit/s: the last 50 readable",
              .value = took.count(),
              .unit = "s",
              .target = 2});
}

int run(int argc, char** argv) {
  const auto options = read_options(argc, argv, {"--no-million"});
  if (!options) return 2;
  Sizes sizes;
  const bool tiny = !options->peers && options->rounds == 1;
  if (tiny) sizes = {.docs = 2'000, .express = 0, .messages = 10, .million = 3'000};
  Report report("replication", "Replication beside PouchDB 9");
  measure_bulk(*options, sizes, report);
  if (options->peers) measure_express(sizes, report);
  measure_live(sizes, report);
  if (!options->switches.contains("--no-million")) measure_million(sizes, report);
  return finish(report, *options);
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  atelier::os::ignore_broken_pipes();
  atelier::self_path = argv[0];
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "--serve" && argc == 3) return atelier::bench::run_server(argv[2]);
  if (what == "--pull" && argc == 4) return atelier::run_puller(argv[2], argv[3]);
  if (what == "--write" && argc == 4) return atelier::run_writer(argv[2], argv[3]);
  return atelier::run(argc, argv);
}
