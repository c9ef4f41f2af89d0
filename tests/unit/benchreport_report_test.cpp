#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/report.h"

namespace atelier::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

Report with(const Row& row) {
  Report report("made_up", "A benchmark");
  report.add(row);
  return report;
}

boost::json::array lines_of(const Report& report) {
  return boost::json::parse(report.json()).as_array();
}

TEST(BenchReport, LessIsBetterMeetsATargetFromBelow) {
  const Row row{.work = "open", .value = 2, .unit = "ms", .peers = {{"Other", 8}}, .target = 3};
  const auto line = lines_of(with(row)).at(0).as_object();
  EXPECT_EQ(line.at("work"), "open");
  EXPECT_EQ(line.at("value").to_number<double>(), 2);
  EXPECT_EQ(line.at("unit"), "ms");
  EXPECT_EQ(line.at("peer"), "Other");
  EXPECT_EQ(line.at("peer_value").to_number<double>(), 8);
  EXPECT_EQ(line.at("ratio").to_number<double>(), 4);
  EXPECT_EQ(line.at("target").to_number<double>(), 3);
  EXPECT_TRUE(line.at("met").as_bool());
}

TEST(BenchReport, MoreIsBetterMissesATargetFromBelow) {
  Row row{.work = "put", .value = 40, .unit = "docs/s", .better = Better::kMore};
  row.peers = {{"Other", 80}};
  row.target = 50;
  const auto line = lines_of(with(row)).at(0).as_object();
  EXPECT_EQ(line.at("ratio").to_number<double>(), 0.5);
  EXPECT_FALSE(line.at("met").as_bool());
  EXPECT_THAT(with(row).table(), HasSubstr(">= 50 docs/s missed"));
}

TEST(BenchReport, ATargetAgainstPeersIsAskedOfEachOfThem) {
  Row row{.work = "scan", .value = 40, .unit = "docs/s", .better = Better::kMore};
  row.peers = {{"Slow", 80}, {"Fast", 200}};
  row.target_ratio = 0.35;
  const auto lines = lines_of(with(row));
  EXPECT_NEAR(lines.at(0).at("target").to_number<double>(), 28, 1e-9);
  EXPECT_TRUE(lines.at(0).at("met").as_bool());
  EXPECT_FALSE(lines.at(1).at("met").as_bool());
  EXPECT_THAT(with(row).svg(), HasSubstr("missed"));  // the hardest of them counts
}

