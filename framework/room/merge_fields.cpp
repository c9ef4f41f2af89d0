#include "room/merge_fields.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "base/json_text.h"
#include "base/limits.h"

namespace atelier {
namespace {

constexpr std::string_view kDigestOfNothing = "....";
constexpr std::size_t kDigestChars = 4;
constexpr std::size_t kTimeChars = 11;
constexpr std::uint64_t kTimeMax = 131'621'703'842'267'135;  // 36^11 - 1

// When and by whom a field was set. Ordered: made < unknown < edited.
struct Stamp {
  enum class Tier { kMade, kUnknown, kEdited };
  Tier tier = Tier::kUnknown;
  std::uint64_t time_us = 0;
  std::string node;

  auto order() const { return std::tie(tier, time_us, node); }
};

struct Entry {
  Stamp stamp;
  std::string digest;                // as stamped; empty without a stamp
  std::optional<std::string> value;  // nullopt: removed
  bool overwritten = false;          // the value is not the one that was stamped

  auto order() const {
    return std::tie(stamp.tier, stamp.time_us, stamp.node, overwritten, value, digest);
  }
};

using Entries = std::map<std::string, Entry, std::less<>>;

// --- Digests of values

// Servers print numbers in their own ways (1e3 comes back as 1000.0): equal numbers, equal text.
void append_number(std::string& out, std::string_view number) {
  if (const auto integer = json::int_value(number)) {
    out += std::to_string(*integer);
    return;
  }
  const double value = json::double_value(number).value_or(0);
  constexpr double kExactMax = 9'007'199'254'740'992;  // 2^53
  if (value == std::floor(value) && std::abs(value) <= kExactMax)
    out += std::to_string(static_cast<std::int64_t>(value));
  else
    json::append_double(out, value);
}

void append_canonical(std::string& out, std::string_view value) {
  const json::Kind kind = json::kind_of(value);
  if (kind == json::Kind::kNumber) {
    append_number(out, value);
  } else if (kind == json::Kind::kObject) {
    out += '{';
    json::for_each_member(value, [&](std::string_view key, std::string_view inner) {
      json::append_string(out, key);
      append_canonical(out, inner);
      return true;
    });
    out += '}';
  } else if (kind == json::Kind::kArray) {
    out += '[';
    json::for_each_element(value, [&](std::string_view inner) {
      append_canonical(out, inner);
      out += ',';
      return true;
    });
    out += ']';
  } else {
    out += value;
  }
}

std::string canonical(std::string_view value) {
  std::string out;
  append_canonical(out, value);
  return out;
}

std::string digest_of(const std::optional<std::string>& value) {
  if (!value) return std::string(kDigestOfNothing);
  std::uint64_t hash = 14'695'981'039'346'656'037u;
  for (const char c : canonical(*value)) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1'099'511'628'211u;
  }
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  for (int shift = 58; shift > 58 - 6 * static_cast<int>(kDigestChars); shift -= 6)
    out += kDigits[(hash >> shift) & 63];
  return out;
}

bool same_value(const std::optional<std::string>& a, const std::optional<std::string>& b) {
  if (a == b) return true;
  return a && b && canonical(*a) == canonical(*b);
}

// --- Stamps as text

bool is_digit36(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

bool is_node(std::string_view node) {
  return !node.empty() && node.size() <= kStampNodeBytesMax &&
         std::all_of(node.begin(), node.end(), is_digit36);
}

std::optional<Stamp> parse_group(std::string_view text) {
  Stamp stamp;
  stamp.tier = Stamp::Tier::kEdited;
  if (text.starts_with('+')) {
    stamp.tier = Stamp::Tier::kMade;
    text.remove_prefix(1);
  }
  if (text.size() <= kTimeChars || !is_node(text.substr(kTimeChars))) return std::nullopt;
  for (const char c : text.substr(0, kTimeChars)) {
    if (!is_digit36(c)) return std::nullopt;
    stamp.time_us =
        stamp.time_us * 36 + static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  stamp.node = text.substr(kTimeChars);
  return stamp;
}

std::string group_text(const Stamp& stamp) {
  std::string digits(kTimeChars, '0');
  std::uint64_t rest = stamp.time_us;
  for (std::size_t i = kTimeChars; i-- > 0; rest /= 36)
    digits[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[rest % 36];
  return (stamp.tier == Stamp::Tier::kMade ? "+" : "") + digits + stamp.node;
}

std::string escape_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ' ')
      out += "%20";
    else if (c == '%')
      out += "%25";
    else
      out += c;
  }
  return out;
}

std::optional<std::string> unescape_name(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const std::string_view code = text.substr(i, 3);
    if (code != "%20" && code != "%25") return std::nullopt;
    out += code == "%20" ? ' ' : '%';
    i += 2;
  }
  return out;
}

bool is_digest(std::string_view text) {
  if (text == kDigestOfNothing) return true;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '_';
  });
}

