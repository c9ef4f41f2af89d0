// Rules from TOML: brought to JSON with the line of every place beside it, then read as JSON is.
// The only user of tomlplusplus.
#include <map>
#include <string>

#include <toml++/toml.h>

#include "base/limits.h"
#include "query/rules.h"
#include "query/rules_tree.h"

namespace atelier::query {
namespace {

using Lines = std::map<std::string, std::uint32_t>;  // by JSON pointer

class TomlToJson {
 public:
  Status write(const toml::node& node, const std::string& pointer) {
    lines_.emplace(pointer, node.source().begin.line);
    switch (node.type()) {
      case toml::node_type::table:
        return write_table(*node.as_table(), pointer);
      case toml::node_type::array:
        return write_array(*node.as_array(), pointer);
      case toml::node_type::string:
        out_.string(**node.as_string());
        return ok();
      case toml::node_type::integer:
        out_.integer(**node.as_integer());
        return ok();
      case toml::node_type::boolean:
        out_.boolean(**node.as_boolean());
        return ok();
      case toml::node_type::floating_point: {
        const double value = **node.as_floating_point();
        if (!(value - value == 0)) return invalid(pointer + ": inf and nan are no JSON");
        out_.number(value);
        return ok();
      }
      default:
        return invalid(pointer + ": dates and times are no JSON");
    }
  }
  std::string take() { return out_.take(); }
  const Lines& lines() const { return lines_; }

 private:
  Status write_table(const toml::table& table, const std::string& pointer) {
    out_.begin_object();
    for (auto&& [key, value] : table) {
      out_.key(key.str());
      const std::string here = pointer + "/" + pointer_part(key.str());
      ATELIER_CHECK(write(value, here));
      lines_[here] = key.source().begin.line;  // of a table it says where its header stands
    }
    out_.end_object();
    return ok();
  }
  Status write_array(const toml::array& array, const std::string& pointer) {
    out_.begin_array();
    std::size_t index = 0;
    for (auto&& value : array) ATELIER_CHECK(write(value, pointer + "/" + std::to_string(index++)));
    out_.end_array();
    return ok();
  }
  json::Writer out_;
  Lines lines_;
};

}  // namespace

Result<Rules> Rules::from_toml(std::string_view text, std::string_view file) {
  if (text.size() > kRulesBytesMax)
    return Error{ErrorCode::kTooLarge,
                 std::string(file) + ": longer than " + std::to_string(kRulesBytesMax) + " bytes"};
  const std::string name(file);
  try {
    const toml::table table = toml::parse(text, name);
    TomlToJson converter;
    if (auto written = converter.write(table, ""); !written)
      return invalid(name + ": " + written.error().message);
    const Lines& lines = converter.lines();
    const auto show = [&](const std::string& at) {
      const auto line = lines.find(at);
      const std::string where = line == lines.end() ? "1" : std::to_string(line->second);
      return name + ":" + where + ": " + (at.empty() ? "rules" : at);
    };
    ATELIER_TRY(normal, json::normalize(converter.take()));
    ATELIER_TRY(prefixes, read_rules(JsonView(normal), show));
    Rules rules;
    rules.prefixes_ = std::make_shared<const std::vector<PrefixRules>>(std::move(prefixes));
    return rules;
  } catch (const toml::parse_error& error) {
    return invalid(name + ":" + std::to_string(error.source().begin.line) + ": " +
                   std::string(error.description()));
  }
}

}  // namespace atelier::query
