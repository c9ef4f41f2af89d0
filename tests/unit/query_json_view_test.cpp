// Reading members and paths out of normal-form text without a parse, and numbers by exact value.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_text.h"
#include "query/json_view.h"
#include "query_tools.h"

namespace atelier::query {
namespace {

using ::testing::ElementsAre;

std::string at(std::string_view document, std::string_view field) {
  const auto path = FieldPath::parse(field);
  if (!path) return "error: " + path.error().message;
  const auto found = path->look_up(JsonView(document));
  if (found.value) return std::string(found.value->text());
  return found.miss == FieldPath::Miss::kNotFound ? "not found" : "bad path";
}

TEST(JsonView, MembersAndElementsAreSlicesOfTheText) {
  const std::string text = R"({"a":1,"b":[true,"x]",{"c":"}"}],"d":{"e":null},"f":"g\"h"})";
  const JsonView document(text);
  std::vector<std::string> seen;
  for (const auto& [name, value] : document.members())
    seen.push_back(std::string(name) + "=" + std::string(value.text()));
  EXPECT_THAT(seen,
              ElementsAre("a=1", R"(b=[true,"x]",{"c":"}"}])", R"(d={"e":null})", R"(f="g\"h")"));
  EXPECT_EQ(document.member("b")->element(2)->member("c")->string_copy(), "}");
  EXPECT_EQ(document.member("f")->string_copy(), "g\"h");
  EXPECT_EQ(document.count(), 4u);
  EXPECT_FALSE(document.member("z"));
  EXPECT_FALSE(document.element(0));
  EXPECT_FALSE(JsonView("[1,2]").element(2));
  EXPECT_EQ(JsonView("[]").count(), 0u);
  EXPECT_EQ(JsonView("{}").count(), 0u);
}

TEST(JsonView, EscapedNamesAndStringsAreFoundByWhatTheyMean) {
  const std::string text = json::normalize(R"({"a\nb":"\u0041\t\u0001","\\":1,"q\"":2})").value();
  const JsonView document(text);
  EXPECT_EQ(document.member("a\nb")->string_copy(), "A\t\x01");
  EXPECT_EQ(document.member("\\")->text(), "1");
  EXPECT_EQ(document.member("q\"")->text(), "2");
  EXPECT_EQ(FieldPath::of_names({"q\""}).find(document)->text(), "2");
}

TEST(JsonView, PathsWalkObjectsAndArraysAsMangoDoes) {
  const char* document =
      R"({"author":{"name":"Ana","tags":["x",{"y":2}]},"a.b":3,"list":[10,20],"n":5,"m":{"0":"zero"}})";
  EXPECT_EQ(at(document, "author.name"), "\"Ana\"");
  EXPECT_EQ(at(document, "author.tags.1.y"), "2");
  EXPECT_EQ(at(document, "a\\.b"), "3");
  EXPECT_EQ(at(document, "list.1"), "20");
  EXPECT_EQ(at(document, "m.0"), "\"zero\"");
  EXPECT_EQ(at(document, "author.age"), "not found");
  EXPECT_EQ(at(document, "missing.deeper"), "not found");
  EXPECT_EQ(at(document, "list.2"), "bad path");
  EXPECT_EQ(at(document, "list.x"), "bad path");
  EXPECT_EQ(at(document, "list.-1"), "bad path");
  EXPECT_EQ(at(document, "n.x"), "bad path");
}

TEST(JsonView, PathsWithEmptyPartsAreRefused) {
  for (const char* field : {"", ".", "a.", ".a", "a..b"})
    EXPECT_EQ(at("{}", field), "error: Invalid field name: " + std::string(field));
  EXPECT_EQ(FieldPath::parse(std::string(10'000, 'a')).error().code, ErrorCode::kTooLarge);
}

TEST(JsonView, APathsTextReadsBackAsThePath) {
  for (const char* field :
       {"a", "a.b", "a\\.b", "a\\.b.c\\.d", "0.1", "\xC3\xA9.x", "\\.a", "a.\\", "\\$a.$b"}) {
    const FieldPath path = FieldPath::parse(field).value();
    EXPECT_EQ(path.text(), field);
    EXPECT_TRUE(FieldPath::parse(path.text()).value() == path);
  }
}

TEST(JsonView, SeveralMembersAreFoundInOnePass) {
  const std::vector<std::string_view> names = {"c", "x", "a"};
  std::vector<std::optional<JsonView>> values(3);
  find_members(JsonView(R"({"a":1,"b":{"a":9},"c":3})"), names, values);
  EXPECT_EQ(values[0]->text(), "3");
  EXPECT_FALSE(values[1]);
  EXPECT_EQ(values[2]->text(), "1");
}

TEST(JsonView, NumbersAreComparedByExactValue) {
  EXPECT_EQ(compare_numbers("1e3", "1000.0"), 0);
  EXPECT_EQ(compare_numbers("-0", "0.00e9"), 0);
  EXPECT_EQ(compare_numbers("0.1", "1e-1"), 0);
  EXPECT_EQ(compare_numbers("9007199254740993", "9007199254740992"), 1);
  EXPECT_EQ(compare_numbers("123456789012345678901234567890", "123456789012345678901234567891"),
            -1);
  EXPECT_EQ(compare_numbers("-2", "-10"), 1);
  EXPECT_EQ(compare_numbers("-1.5", "-1.05"), -1);
  EXPECT_EQ(compare_numbers("1e-400", "0"), 1);
  EXPECT_EQ(compare_numbers("1e-99999999999999999999", "2e-99999999999999999999"), -1);
  EXPECT_EQ(compare_numbers("0.0000000000000000000001", "1e-22"), 0);
}

TEST(JsonView, NumbersAreInTheOrderOfTheirDoublesWhereThoseDiffer) {
  RandomJson random(1);
  for (int i = 0; i < 8'000; ++i) {
    const std::string a = random.number();
    const std::string b = random.number();
    const double x = json::double_value(a).value();
    const double y = json::double_value(b).value();
    if (x != y) {
      EXPECT_EQ(compare_numbers(a, b), x < y ? -1 : 1) << a << " " << b;
    }
    EXPECT_EQ(compare_numbers(a, b), -compare_numbers(b, a));
  }
}

TEST(JsonView, AnyBytesAreReadWithinTheirBounds) {
  RandomJson random(2);
  for (int i = 0; i < 2'000; ++i) {
    std::string text = random.object(3);
    text.resize(random.below(text.size() + 1));
    if (!text.empty()) text[random.below(text.size())] = "{}[]\",:\\x"[random.below(9)];
    const std::string exact(text.c_str(), text.size());  // so that a sanitizer sees the end
    std::size_t seen = 0;
    for (const auto& [name, value] : JsonView(exact).members()) seen += value.count() + name.size();
    for (JsonView element : JsonView(exact).elements()) seen += element.text().size();
    EXPECT_LE(seen, 2 * exact.size());
    (void)at(exact, "a.b.0");
  }
}

}  // namespace
}  // namespace atelier::query