// Puts the stamps of one group into `entries`; of two stamps of one field the greater stands.
void read_fields(Entries& entries, const Stamp& stamp, std::string_view fields) {
  while (!fields.empty()) {
    const std::string_view token = fields.substr(0, fields.find(' '));
    fields.remove_prefix(std::min(fields.size(), token.size() + 1));
    if (token.size() < kDigestChars || !is_digest(token.substr(0, kDigestChars))) continue;
    const auto name = unescape_name(token.substr(kDigestChars));
    if (!name || *name == kStampsMember) continue;
    const std::string digest(token.substr(0, kDigestChars));
    Entry& entry = entries[*name];
    if (std::tie(entry.stamp.tier, entry.stamp.time_us, entry.stamp.node, entry.digest) <
            std::tie(stamp.tier, stamp.time_us, stamp.node, digest) ||
        entry.digest.empty()) {
      entry.stamp = stamp;
      entry.digest = digest;
    }
  }
}

Result<Entries> read_entries(std::string_view body) {
  if (json::kind_of(body) != json::Kind::kObject)
    return invalid("A document to merge must be a JSON object");
  Entries entries;
  if (const auto stamps = json::member(body, kStampsMember)) {
    json::for_each_member(*stamps, [&](std::string_view group, std::string_view fields) {
      const auto stamp = parse_group(group);
      const auto text = json::string_value(fields);
      if (stamp && text) read_fields(entries, *stamp, *text);
      return true;
    });
  }
  json::for_each_member(body, [&](std::string_view key, std::string_view value) {
    if (key != kStampsMember) entries[std::string(key)].value = std::string(value);
    return true;
  });
  for (auto& [name, entry] : entries)
    entry.overwritten = !entry.digest.empty() && entry.digest != digest_of(entry.value);
  return entries;
}

// The value of `~`, or nothing when no field has a stamp.
std::string stamps_text(const Entries& entries) {
  std::map<std::string, std::string> groups;
  for (const auto& [name, entry] : entries) {
    if (entry.digest.empty()) continue;
    std::string& fields = groups[group_text(entry.stamp)];
    if (!fields.empty()) fields += ' ';
    fields += entry.digest + escape_name(name);
  }
  if (groups.empty()) return {};
  json::Writer writer;
  writer.begin_object();
  for (const auto& [group, fields] : groups) writer.key(group).string(fields);
  writer.end_object();
  return writer.take();
}

std::string body_text(const Entries& entries, const std::vector<std::string>& names) {
  json::Writer writer;
  writer.begin_object();
  for (const std::string& name : names) writer.key(name).raw(*entries.at(name).value);
  if (const std::string stamps = stamps_text(entries); !stamps.empty())
    writer.key(kStampsMember).raw(stamps);
  writer.end_object();
  return writer.take();
}

std::string sorted_text(const Entries& entries) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries)
    if (entry.value) names.push_back(name);
  return body_text(entries, names);
}

// Above every time in the document, so that an edit beats what its writer saw.
std::uint64_t next_time(const Entries& entries, std::uint64_t now_us) {
  std::uint64_t time = now_us;
  for (const auto& [name, entry] : entries) time = std::max(time, entry.stamp.time_us + 1);
  return std::min(time, kTimeMax);
}

void set_field(Entries& entries, const std::string& name, std::optional<std::string> value,
               const Stamp& stamp) {
  Entry& entry = entries[name];
  if (same_value(entry.value, value)) return;
  entry.stamp = stamp;
  entry.digest = digest_of(value);
  entry.value = std::move(value);
  entry.overwritten = false;
}

}  // namespace

Result<std::string> stamp_edit(std::string_view before, std::string_view after,
                               std::uint64_t now_us, std::string_view node) {
  if (!is_node(node)) return invalid("A stamp's node must be 1 to 16 of 0-9a-z");
  if (json::kind_of(after) != json::Kind::kObject)
    return invalid("A document to stamp must be a JSON object");
  ATELIER_TRY(entries, before.empty() ? Result<Entries>(Entries{}) : read_entries(before));
  const Stamp stamp{before.empty() ? Stamp::Tier::kMade : Stamp::Tier::kEdited,
                    next_time(entries, now_us), std::string(node)};
  std::vector<std::string> names;
  json::for_each_member(after, [&](std::string_view key, std::string_view value) {
    if (key == kStampsMember) return true;
    names.emplace_back(key);
    set_field(entries, names.back(), std::string(value), stamp);
    return true;
  });
  std::vector<std::string> present = names;
  std::sort(present.begin(), present.end());
  for (auto& [name, entry] : entries)
    if (entry.value && !std::binary_search(present.begin(), present.end(), name))
      set_field(entries, name, std::nullopt, stamp);
  return body_text(entries, names);
}

Result<std::string> merge_fields(std::span<const std::string> leaves) {
  if (leaves.empty()) return invalid("There is nothing to merge");
  Entries merged;
  for (const std::string& leaf : leaves) {
    ATELIER_TRY(entries, read_entries(leaf));
    for (auto& [name, entry] : entries) {
      const auto [at, is_new] = merged.try_emplace(name, entry);
      if (!is_new && at->second.order() < entry.order()) at->second = std::move(entry);
    }
  }
  return sorted_text(merged);
}

bool same_fields(std::string_view body, std::string_view other) {
  const auto a = read_entries(body);
  const auto b = read_entries(other);
  return a && b && sorted_text(*a) == sorted_text(*b);
}

}  // namespace atelier