TEST(BenchReport, APeerMayHaveATargetOfItsOwn) {
  Row row{.work = "batch", .value = 40, .unit = "docs/s", .better = Better::kMore};
  row.peers = {{"Raw", 100, 0.45}, {"Other", 4, 8}, {"Aside", 1'000}};
  const auto lines = lines_of(with(row));
  EXPECT_FALSE(lines.at(0).at("met").as_bool());
  EXPECT_NEAR(lines.at(1).at("target").to_number<double>(), 32, 1e-9);
  EXPECT_TRUE(lines.at(1).at("met").as_bool());
  EXPECT_TRUE(lines.at(2).at("target").is_null());
  EXPECT_THAT(with(row).svg(), HasSubstr("target ≥ 45 docs/s"));
}

TEST(BenchReport, WhatIsNotThereIsNull) {
  Row row{.work = "alone", .value = 1, .unit = "MB"};
  row.target_ratio = 1;  // of nobody
  const auto line = lines_of(with(row)).at(0).as_object();
  for (const char* key : {"peer", "peer_value", "ratio", "target", "met"})
    EXPECT_TRUE(line.at(key).is_null()) << key;
}

TEST(BenchReport, RowsOfAnotherProgramKeepTheirPeersAndDirection) {
  Row row{.work = "put", .value = 40, .unit = "docs/s", .better = Better::kMore};
  row.peers = {{"One", 80}, {"Two", 20}};
  row.target = 30;
  Report second("second", "Another");
  ASSERT_TRUE(second.add_json(with(row).json()));
  ASSERT_EQ(second.rows().size(), 1U);
  EXPECT_EQ(second.json(), with(row).json());
}

TEST(BenchReport, RowsThatAreNoneAreRefusedWhole) {
  Report report("made_up", "A benchmark");
  for (const char* text :
       {"", "{}", "[1]", R"([{"work":"a","value":"fast","unit":"ms"}])",
        R"([{"work":"a","value":1,"unit":"ms"},{"work":"b"}])", R"([{"value":1,"unit":"ms"}])"})
    EXPECT_FALSE(report.add_json(text)) << text;
  EXPECT_TRUE(report.rows().empty());
}

TEST(BenchReport, TheDrawingEscapesWordsAndWrapsLongOnes) {
  Row row{.work = "<b> & \"c\" " + std::string(60, 'x') + ' ' + std::string(60, 'y'),
          .value = 0,
          .unit = "ms"};
  row.peers = {{"a<b", 1e6}};
  const std::string svg = with(row).svg();
  EXPECT_THAT(svg, HasSubstr("&lt;b&gt; &amp; &quot;c&quot;"));
  EXPECT_THAT(svg, HasSubstr('>' + std::string(60, 'y') + "</text>"));
  EXPECT_THAT(svg, Not(HasSubstr("a<b")));
  for (const char* wrong : {"nan", "inf"}) EXPECT_THAT(svg, Not(HasSubstr(wrong)));
}

TEST(BenchReport, ALongerBarIsALargerValue) {
  Report report("made_up", "A benchmark");
  report.add({.work = "a", .value = 10, .unit = "ms", .peers = {{"b", 1000}}});
  const std::string svg = report.svg();
  const auto width = [&](const char* css) {
    const std::size_t end = svg.find(std::string("rx=\"2\" class=\"") + css);
    const std::size_t begin = svg.rfind("width=\"", end) + 7;
    return std::stod(svg.substr(begin));
  };
  // Three decades, from 1 to 1,000: the first is at a third.
  EXPECT_NEAR(width("ours") * 3, width("peer"), 1);
}

TEST(BenchReport, TheDateAndTheMachineStandInWords) {
  const std::string words = date_and_machine();
  EXPECT_THAT(words, testing::MatchesRegex("[0-9]+ [A-Z][a-z]+ 20[0-9][0-9], .+, [0-9]+ core.*"));
}

TEST(BenchReport, OnlyWhatIsAskedForIsWritten) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) /
      ("atelier-bench-report-" +
       std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()));
  std::filesystem::remove_all(folder);
  const Row row{.work = "open", .value = 2, .unit = "ms", .peers = {{"Other", 8}}};
  Options tiny;
  tiny.peers = false;
  tiny.rounds = 1;
  tiny.json = (folder / "rows.json").string();
  EXPECT_EQ(finish(with(row), tiny), 0);
  std::ifstream file(tiny.json);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), with(row).json() + '\n');
  tiny.svg = (folder / "deep" / "made_up.svg").string();
  EXPECT_EQ(finish(with(row), tiny), 0);
  EXPECT_TRUE(std::filesystem::exists(tiny.svg));
  tiny.json = folder.string();  // a folder
  EXPECT_EQ(finish(with(row), tiny), 1);
  std::filesystem::remove_all(folder);
}

TEST(BenchReport, AnUnknownArgumentIsRefused) {
  const auto read = [](std::vector<std::string> words) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    return read_options(static_cast<int>(argv.size()), argv.data(), {"--own"});
  };
  EXPECT_FALSE(read({"bench", "--unknown"}));
  EXPECT_FALSE(read({"bench", "--json"}));
  const auto options = read({"bench", "--own", "--rounds", "0", "--no-peers", "--json", "a"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->switches.count("--own"), 1U);
  EXPECT_EQ(options->rounds, 1);
  EXPECT_FALSE(options->peers);
  EXPECT_EQ(options->json, "a");
}

TEST(BenchReport, QuantilesAreValuesThatWereMeasured) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(quantile({1, 2, 3, 4}, 0.99), 4);
  EXPECT_EQ(quantile({7}, 0), 7);
}

}  // namespace
}  // namespace atelier::bench
