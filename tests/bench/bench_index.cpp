// Indexes on a million chat messages of 250 B: what they cost a writer and the disk, and how fast
// they answer.
//   bench_index [--json FILE] [--svg FILE] [--no-peers] [--rounds N]
// Two stores get the same messages in turns, batch by batch; one has indexes. Texts are of words
// with Zipf's frequencies from a vocabulary of 50,000, and of three marked words: one in 100
// messages, one in 100,000, one in every second one. What a search and a query give is counted.
// With one round (the run of the test suite) there are few messages.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/limits.h"
#include "bench/child.h"
#include "bench/report.h"
#include "store/store.h"

namespace atelier::bench {
namespace {

constexpr std::size_t kBatchDocs = 1'000;
constexpr std::size_t kBodyBytes = 250;
constexpr std::size_t kVocabulary = 50'000;

// Words of two letters to some, the frequent ones short.
class Words {
 public:
  Words() {
    double sum = 0;
    for (std::size_t rank = 1; rank <= kVocabulary; ++rank) {
      sum += 1 / static_cast<double>(rank);
      sums_.push_back(sum);
      std::string word;
      for (std::size_t rest = rank + 7; rest > 0; rest /= 60) {
        word += "bcdfghklmnprstvwz"[rest % 17];
        word += "aeiou"[rest % 5];
      }
      words_.push_back(std::move(word));
    }
  }
  const std::string& next() {
    const double at = std::uniform_real_distribution<double>(0, sums_.back())(random_);
    const auto found = std::lower_bound(sums_.begin(), sums_.end(), at);
    return words_[static_cast<std::size_t>(found - sums_.begin())];
  }

 private:
  std::mt19937_64 random_{1};
  std::vector<double> sums_;
  std::vector<std::string> words_;
};

class Run {
 public:
  Run(const Options& options, Report& report)
      : options_(options), report_(report), documents_(options.rounds > 1 ? 1'000'000 : 3'000) {
    plain_ = open("plain");
    words_store_ = open("words");
    values_store_ = open("values");
  }

  void all() {
    declare(*words_store_, *values_store_);
    load();
    settle(*words_store_);
    size();
    searches();
    queries();
    puts();
    build();
    load_alone();
  }

 private:
  std::shared_ptr<Store> open(const char* name) {
    auto opened = Store::open(folder_.sub(name));
    require(opened.has_value(), "a store did not open");
    return *opened;
  }

  static void declare_words(Store& store) {
    IndexDefinition words;
    words.name = "text";
    words.kind = IndexDefinition::Kind::kWords;
    words.fields = {"text"};
    words.prefix = "message";
    require(store.create_index(words).has_value(), "no index of words");
  }

  static void declare(Store& words_store, Store& values_store) {
    declare_words(words_store);
    IndexDefinition values;
    values.name = "time";
    values.fields = {"timestamp"};
    values.prefix = "message";
    require(values_store.create_index(values).has_value(), "no index of values");
  }

  DocumentWrite message(std::size_t number) {
    const std::string digits = std::to_string(1'764'316'800'000 + number);
    DocumentWrite write;
    write.id = "message:" + digits + "bench0000";
    write.body = R"({"timestamp":)" + digits + R"(,"sender":"Ada","text":")";
    if (number % (documents_ / 100) == 7) write.body += "onehundred ";
    if (number % 10 == 3) write.body += "tenth ";
    if (number % 2 == 1) write.body += "second ";
    while (write.body.size() < kBodyBytes - 10) write.body += words_.next() + " ";
    write.body += "\"}";
    write.body_is_normal = true;
    body_bytes_ += write.body.size();
    return write;
  }

  static void write(Store& store, const std::vector<DocumentWrite>& documents) {
    for (const WriteResult& result : store.write(documents)) {
      require(result.rev.has_value(), "a document was refused");
    }
  }

