// The document store beside raw LMDB, SQLite and PouchDB, on a million chat messages.
//   bench_store [--json FILE] [--svg FILE] [--no-peers] [--rounds N]
// Everybody writes the same documents to the same disk and takes turns: batch by batch, put by put,
// read by read; figures are medians of the turns, so that what else the machine does falls on all.
// Everything read is summed up and the sums are compared: who reads less, or something else, ends
// the run. Files are in the page cache; each walk through a file is made once before it is timed.
// With one round (the run of the test suite) there are few documents; --no-peers leaves out
// PouchDB.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <boost/json.hpp>

#include "base/digest.h"
#include "bench/child.h"
#include "bench/report.h"
#include "bench/store_sample.h"
#include "store/store.h"

namespace atelier::bench {
namespace {

constexpr std::size_t kBatchDocs = 1'000;
constexpr std::size_t kCallers = 64;
constexpr std::size_t kPouchDocuments = 30'000;  // a rate; more of them make it slower

struct Size {
  std::size_t documents, puts, puts_a_caller, gets;
  std::uint64_t attachment;  // bytes
};

double rate(std::size_t things, double ms) {
  return ms > 0 ? static_cast<double>(things) * 1'000 / ms : 0;
}

DocumentWrite document_of(const Sample& one) {
  DocumentWrite write;
  write.id = one.id;
  write.body = one.body;
  write.body_is_normal = true;  // as those who make messages and those who replicate them say
  return write;
}

// Own memory of this process in MB; 0 where the system does not tell.
double own_memory_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kb = 0;
    if (word == "RssAnon:" && status >> kb) return kb / 1'024;
  }
  return 0;
}

// What a process of its own does for the row "open": prints the milliseconds and the memory.
int open_alone(const char* folder) {
  std::shared_ptr<Store> store;
  const double ms = milliseconds([&] {
    auto opened = Store::open(folder);
    require(opened.has_value(), "the store did not open");
    store = *opened;
  });
  std::printf("%f %f\n", ms, own_memory_mb());
  return 0;
}

// What a process of its own does for the rows of a large attachment: takes `bytes` in and gives them
// out again. Prints both in ms, and the most memory of its own that it had meanwhile, in MB.
int blob_alone(const char* folder, std::uint64_t bytes) {
  auto store = Store::open(folder);
  require(store.has_value(), "the store did not open");
  std::mt19937_64 random(3);
  std::string part(1 << 20, '\0');
  double peak = 0;
  const auto look = [&] { peak = std::max(peak, own_memory_mb()); };
  std::optional<BlobWriter::Finished> finished;
  const double in_ms = milliseconds([&] {
    auto writer = (*store)->begin_blob();
    require(writer.has_value(), "no blob could be begun");
    for (std::uint64_t sent = 0; sent < bytes; sent += part.size()) {
      const std::uint64_t mark = random();  // no two parts are equal
      std::memcpy(part.data(), &mark, sizeof mark);
      require((*writer)->append(part).has_value(), "a part of the blob was refused");
      look();
    }
    auto done = (*writer)->finish();
    require(done.has_value(), "the blob was refused");
    finished = std::move(*done);
  });
  std::uint64_t read = 0;
  const double out_ms = milliseconds([&] {
    const auto status = (*store)->read_blob(finished->blob, 0, UINT64_MAX, [&](std::string_view b) {
      read += b.size();
      look();
      return true;
    });
    require(status.has_value(), "the blob cannot be read");
  });
  require(read == bytes, "the blob came back with another length");
  std::printf("%f %f %f\n", in_ms, out_ms, peak);
  return 0;
}

/// The turns of everybody, in ms.
struct Times {
  std::vector<double> ours, lmdb, sqlite;
};

