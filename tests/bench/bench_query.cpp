// Selectors beside a parse of the whole document (Boost.JSON), and words of several scripts.
//   bench_query [--json FILE] [--svg FILE] [--no-peers] [--rounds N]
// Each figure is the median of the rounds.
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "bench/report.h"
#include "query/selector.h"
#include "query/words.h"

namespace atelier {
namespace {

using namespace bench;

constexpr int kDocuments = 20'000;
constexpr std::size_t kTextBytes = 1 << 20;

const char* kChatDocument =
    R"({"author":{"name":"Ana"},"text":"The quick brown fox jumps over the lazy dog, again and )"
    R"(again, until it is tired of it all","timestamp":1700000000123,"kind":"text",)"
    R"("tags":["a","b","c"],"room":"lobby","reply":null})";

double median_ms(int rounds, const std::function<void()>& work) {
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) times.push_back(milliseconds(work));
  return median(std::move(times));
}

double parse_ns(int rounds) {
  std::size_t members = 0;
  const double ms = median_ms(rounds, [&] {
    for (int i = 0; i < kDocuments; ++i)
      members += boost::json::parse(kChatDocument).as_object().size();
  });
  require(members > 0, "nothing was parsed");
  return ms * 1e6 / kDocuments;
}

void measure_selectors(Report& report, const Options& options) {
  static const std::pair<const char*, const char*> kSelectors[] = {
      {"one field", R"({"kind":"text"})"},
      {"two fields, one nested", R"({"author.name":"Ana","timestamp":{"$gt":1600000000000}})"},
      {"the id alone", R"({"_id":{"$beginsWith":"message:"}})"},
      {"a pattern and a list", R"({"text":{"$regex":"tired"},"tags":{"$all":["c"]}})"},
  };
  const double parse = options.peers ? parse_ns(options.rounds) : 0;
  for (const auto& [name, text] : kSelectors) {
    const query::Selector selector = query::Selector::compile(text).value();
    query::DocumentView document;
    document.id = "message:1";
    document.body = kChatDocument;
    int matched = 0;
    const double ms = median_ms(options.rounds, [&] {
      for (int i = 0; i < kDocuments; ++i) matched += selector.matches(document);
    });
    require(matched == kDocuments * options.rounds, "a document did not match");
    Row row{.work = std::string("selector: ") + name, .value = ms * 1e6 / kDocuments, .unit = "ns"};
    if (options.peers) row.peers.push_back({"Boost.JSON parse", parse});
    report.add(std::move(row));
  }
}

void measure_words(Report& report, const Options& options) {
  static const std::pair<const char*, const char*> kTexts[] = {
      {"English", "The quick brown fox jumps over the lazy dog, again and again. "},
      {"French and German", "Ça été déjà là où l'été s'étire; naïve façade und Straße. "},
      {"Russian", "Съешь ещё этих мягких французских булок, да выпей же чаю. "},
      {"Japanese", "私は日本語を話す。今日はとても暑いです。"},
      {"Hindi", "यह हिन्दी में एक वाक्य है और इसे तोड़ना है। "},
  };
  for (const auto& [name, unit] : kTexts) {
    std::string text;
    while (text.size() < kTextBytes) text += unit;
    std::size_t words = 0;
    const double ms = median_ms(options.rounds, [&] {
      for (query::WordReader reader(text); reader.next();) words += !reader.word().text.empty();
    });
    require(words > 0, "no word was found");
    report.add({.work = std::string("words: ") + name,
                .value = static_cast<double>(text.size()) / 1e3 / ms,
                .unit = "MB/s",
                .better = Better::kMore});
  }
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) {
  using namespace atelier;
  const auto options = bench::read_options(argc, argv);
  if (!options) return 2;
  bench::Report report("query", "Selectors beside a parse of the document; words of a text");
  measure_selectors(report, *options);
  measure_words(report, *options);
  return bench::finish(report, *options);
}