  void load() {
    std::vector<double> plain, words, values;
    for (std::size_t at = 0; at < documents_; at += kBatchDocs) {
      std::vector<DocumentWrite> batch;
      for (std::size_t i = 0; i < kBatchDocs; ++i) batch.push_back(message(at + i));
      plain.push_back(milliseconds([&] { write(*plain_, batch); }));
      words.push_back(milliseconds([&] { write(*words_store_, batch); }));
      values.push_back(milliseconds([&] { write(*values_store_, batch); }));
    }
    const auto add = [&](const char* work, const std::vector<double>& times) {
      Row row{.work = work,
              .value = kBatchDocs * 1'000 / median(times),
              .unit = "docs/s",
              .better = Better::kMore};
      row.peers.push_back({"without an index", kBatchDocs * 1'000 / median(plain)});
      report_.add(std::move(row));
    };
    add("durable batches of 1,000 messages, with an index of words", words);
    add("durable batches of 1,000 messages, with an index of a number", values);
  }

  // Waits until the background work on indexes is done.
  static void settle(Store& store) {
    const auto busy = [&] {
      const auto all = store.indexes();
      return std::any_of(all.begin(), all.end(), [](const IndexStatus& one) {
        return one.joining || one.state != IndexStatus::State::kReady;
      });
    };
    while (busy()) require(store.flush().has_value(), "the store failed");
  }

  // From the first batch to the end of all work, of a store that has the machine for itself: what
  // is left to the background counts here.
  double load_all(const char* name, bool words) {
    const auto store = open(name);
    if (words) declare_words(*store);
    double ms = 0;
    for (std::size_t at = 0; at < documents_; at += kBatchDocs) {
      std::vector<DocumentWrite> batch;
      for (std::size_t i = 0; i < kBatchDocs; ++i) batch.push_back(message(at + i));
      ms += milliseconds([&] { write(*store, batch); });
    }
    return ms + milliseconds([&] { settle(*store); });
  }

  void load_alone() {
    const double plain = load_all("plain-alone", false);
    const double words = load_all("words-alone", true);
    Row row{.work = "all messages with an index of words, to the end of all work",
            .value = static_cast<double>(documents_) * 1'000 / words,
            .unit = "docs/s",
            .better = Better::kMore};
    row.peers.push_back({"without an index", static_cast<double>(documents_) * 1'000 / plain});
    report_.add(std::move(row));
  }

  // One message at a time, each on the disk before the next.
  void puts() {
    std::vector<double> plain, words;
    for (std::size_t i = 0; i < (options_.rounds > 1 ? 1'000u : 50u); ++i) {
      const DocumentWrite one = message(2 * documents_ + i);
      plain.push_back(milliseconds([&] { write(*plain_, {one}); }));
      words.push_back(milliseconds([&] { write(*words_store_, {one}); }));
    }
    Row row{.work = "one durable message at a time, with an index of words",
            .value = 1'000 / median(words),
            .unit = "docs/s",
            .better = Better::kMore};
    row.peers.push_back({"without an index", 1'000 / median(plain)});
    report_.add(std::move(row));
  }

  void size() {
    const auto more = [&](const Store& store) {
      return static_cast<double>(store.info().live_bytes - plain_->info().live_bytes) /
             static_cast<double>(body_bytes_);
    };
    report_.add({.work = "index of words, bytes a byte of bodies",
                 .value = more(*words_store_),
                 .unit = "B/B",
                 .target = 0.6});
    report_.add({.work = "index of a number, bytes a byte of bodies",
                 .value = more(*values_store_),
                 .unit = "B/B"});
  }

  void search(const char* work, const char* words, std::size_t wanted, SearchQuery::Rank rank,
              std::optional<double> target) {
    std::vector<double> times;
    for (int round = -1; round < 3 * options_.rounds; ++round) {
      SearchQuery query;
      query.prefix = "message";
      query.words = words;
      query.rank = rank;
      const double ms = milliseconds([&] {
        const auto answer = words_store_->search(query);
        require(answer.has_value() && answer->hits.size() == wanted, "a search went wrong");
      });
      if (round >= 0) times.push_back(ms);
    }
    report_.add({.work = work, .value = median(times), .unit = "ms", .target = target});
  }

  void searches() {
    const auto recent = SearchQuery::Rank::kRecency;
    const auto relevant = SearchQuery::Rank::kRelevance;
    search("search: a word in 100 messages, the newest 50", "onehundred", 50, recent, 2);
    search("search: a word in a tenth of all, the newest 50", "tenth", 50, recent, 5);
    search("search: two words in a twentieth, the newest 50", "second tenth", 50, recent,
           std::nullopt);
    search("search: one letter, the newest 50", "t", 50, recent, std::nullopt);
    search("search: a word in 100 messages, the best 50", "onehundred", 50, relevant, std::nullopt);
    search("search: a word in a tenth of all, the best 50", "tenth", 50, relevant, std::nullopt);
  }

  void query(const char* work, Store& store, const std::string& selector, bool descending,
             std::size_t limit, bool count) {
    std::vector<double> times;
    for (int round = -1; round < options_.rounds; ++round) {
      FindQuery query;
      query.selector = selector;
      query.prefix = "message";
      query.limit = limit;
      if (descending) query.sort = {{"timestamp", true}};
      const double ms = milliseconds([&] {
        const auto answer =
            count ? store.count_matches(query) : store.find(query, [](Document&) { return true; });
        require(answer.has_value() && answer->results > 0, "a query went wrong");
      });
      if (round >= 0) times.push_back(ms);
    }
    report_.add({.work = work, .value = median(times), .unit = "ms"});
  }

  void queries() {
    const std::string middle = std::to_string(1'764'316'800'000 + documents_ / 2);
    const std::string later = R"({"timestamp":{"$gte":)" + middle + "}}";
    query("find: the newest 50 by a number, from half of all", *values_store_, later, true, 50,
          false);
    query("find: 1,000 by a range of a number", *values_store_, later, false, 1'000, false);
    query("count: half of all by a number, no document read", *values_store_, later, false,
          SIZE_MAX, true);
    query("count: half of all without an index", *plain_, later, false, SIZE_MAX, true);
  }

  // Of what is there already, in the background.
  void build() {
    const auto finish = [&](IndexDefinition definition, const char* work) {
      definition.prefix = "message";
      const double ms = milliseconds([&] {
        require(plain_->create_index(definition).has_value(), "no index");
        settle(*plain_);
      });
      report_.add({.work = work,
                   .value = static_cast<double>(documents_) * 1'000 / ms,
                   .unit = "docs/s",
                   .better = Better::kMore});
    };
    IndexDefinition values;
    values.name = "time";
    values.fields = {"timestamp"};
    finish(values, "building an index of a number behind the documents");
    IndexDefinition words;
    words.name = "text";
    words.kind = IndexDefinition::Kind::kWords;
    words.fields = {"text"};
    finish(words, "building an index of words behind the documents");
  }

  const Options& options_;
  Report& report_;
  const std::size_t documents_;
  Folder folder_;
  std::shared_ptr<Store> plain_, words_store_, values_store_;
  Words words_;
  std::size_t body_bytes_ = 0;
};

}  // namespace
}  // namespace atelier::bench

int main(int argc, char** argv) {
  using namespace atelier::bench;
  const auto options = read_options(argc, argv);
  if (!options) return 2;
  Report report("index", "Indexes of a million chat messages");
  Run(*options, report).all();
  return finish(report, *options);
}