class Run {
 public:
  Run(const Options& options, Report& report)
      : options_(options),
        report_(report),
        size_(options.rounds > 1 ? Size{1'000'000, 300, 100, 100'000, 1 << 30}
                                 : Size{4'000, 10, 2, 1'000, 8 << 20}),
        lmdb_(folder_.sub("lmdb")),
        sqlite_(folder_.sub("sqlite.db")) {
    reopen();
  }

  void all() {
    if (options_.peers) run_pouch();
    load();
    disk();
    open_rooms();
    attachment();
    gets();
    scans();
    changes();
    puts();
    crowd();
    std::cout << "result " << hash_ << '\n';
  }

 private:
  void reopen() {
    auto opened = Store::open(folder_.sub("atelier"));
    require(opened.has_value(), "the store did not open");
    store_ = *opened;
  }

  void run_pouch() {
    const auto text = output_of("node '" ATELIER_BENCH_FOLDER "/store_peers.mjs' '" +
                                folder_.path().string() + "' " + std::to_string(kPouchDocuments));
    boost::system::error_code error;
    const auto parsed = boost::json::parse(text.value_or(""), error);
    if (error || !parsed.is_object()) {
      std::cout << "Without PouchDB: node or the package is not there.\n";
      return;
    }
    pouch_ = parsed.as_object();
  }

  void add_pouch(Row& row, const char* figure, std::optional<double> target) const {
    if (const auto* found = pouch_.if_contains(figure))
      row.peers.push_back({"PouchDB, not synced", found->to_number<double>(), target});
  }

  // A rate of `things` a turn, beside those who took turns.
  Row row_of(std::string work, std::string unit, std::size_t things, const Times& times,
             std::string lmdb_name, std::optional<double> target) const {
    Row row{.work = std::move(work),
            .value = rate(things, median(times.ours)),
            .unit = std::move(unit),
            .better = Better::kMore};
    if (!times.lmdb.empty())
      row.peers.push_back({std::move(lmdb_name), rate(things, median(times.lmdb)), target});
    if (!times.sqlite.empty()) row.peers.push_back({"SQLite", rate(things, median(times.sqlite))});
    return row;
  }

  void write(std::span<const Sample> samples) {
    std::vector<DocumentWrite> documents;
    documents.reserve(samples.size());
    for (const Sample& one : samples) documents.push_back(document_of(one));
    for (const WriteResult& result : store_->write(std::move(documents)))
      require(result.rev.has_value(), "a document was refused");
  }

  // Everybody writes `count` new documents in one commit.
  void write_turn(std::size_t count, Times& times) {
    std::vector<Sample> samples;
    for (std::size_t i = 0; i < count; ++i) samples.push_back(sample(written_++));
    times.ours.push_back(milliseconds([&] { write(samples); }));
    times.lmdb.push_back(milliseconds([&] { lmdb_.write(samples); }));
    times.sqlite.push_back(milliseconds([&] { sqlite_.write(samples); }));
  }

  void load() {
    Times times;
    while (written_ < size_.documents) write_turn(kBatchDocs, times);
    Row row = row_of("durable batches of 1,000 documents of 250 B", "docs/s", kBatchDocs, times,
                     "LMDB", 0.45);
    add_pouch(row, "batches", 8);
    report_.add(std::move(row));
  }

  void disk() {
    sqlite_.checkpoint();
    const auto bytes = [&](const char* file) {
      return static_cast<double>(std::filesystem::file_size(folder_.sub(file))) /
             static_cast<double>(written_);
    };
    Row row{.work = "file, per document of 250 B", .value = bytes("atelier/data.mdb"), .unit = "B"};
    row.peers.push_back({"LMDB", bytes("lmdb/data.mdb"), 1 / 1.25});
    row.peers.push_back({"SQLite", bytes("sqlite.db")});
    report_.add(std::move(row));
  }

  void open_rooms() {
    store_.reset();  // one process at a time
    std::vector<double> ms, memory;
    for (int round = 0; round < options_.rounds; ++round) {
      const auto text =
          output_of(itself() + " --open-alone '" + (folder_.sub("atelier")).string() + "'");
      double took = 0, mb = 0;
      require(text && std::sscanf(text->c_str(), "%lf %lf", &took, &mb) == 2, "opening failed");
      ms.push_back(took);
      memory.push_back(mb);
    }
    reopen();
    report_.add({.work = "open a room of so many documents",
                 .value = median(ms),
                 .unit = "ms",
                 .target = 5});
    report_.add({.work = "own memory of that process before the first read",
                 .value = median(memory),
                 .unit = "MB",
                 .target = 8});
  }

  void attachment() {
    const std::uint64_t bytes = size_.attachment;
    const auto text = output_of(itself() + " --blob-alone '" + (folder_.sub("blob")).string() +
                                "' " + std::to_string(bytes));
    double in_ms = 0, out_ms = 0, peak = 0;
    require(text && std::sscanf(text->c_str(), "%lf %lf %lf", &in_ms, &out_ms, &peak) == 3,
            "the attachment failed");
    std::filesystem::remove_all(folder_.sub("blob"));
    const std::string name = "an attachment of " + std::to_string(bytes >> 20) + " MiB";
    const auto add = [&](const char* what, double ms) {
      report_.add({.work = name + what,
                   .value = rate(bytes >> 20, ms),
                   .unit = "MiB/s",
                   .better = Better::kMore});
    };
    add(" taken in, synced", in_ms);
    add(" given out", out_ms);
    report_.add({.work = name + ": own memory at most", .value = peak, .unit = "MB", .target = 32});
  }

  static std::string itself() {
    return "'" + std::filesystem::read_symlink("/proc/self/exe").string() + "'";
  }

  // One timed turn for each of `works`, `rounds` times, after one that is not; all must find the
  // same.
  std::vector<std::vector<double>> in_turn(
      const std::vector<std::function<std::uint64_t()>>& works) {
    std::vector<std::vector<double>> times(works.size());
    for (int round = -1; round < options_.rounds; ++round) {
      std::optional<std::uint64_t> first;
      for (std::size_t i = 0; i < works.size(); ++i) {
        std::uint64_t found = 0;
        const double ms = milliseconds([&] { found = works[i](); });
        require(!first || *first == found, "two that read the same found different things");
        first = found;
        if (round >= 0) times[i].push_back(ms);
      }
      hash_ = hash_ * 31 + *first;
    }
    return times;
  }

  void gets();
  void scans();
  void changes();
  void puts();
  void crowd();

  const Options& options_;
  Report& report_;
  const Size size_;
  Folder folder_;
  std::shared_ptr<Store> store_;
  RawLmdb lmdb_;
  RawSqlite sqlite_;
  boost::json::object pouch_;
  std::size_t written_ = 0;
  std::uint64_t hash_ = 0;
  double one_caller_ = 0;  // puts a second
};

void Run::gets() {
  std::vector<std::string> ids;
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < size_.gets; ++i) ids.push_back(sample_id(random() % written_));
  const auto sum_of = [&](const auto& get) {
    return [&ids, get] {
      std::uint64_t sum = 0;
      std::string body;
      for (const std::string& id : ids) {
        get(id, body);
        sum += all_words_of(body);
      }
      return sum;
    };
  };
  const auto parsed = [](std::string& body) {
    body = std::to_string(boost::json::parse(body).at("time").as_int64());
  };
  const auto ours = [&](const std::string& id, std::string& body) {
    auto document = store_->get(id);
    require(document.has_value(), "a document is gone");
    body = std::move(document->body);
  };
  const auto lmdb = [&](const std::string& id, std::string& body) { lmdb_.get(id, body); };
  const auto sqlite = [&](const std::string& id, std::string& body) { sqlite_.get(id, body); };
  const auto lmdb_at_once = [&] {
    lmdb_.begin_read();
    const auto sum =
        sum_of([&](const std::string& id, std::string& body) { lmdb_.get_here(id, body); })();
    lmdb_.end_read();
    return sum;
  };
  const auto then = [&](const auto& get) {
    return [&, get](const std::string& id, std::string& body) {
      get(id, body);
      parsed(body);
    };
  };
  auto times = in_turn({sum_of(ours), sum_of(lmdb), sum_of(sqlite), lmdb_at_once});
  Row row = row_of("random get, bytes", "gets/s", ids.size(), {times[0], times[1], times[2]},
                   "LMDB", 0.6);
  row.peers.push_back({"LMDB, one transaction for all", rate(ids.size(), median(times[3]))});
  report_.add(std::move(row));
  times = in_turn({sum_of(then(ours)), sum_of(then(lmdb)), sum_of(then(sqlite))});
  row = row_of("random get, parsed into JSON", "gets/s", ids.size(), {times[0], times[1], times[2]},
               "LMDB", std::nullopt);
  add_pouch(row, "gets", 50);
  report_.add(std::move(row));
}

