#include "room/shared_text_presence.h"

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"

namespace atelier {
namespace {

std::optional<std::size_t> place(std::string_view caret, std::string_view name) {
  const auto value = json::int_member(caret, name);
  if (!value || *value < 0 || *value > static_cast<std::int64_t>(kTextBytesMax))
    return std::nullopt;
  return static_cast<std::size_t>(*value);
}

std::optional<TextVersionEntry> version_entry(std::string_view text) {
  if (json::kind_of(text) != json::Kind::kArray) return std::nullopt;
  std::optional<std::string> agent;
  std::optional<std::int64_t> sequence;
  int count = 0;
  json::for_each_element(text, [&](std::string_view element) {
    if (count == 0) agent = json::string_value(element);
    if (count == 1) sequence = json::int_value(element);
    return ++count < 2;
  });
  if (!agent || agent->size() > kTextAgentBytesMax || !sequence || *sequence < 0 ||
      *sequence > kTextOperationsMax) {
    return std::nullopt;
  }
  return TextVersionEntry{std::move(*agent), static_cast<std::uint32_t>(*sequence)};
}

bool read_version(std::string_view caret, TextVersion& version) {
  const auto text = json::member(caret, "v");
  if (!text || json::kind_of(*text) != json::Kind::kArray) return false;
  bool whole = true;
  json::for_each_element(*text, [&](std::string_view element) {
    const auto entry = version_entry(element);
    whole = entry && version.size() < kTextCaretTipsMax;
    if (whole) version.push_back(std::move(*entry));
    return whole;
  });
  return whole;
}

}  // namespace

std::string encode_text_presence(const TextPresence& presence) {
  json::Writer out;
  out.begin_object();
  if (presence.caret) {
    out.key("caret").begin_object();
    out.key("a").integer(static_cast<std::int64_t>(presence.caret->anchor));
    out.key("p").integer(static_cast<std::int64_t>(presence.caret->position));
    out.key("v").begin_array();
    for (const TextVersionEntry& entry : presence.version)
      out.begin_array().string(entry.agent).integer(entry.sequence).end_array();
    out.end_array().end_object();
  }
  if (!presence.tail.empty()) out.key("tail").string(base64(presence.tail));
  return out.end_object().take();
}

TextPresence decode_text_presence(std::string_view state) {
  TextPresence presence;
  if (json::kind_of(state) != json::Kind::kObject) return presence;
  if (const auto tail = json::string_member(state, "tail"))
    presence.tail = unbase64(*tail).value_or("");
  const auto caret = json::member(state, "caret");
  if (!caret || json::kind_of(*caret) != json::Kind::kObject) return presence;
  const auto position = place(*caret, "p"), anchor = place(*caret, "a");
  if (position && anchor && read_version(*caret, presence.version))
    presence.caret = TextCaret{*position, *anchor};
  return presence;
}

}  // namespace atelier
