#include "find_commands.h"

#include <algorithm>
#include <ostream>

#include "base/json_text.h"
#include "people_commands.h"
#include "room_access.h"
#include "store/retention.h"

namespace atelier::host {
namespace {

constexpr std::uint64_t kPageDocs = 1'000;  // documents asked for at once
constexpr std::int64_t kMsPerSecond = 1'000;

std::string find_body(const FindCommandOptions& options, std::uint64_t limit,
                      const std::string& bookmark) {
  json::Writer body;
  body.begin_object().key("selector").raw(options.selector);
  body.key("limit").integer(static_cast<std::int64_t>(limit));
  if (!options.fields.empty()) {
    body.key("fields").begin_array();
    for (const std::string& field : options.fields) body.string(field);
    body.end_array();
  }
  if (!options.sort.empty()) {
    body.key("sort").begin_array();
    for (const std::string& field : options.sort) {
      const bool descending = field.starts_with('-');
      body.begin_object().key(descending ? field.substr(1) : field);
      body.string(descending ? "desc" : "asc").end_object();
    }
    body.end_array();
  }
  if (!bookmark.empty()) body.key("bookmark").string(bookmark);
  body.end_object();
  return body.take();
}

/// A page of documents, printed; how many there were.
Result<std::uint64_t> print_page(std::string_view answer, std::ostream& out) {
  std::uint64_t count = 0;
  json::for_each_element(json::member(answer, "docs").value_or("[]"), [&](std::string_view document) {
    out << document << '\n';
    ++count;
    return true;
  });
  if (!out) return Error(ErrorCode::kDisk, "the answer cannot be written");
  return count;
}

Status find(const RoomAccess& access, FindCommandOptions options, std::ostream& out,
            std::ostream& err) {
  const auto selector = json::normalize(options.selector);
  if (!selector) return invalid("the selector is no JSON: " + selector.error().message);
  options.selector = *selector;
  std::string bookmark;
  for (std::uint64_t left = options.limit; left > 0;) {
    const std::uint64_t asked = std::min(left, options.explain ? left : kPageDocs);
    ATELIER_TRY(reply, access.request("POST", access.path(options.explain ? "/_explain" : "/_find"),
                                      find_body(options, asked, bookmark)));
    if (reply.status != 200) return error_of(reply, "the room cannot answer");
    ATELIER_TRY(answer, json::normalize(reply.body));
    if (options.explain) {
      out << answer << '\n';
      break;
    }
    ATELIER_TRY(count, print_page(answer, out));
    if (const auto warning = json::string_member(answer, "warning"); warning && bookmark.empty()) {
      err << "atelier: " << *warning << std::endl;
    }
    if (count < asked) break;
    left -= count;
    bookmark = json::string_member(answer, "bookmark").value_or("");
  }
  out.flush();
  return ok();
}

/// What a document holds must not steer the terminal: controls of ASCII, and those of U+0080 to
/// U+009F, which are C2 80 to C2 9F in UTF-8.
std::string without_controls(std::string text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool two = byte(i) == 0xc2 && i + 1 < text.size() && byte(i + 1) < 0xa0;
    if (two) text.erase(i + 1, 1);
    if (two || byte(i) < 0x20 || byte(i) == 0x7f) text[i] = ' ';
  }
  return text;
}

/// A hit for people: its id and the text around its first highlight, on one line.
std::string hit_line(std::string_view hit) {
  constexpr std::size_t kBefore = 30, kAfter = 60;
  const std::string_view document = json::member(hit, "doc").value_or("{}");
  std::string line = json::string_member(document, "_id").value_or("");
  std::string_view place = "{}";
  json::for_each_element(json::member(hit, "highlights").value_or("[]"), [&](std::string_view one) {
    place = one;
    return false;
  });
  std::optional<std::string_view> value = document;
  std::string field = json::string_member(place, "field").value_or("");
  for (std::size_t dot = 0; value && !field.empty() && dot != std::string::npos;) {
    dot = field.find('.');
    value = json::member(*value, field.substr(0, dot));
    field.erase(0, dot == std::string::npos ? field.size() : dot + 1);
  }
  const std::string text = value ? json::string_value(*value).value_or("") : "";
  const auto begin = std::min<std::size_t>(
      text.size(), static_cast<std::size_t>(json::int_member(place, "begin").value_or(0)));
  const auto is_inside = [&](std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
  };
  std::size_t from = begin > kBefore ? begin - kBefore : 0;
  std::size_t to = std::min(text.size(), begin + kAfter);
  while (from > 0 && is_inside(from)) --from;  // at the beginning of a code point
  while (is_inside(to)) ++to;
  return without_controls(line + "  " + (from > 0 ? "…" : "") + text.substr(from, to - from) +
                          (to < text.size() ? "…" : ""));
}

Status search(const RoomAccess& access, const CommandContext& context,
              const SearchCommandOptions& options, std::ostream& out) {
  std::string words;
  for (const std::string& word : options.words) words += (words.empty() ? "" : " ") + word;
  json::Writer body;
  body.begin_object().key("room").string(access.database).key("words").string(words);
  body.key("limit").integer(static_cast<std::int64_t>(options.limit)).end_object();
  ATELIER_TRY(text, access.control("room-search", body.take()));
  ATELIER_TRY(answer, json::normalize(text));
  json::for_each_element(json::member(answer, "hits").value_or("[]"), [&](std::string_view hit) {
    out << (context.json ? std::string(hit) : hit_line(hit)) << '\n';
    return true;
  });
  out.flush();
  return ok();
}

std::string duration_text(std::int64_t ms) {
  constexpr std::pair<std::int64_t, const char*> kUnits[] = {
      {86'400 * kMsPerSecond, "d"}, {3'600 * kMsPerSecond, "h"}, {60 * kMsPerSecond, "m"}};
  for (const auto& [unit, name] : kUnits)
    if (ms % unit == 0) return std::to_string(ms / unit) + name;
  return std::to_string(ms) + " ms";
}

Result<std::string> retention_body(const RoomAccess& access, const RetentionOptions& options) {
  json::Writer body;
  body.begin_object().key("room").string(access.database);
  if (options.tombstones) {
    ATELIER_TRY(seconds, parse_duration(*options.tombstones));
    body.key("tombstones").integer(seconds * kMsPerSecond);
  }
  body.key("lifetimes").begin_object();
  for (const std::string& one : options.lifetimes) {
    const std::size_t equals = one.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      return invalid("a lifetime is a prefix of ids and a time: here:=1m, or here:=never");
    }
    ATELIER_TRY(seconds, parse_duration(std::string_view(one).substr(equals + 1)));
    body.key(one.substr(0, equals)).integer(seconds * kMsPerSecond);
  }
  body.end_object().end_object();
  return body.take();
}