void Run::scans() {
  const auto add = [&](const char* work, const auto& read, bool with_pouch) {
    const auto times =
        in_turn({[&] {
                   std::uint64_t sum = 0;
                   const Status scanned = store_->scan({}, [&](const DocumentView& view) {
                     sum += view.id.size() + read(view.body);
                     return true;
                   });
                   require(scanned.has_value(), "the scan failed");
                   return sum;
                 },
                 [&] { return lmdb_.scan(read); }, [&] { return sqlite_.scan(read); }});
    Row row = row_of(work, "docs/s", written_, {times[0], times[1], times[2]}, "LMDB cursor", 0.35);
    if (with_pouch) add_pouch(row, "scan", 100);
    report_.add(std::move(row));
  };
  add("scan with bodies, all bytes of a body looked at", all_words_of, true);
  add("scan with bodies, one word of a body looked at", word_of, false);
}

void Run::changes() {
  const auto times =
      in_turn({[&] {
                 std::uint64_t sum = 0;
                 const auto add = [&](const ChangeRow& row) {
                   sum += row.sequence + word_of(row.id);
                   return true;
                 };
                 require(store_->changes(0, SIZE_MAX, add).has_value(), "the feed failed");
                 return sum;
               },
               [&] { return lmdb_.changes(); }, [&] { return sqlite_.changes(); }});
  Row row = row_of("changes since 0, without bodies", "rows/s", written_,
                   {times[0], times[1], times[2]}, "LMDB cursor", std::nullopt);
  row.target = 2e6;
  add_pouch(row, "changes", std::nullopt);
  report_.add(std::move(row));
}

