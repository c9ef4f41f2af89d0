#include "server/list_options.h"

#include <charconv>

#include "base/json_text.h"

namespace atelier::server {

namespace {

Result<std::uint64_t> parse_count(std::string_view text) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size())
    return invalid("Invalid value for integer: " + json::quoted(text));
  if (negative && value != 0)
    return invalid("Invalid value for positive integer: " + json::quoted(text));
  return value;
}

Result<bool> parse_flag(std::string_view text) {
  if (equal_no_case(text, "true")) return true;
  if (equal_no_case(text, "false")) return false;
  return invalid("Invalid boolean parameter: " + json::quoted(text));
}

Bound bound_of(std::string_view normal) {
  if (auto text = json::string_value(normal)) return {Bound::Kind::kText, std::move(*text)};
  const json::Kind kind = json::kind_of(normal);
  const bool after = kind == json::Kind::kArray || kind == json::Kind::kObject;
  return {after ? Bound::Kind::kAfterTexts : Bound::Kind::kBeforeTexts, {}};
}

Status set_keys(ListOptions& options, std::string_view normal) {
  if (json::kind_of(normal) != json::Kind::kArray)
    return invalid("`keys` body member must be an array.");
  options.keys.emplace();
  json::for_each_element(normal, [&](std::string_view key) {
    options.keys->emplace_back(key);
    return true;
  });
  return ok();
}

/// Options whose values are JSON: keys and bounds.
Status set_json_option(ListOptions& options, std::string_view name, std::string_view text) {
  const auto normal = json::normalize(text);
  if (!normal) return invalid("invalid UTF-8 JSON");
  if (name == "keys") return set_keys(options, *normal);
  if (name == "startkey" || name == "start_key")
    options.start = bound_of(*normal);
  else if (name == "endkey" || name == "end_key")
    options.end = bound_of(*normal);
  else
    options.start = options.end = bound_of(*normal);
  return ok();
}

Status set_plain_option(ListOptions& options, std::string_view name, std::string_view text) {
  if (name == "limit" || name == "skip") {
    ATELIER_TRY(count, parse_count(text));
    (name == "limit" ? options.limit : options.skip) = count;
    return ok();
  }
  bool* const flag = name == "descending"          ? &options.descending
                     : name == "inclusive_end"     ? &options.inclusive_end
                     : name == "include_docs"      ? &options.include_docs
                     : name == "update_seq"        ? &options.update_seq
                     : name == "conflicts"         ? &options.show.conflicts
                     : name == "attachments"       ? &options.show.attachments
                     : name == "att_encoding_info" ? &options.show.att_encoding_info
                                                   : nullptr;
  if (flag == nullptr) return ok();
  ATELIER_TRY(value, parse_flag(text));
  *flag = value;
  return ok();
}

constexpr std::string_view kJsonOptions[] = {"startkey", "start_key", "endkey",
                                             "end_key",  "key",       "keys"};
constexpr std::string_view kPlainOptions[] = {"limit",         "skip",         "descending",
                                              "inclusive_end", "include_docs", "update_seq",
                                              "conflicts",     "attachments",  "att_encoding_info"};

}  // namespace

Result<ListOptions> parse_list_options(const Query& query) {
  ListOptions options;
  for (std::string_view name : kPlainOptions) {
    if (const auto text = query.get(name)) ATELIER_CHECK(set_plain_option(options, name, *text));
  }
  for (std::string_view name : kJsonOptions) {
    if (const auto text = query.get(name)) ATELIER_CHECK(set_json_option(options, name, *text));
  }
  return options;
}

Status add_list_options(ListOptions& options, std::string_view body) {
  for (std::string_view name : kPlainOptions) {
    const auto value = json::member(body, name);
    if (!value) continue;
    ATELIER_CHECK(
        set_plain_option(options, name, json::string_value(*value).value_or(std::string(*value))));
  }
  for (std::string_view name : kJsonOptions) {
    if (const auto value = json::member(body, name))
      ATELIER_CHECK(set_json_option(options, name, *value));
  }
  return ok();
}

}  // namespace atelier::server