Status keep(const RoomAccess& access, const CommandContext& context,
            const RetentionOptions& options, std::ostream& out) {
  ATELIER_TRY(body, retention_body(access, options));
  ATELIER_TRY(text, access.control("room-retention", body));
  if (context.json) {
    out << text << std::endl;
    return ok();
  }
  ATELIER_TRY(retention, decode_retention(text));
  out << "Deletions are remembered "
      << (retention.tombstones_ms == 0 ? "for ever" : "for " + duration_text(retention.tombstones_ms))
      << ".\n";
  for (const auto& [prefix, ms] : retention.lifetimes_ms) {
    out << "Documents whose ids begin with '" << prefix << "' live for " << duration_text(ms)
        << " after their last change.\n";
  }
  out.flush();
  return ok();
}

}  // namespace

int run_find(const CommandContext& context, const FindCommandOptions& options, std::ostream& out,
             std::ostream& err) {
  const auto access = access_room(context, options.room, false);
  if (!access) return fail(err, access.error());
  const Status found = find(*access, options, out, err);
  return found ? kExitOk : fail(err, found.error());
}

int run_search(const CommandContext& context, const SearchCommandOptions& options,
               std::ostream& out, std::ostream& err) {
  const auto access = access_room(context, options.room, false);
  if (!access) return fail(err, access.error());
  const Status found = search(*access, context, options, out);
  return found ? kExitOk : fail(err, found.error());
}

int run_retention(const CommandContext& context, const RetentionOptions& options, std::ostream& out,
                  std::ostream& err) {
  const auto access = access_room(context, options.room, false);
  if (!access) return fail(err, access.error());
  const Status kept = keep(*access, context, options, out);
  return kept ? kExitOk : fail(err, kept.error());
}

}  // namespace atelier::host
