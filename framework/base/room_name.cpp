#include "base/room_name.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"

namespace atelier {
namespace {

constexpr std::string_view kMark = "x$$";

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
bool is_plain(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

std::string escaped(std::string_view title) {
  std::string name;
  for (const char c : title) {
    if (is_plain(c)) {
      name += c;
    } else {
      name += '$';
      name += hex(std::string_view(&c, 1));
    }
  }
  return name;
}

// The inverse of escaped(); nullopt where a `$` is not followed by the hex digits it would have made.
std::optional<std::string> unescaped(std::string_view name) {
  std::string title;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '$') {
      title += name[i];
      continue;
    }
    const auto byte = unhex(name.substr(i + 1, 2));
    if (!byte || byte->size() != 1 || is_plain(byte->front())) return std::nullopt;
    title += *byte;
    i += 2;
  }
  return title;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::optional<std::string> composed(std::string_view text) {
  utf8proc_uint8_t* result = nullptr;
  const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                   static_cast<utf8proc_ssize_t>(text.size()), &result,
                                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (length < 0) return std::nullopt;
  std::string out(reinterpret_cast<const char*>(result), static_cast<std::size_t>(length));
  std::free(result);
  return out;
}

}  // namespace

Result<std::string> database_name_of_title(std::string_view raw) {
  if (!json::is_utf8(raw)) return invalid("the room's name is not valid UTF-8");
  const auto title = composed(trimmed(raw));
  if (!title || title->empty()) return invalid("a room needs a name");
  if (std::any_of(title->begin(), title->end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
      }))
    return invalid("the room's name has a control character in it");
  std::string name = escaped(*title);
  if (!is_letter(title->front()) || name.starts_with(kMark)) name.insert(0, kMark);
  if (name.size() > kDatabaseNameBytesMax)
    return Error{ErrorCode::kTooLarge,
                 "the room's name is too long: " + std::to_string(name.size()) + " bytes when encoded, " +
                     std::to_string(kDatabaseNameBytesMax) + " are allowed"};
  return name;
}

Result<std::string> title_of_database_name(std::string_view name) {
  if (!is_database_name(name)) return invalid("'" + std::string(name) + "' is not a database name");
  std::string_view inside = name;
  if (inside.starts_with(kMark)) inside.remove_prefix(kMark.size());
  if (auto title = unescaped(inside)) {
    // Only what our own mapping makes is decoded: everything else must come back as it was.
    const auto again = database_name_of_title(*title);
    if (again && *again == name) return *title;
  }
  return std::string(name);
}

bool is_database_name(std::string_view name) {
  if (name == "_users" || name == "_replicator" || name == "_global_changes") return true;
  if (name.empty() || name.size() > kDatabaseNameBytesMax || !is_letter(name.front())) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return is_plain(c) || c == '$' || c == '(' || c == ')' || c == '+' || c == '/';
  });
}

}  // namespace atelier