void Run::puts() {
  Times times;
  for (std::size_t i = 0; i < size_.puts; ++i) write_turn(1, times);
  Row row = row_of("one durable put at a time", "puts/s", 1, times, "LMDB", 0.9);
  add_pouch(row, "puts", std::nullopt);
  one_caller_ = row.value;
  report_.add(std::move(row));
}

void Run::crowd() {
  std::vector<double> rates;
  for (int round = 0; round < options_.rounds; ++round) {
    const std::size_t first = written_;
    const std::size_t each = size_.puts_a_caller;
    written_ += kCallers * each;
    const double ms = milliseconds([&] {
      std::vector<std::thread> callers;
      for (std::size_t caller = 0; caller < kCallers; ++caller) {
        callers.emplace_back([this, each, at = first + caller * each] {
          for (std::size_t i = 0; i < each; ++i) {
            const Sample one = sample(at + i);
            write({&one, 1});
          }
        });
      }
      for (std::thread& caller : callers) caller.join();
    });
    rates.push_back(rate(kCallers * each, ms));
  }
  Row row{.work = "one durable put at a time, 64 callers",
          .value = median(rates),
          .unit = "puts/s",
          .better = Better::kMore};
  row.peers.push_back({"one caller", one_caller_, 15});
  report_.add(std::move(row));
}

}  // namespace
}  // namespace atelier::bench

int main(int argc, char** argv) {
  using namespace atelier::bench;
  if (argc == 3 && std::string_view(argv[1]) == "--open-alone") return open_alone(argv[2]);
  if (argc == 4 && std::string_view(argv[1]) == "--blob-alone")
    return blob_alone(argv[2], std::stoull(argv[3]));
  const auto options = read_options(argc, argv);
  if (!options) return 2;
  Report report("store", "The document store beside LMDB alone, SQLite and PouchDB");
  Run(*options, report).all();
  return finish(report, *options);
}
