// Rules in JSON or TOML (the first byte says which), then, a line each, two bodies: rules that load
// are asked of every write that can be made of them. No carrier may be refused for who it is.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_text.h"
#include "query/rules.h"

namespace {

using namespace atelier;

void require(bool condition) {
  if (!condition) std::abort();
}

std::string body_of(std::string_view text) {
  const auto normal = json::normalize(text);
  return normal && json::kind_of(*normal) == json::Kind::kObject ? *normal : "{}";
}

void ask(const query::Rules& rules, const query::DocumentView& before,
         const query::DocumentView& after) {
  const std::vector<std::string> roles = {"moderator"};
  query::RulesUser user;
  user.name = "ana";
  user.roles = roles;
  const Status changed = rules.check(&before, after, user);
  const std::vector<query::DocumentView> outranked = {before};
  require(bool(rules.check_replicated(outranked, after, user)) == bool(changed));
  require(changed || !changed.error().message.empty());
  (void)rules.check(nullptr, after, user);
  (void)rules.may_read(after, user);
  user.carries = true;
  require(rules.may_read(after, user));
  const Status carried = rules.check(&before, after, user);
  require(!changed || carried);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t second = input.rfind('\n');
  if (second == std::string_view::npos) return 0;
  const std::size_t first = second == 0 ? std::string_view::npos : input.rfind('\n', second - 1);
  if (first == std::string_view::npos) return 0;
  const std::string_view text = input.substr(0, first);
  const auto rules = data[0] == 'T' ? query::Rules::from_toml(text) : query::Rules::from_json(text);
  if (!rules) {
    require(!rules.error().message.empty());
    return 0;
  }
  const std::string before_body = body_of(input.substr(first + 1, second - first - 1));
  const std::string after_body = body_of(input.substr(second + 1));
  for (const char* id : {"message:1", "other:1", "plain", "_design/x"}) {
    query::DocumentView before, after;
    before.id = after.id = id;
    before.body = before_body;
    after.body = after_body;
    ask(*rules, before, after);
    after.deleted = true;
    ask(*rules, before, after);
    before.deleted = true;
    ask(*rules, before, after);
  }
  return 0;
}
