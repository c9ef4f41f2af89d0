// Recorded editing sessions and the published conformance cases must end in the content recorded
// with them, whichever way they come in. The recordings are not part of the project: without them
// these tests say so and are skipped.
#include <iostream>

#include <gtest/gtest.h>

#include "text/text_doc.h"
#include "unit/text_tools.h"

namespace atelier {
namespace {

#define FIND_TRACES(folder)                                                               \
  const auto folder##_found = traces_folder();                                            \
  if (!folder##_found) {                                                                  \
    std::cout << "No recorded traces: set ATELIER_TRACES to their folder to run this.\n"; \
    GTEST_SKIP();                                                                         \
  }                                                                                       \
  const std::filesystem::path folder = *folder##_found

MergeReport merge_everything(TextDoc& doc, const std::vector<std::string>& batches) {
  const auto given = views(batches);
  MergeReport report = doc.merge_all(given);
  for (const MergeResult& result : report.results) {
    EXPECT_NE(result.state, MergeState::kRefused) << result.error.message;
  }
  return report;
}

TEST(TextTraces, AllConformanceCasesEndInTheirContent) {
  FIND_TRACES(folder);
  const auto cases = boost::json::parse(read_gz(folder / "eg-walker-conformance.json.gz"));
  std::size_t number = 0;
  std::mt19937 random(7);
  for (const auto& one : cases.as_array()) {
    HistoryBuilder history;
    std::vector<std::string> batches;
    for (const auto& txn : one.at("txns").as_array()) {
      text_crdt::Frontier parents;
      for (const auto& parent : txn.at("parents").as_array()) {
        parents.push_back(parent.to_number<std::uint32_t>());
      }
      std::vector<TracePatch> patches;
      for (const auto& op : txn.at("ops").as_array()) patches.push_back(trace_patch(op));
      const text_crdt::Lv begin = history.graph.end();
      history.add(std::string_view(txn.at("agent").as_string()), parents, patches);
      ASSERT_EQ(history.graph.end(), txn.at("span").at(1).to_number<std::uint32_t>());
      batches.push_back(history.batch(begin, history.graph.end()));
    }
    const std::string expected(one.at("endContent").as_string());
    TextDoc at_once;
    merge_everything(at_once, batches);
    ASSERT_EQ(at_once.text().text(), expected) << "case " << number << " at once";

    TextDoc one_by_one;
    std::string followed;
    for (const std::string& batch : batches) {
      auto report = one_by_one.merge(batch);
      ASSERT_TRUE(report) << report.error().message;
    }
    ASSERT_EQ(one_by_one.text().text(), expected) << "case " << number << " one by one";

    std::shuffle(batches.begin(), batches.end(), random);
    TextDoc shuffled;
    for (const std::string& batch : batches) {
      auto report = shuffled.merge(batch);
      ASSERT_TRUE(report) << report.error().message;
    }
    ASSERT_EQ(shuffled.text().text(), expected) << "case " << number << " shuffled";
    ASSERT_EQ(shuffled.waiting(), 0U);
    ++number;
  }
  EXPECT_EQ(number, 1000U);
}

class TextTrace : public testing::TestWithParam<const char*> {};

TEST_P(TextTrace, EndsInItsContent) {
  FIND_TRACES(folder);
  const Trace trace = read_trace(folder / GetParam());
  if (trace.transactions.size() == 1) {
    TextDoc doc("a");
    for (const TracePatch& patch : trace.transactions[0].patches) {
      ASSERT_TRUE(doc.erase(patch.position, patch.erased));
      ASSERT_TRUE(doc.insert(patch.position, patch.inserted));
    }
    ASSERT_EQ(doc.text().text(), trace.end_content);
    ASSERT_TRUE(doc.text().is_sound());
    std::vector<std::string> batches;
    while (auto batch = doc.take_batch()) batches.push_back(std::move(batch->bytes));
    TextDoc other;
    merge_everything(other, batches);
    EXPECT_EQ(other.text().text(), trace.end_content);
    auto snapshot = doc.write_snapshot(TextDoc::History::kWith);
    ASSERT_TRUE(snapshot);
    auto opened = TextDoc::open(*snapshot);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->text().text(), trace.end_content);
    const Status verified = opened->verify();
    EXPECT_TRUE(verified) << verified.error().message;
  } else {
    const auto batches = trace_batches(trace);
    TextDoc at_once;
    merge_everything(at_once, batches);
    ASSERT_EQ(at_once.text().text(), trace.end_content);
    TextDoc one_by_one;
    for (const std::string& batch : batches) ASSERT_TRUE(one_by_one.merge(batch));
    EXPECT_EQ(one_by_one.text().text(), trace.end_content);
    auto snapshot = one_by_one.write_snapshot(TextDoc::History::kWith);
    ASSERT_TRUE(snapshot);
    auto opened = TextDoc::open(*snapshot);
    ASSERT_TRUE(opened) << opened.error().message;
    const Status verified = opened->verify();
    EXPECT_TRUE(verified) << verified.error().message;
  }
}

INSTANTIATE_TEST_SUITE_P(Recorded, TextTrace,
                         testing::Values("automerge-paper.json.gz", "friendsforever.json.gz",
                                         "friendsforever_flat.json.gz", "rustcode.json.gz",
                                         "seph-blog1.json.gz"),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           name.resize(name.find('.'));
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace atelier
