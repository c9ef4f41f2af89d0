#include "plugin/plugin_record_reader.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <map>
#include <optional>

#include "atelier/plugin_record.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "room/room_impl.h"

namespace atelier {
namespace {

// ELF, as far as it is read (System V ABI, chapters "ELF header" and "Sections"), little-endian, 64
// bits:
//   header  64 bytes   0: 7F 'E' 'L' 'F', class 2, data 1   16: u16 type (3: shared)   18: u16
//   machine
//                      40: u64 offset of the section headers   58: u16 size of one   60: u16 count
//                      62: u16 number of the section with the names
//   section 64 bytes   0: u32 offset of its name among the names   4: u32 type (8: no bytes in the
//   file)
//                      24: u64 offset   32: u64 size
constexpr std::size_t kHeaderBytes = 64, kSectionBytes = 64;
constexpr std::uint16_t kSharedType = 3;
constexpr std::uint32_t kNoBytes = 8;
#if defined(__x86_64__)
constexpr std::uint16_t kMachine = 62;
#elif defined(__aarch64__)
constexpr std::uint16_t kMachine = 183;
#elif defined(__riscv)
constexpr std::uint16_t kMachine = 243;
#else
constexpr std::uint16_t kMachine = 0;  // not checked: the loader does it
#endif

// A file that is read in pieces, none of which reaches over its end.
class Bytes {
 public:
  static Result<Bytes> open(const std::filesystem::path& path) {
    std::error_code error;
    const auto kind = std::filesystem::status(path, error).type();
    if (kind == std::filesystem::file_type::not_found) return not_found("there is no such file");
    if (kind != std::filesystem::file_type::regular) return invalid("it is not a file");
    const std::uint64_t size = std::filesystem::file_size(path, error);
    if (error) return invalid("it cannot be read: " + error.message());
    if (size > kPluginFileBytesMax)
      return Error{ErrorCode::kTooLarge, "it is too large to be a plugin"};
    std::ifstream stream(path, std::ios::binary);
    if (!stream) return Error{ErrorCode::kForbidden, "it cannot be opened"};
    return Bytes(std::move(stream), size);
  }

  std::optional<std::string> read(std::uint64_t offset, std::uint64_t count) {
    if (offset > size_ || count > size_ - offset) return std::nullopt;
    std::string bytes(static_cast<std::size_t>(count), '\0');
    stream_.clear();
    stream_.seekg(static_cast<std::streamoff>(offset));
    stream_.read(bytes.data(), static_cast<std::streamsize>(count));
    if (stream_.gcount() != static_cast<std::streamsize>(count)) return std::nullopt;
    return bytes;
  }

 private:
  Bytes(std::ifstream stream, std::uint64_t size) : stream_(std::move(stream)), size_(size) {}
  std::ifstream stream_;
  std::uint64_t size_;
};

// The number of `Width` bytes at `offset`, least byte first. The caller has checked the length.
template <std::size_t Width>
std::uint64_t number_at(std::string_view bytes, std::size_t offset) {
  std::uint64_t value = 0;
  for (std::size_t i = Width; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}

Error damaged(const char* where) {
  return invalid(std::string("the file is cut short or damaged (") + where + ")");
}

Status check_header(std::string_view header) {
  if (!header.starts_with("\x7f"
                          "ELF"))
    return invalid("it is not a shared library");
  if (header[4] != 2 || header[5] != 1) return invalid("it was built for another kind of machine");
  if (number_at<2>(header, 16) != kSharedType)
    return invalid("it is a program or an object file, not a shared library");
  if (kMachine != 0 && number_at<2>(header, 18) != kMachine)
    return invalid("it was built for another kind of machine");
  return ok();
}

// The bytes of the section with the record.
Result<std::string> record_section(Bytes& file) {
  const auto header = file.read(0, kHeaderBytes);
  if (!header) return invalid("it is not a shared library");
  ATELIER_CHECK(check_header(*header));
  const std::uint64_t table_offset = number_at<8>(*header, 40);
  const std::uint64_t count = number_at<2>(*header, 60), names_index = number_at<2>(*header, 62);
  if (number_at<2>(*header, 58) != kSectionBytes || count > kPluginSectionsMax ||
      names_index >= count)
    return damaged("its sections");
  const auto table = file.read(table_offset, count * kSectionBytes);
  if (!table) return damaged("the list of its sections");
  const std::string_view names_header =
      std::string_view(*table).substr(names_index * kSectionBytes, kSectionBytes);
  const auto names = file.read(number_at<8>(names_header, 24), number_at<8>(names_header, 32));
  if (!names) return damaged("the names of its sections");

  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view section =
        std::string_view(*table).substr(i * kSectionBytes, kSectionBytes);
    const std::uint64_t name = number_at<4>(section, 0);
    if (name >= names->size()) continue;
    if (names->compare(name, sizeof ATELIER_PLUGIN_SECTION, ATELIER_PLUGIN_SECTION,
                       sizeof ATELIER_PLUGIN_SECTION) != 0)
      continue;
    if (number_at<4>(section, 4) == kNoBytes) return damaged("its record");
    const std::uint64_t bytes =
        std::min<std::uint64_t>(number_at<8>(section, 32), kPluginRecordBytesMax);
    auto record = file.read(number_at<8>(section, 24), bytes);
    if (!record) return damaged("its record");
    return std::move(*record);
  }
  return invalid(
      "it is a shared library, but no plugin: it has no record (ATELIER_PLUGIN is missing)");
}

using Lines = std::map<std::string, std::string, std::less<>>;

Result<Lines> lines_of(std::string_view text) {
  constexpr std::string_view kMagic = ATELIER_PLUGIN_MAGIC;
  if (!text.starts_with("ATELIER-PLUGIN ")) return invalid("its record is damaged");
  if (!text.starts_with(kMagic)) {
    return Error{ErrorCode::kUnsupported, "its record is of a newer kind than this Atelier reads"};
  }
  const auto end = text.find('\0');
  if (end == std::string_view::npos) return invalid("its record has no end");
  text = text.substr(kMagic.size(), end - kMagic.size());
  if (!json::is_utf8(text)) return invalid("its record is not valid UTF-8");
  Lines lines;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return invalid("its record has a line without '='");
    lines.emplace(line.substr(0, equals), line.substr(equals + 1));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return lines;
}

Result<std::string> value_of(const Lines& lines, std::string_view key) {
  const auto found = lines.find(key);
  if (found == lines.end()) return invalid("its record does not say '" + std::string(key) + "'");
  return found->second;
}

Status check_id(std::string_view id) {
  constexpr std::size_t kIdLettersMax = 64;
  const bool good =
      !id.empty() && id.size() <= kIdLettersMax && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
      });
  if (!good)
    return invalid("its id '" + std::string(id.substr(0, 80)) + "' may have a-z, 0-9 and - only");
  return ok();
}

Result<std::vector<std::string>> prefixes_of(std::string_view words) {
  std::vector<std::string> prefixes;
  while (true) {
    const auto begin = words.find_first_not_of(' ');
    if (begin == std::string_view::npos) return prefixes;
    words.remove_prefix(begin);
    std::string prefix(words.substr(0, words.find(' ')));
    words.remove_prefix(prefix.size());
    ATELIER_CHECK(check_prefix(prefix));
    prefixes.push_back(std::move(prefix));
  }
}

}  // namespace

PluginFingerprint own_fingerprint(std::string ui) {
  return {ATELIER_PLUGIN_ABI, ATELIER_COMPILER, ATELIER_LIBRARY,
          BOOST_LIB_VERSION,  std::move(ui),    ATELIER_SANITIZER};
}

Result<PluginRecord> parse_plugin_record(std::string_view text) {
  ATELIER_TRY(lines, lines_of(text));
  PluginRecord record;
  PluginFingerprint& print = record.fingerprint;
  const std::array<std::pair<const char*, std::string*>, 10> wanted{
      {{"id", &record.id},
       {"name", &record.name},
       {"description", &record.description},
       {"version", &record.version},
       {"abi", &print.abi},
       {"compiler", &print.compiler},
       {"library", &print.library},
       {"boost", &print.boost},
       {"ui", &print.ui},
       {"sanitizer", &print.sanitizer}}};
  for (const auto& [key, place] : wanted) {
    ATELIER_TRY(value, value_of(lines, key));
    *place = std::move(value);
  }
  ATELIER_CHECK(check_id(record.id));
  ATELIER_TRY(words, value_of(lines, "prefixes"));
  ATELIER_TRY(prefixes, prefixes_of(words));
  record.prefixes = std::move(prefixes);
  if (const auto picture = lines.find("picture"); picture != lines.end())
    record.picture = picture->second;
  return record;
}

Result<PluginRecord> read_plugin_record(const std::filesystem::path& path) {
  const auto read = [&]() -> Result<PluginRecord> {
    ATELIER_TRY(file, Bytes::open(path));
    ATELIER_TRY(text, record_section(file));
    return parse_plugin_record(text);
  };
  auto record = read();
  if (record) return record;
  Error error = record.error();
  error.message = path.filename().string() + ": " + error.message;
  return error;
}

Status check_fingerprint(const PluginRecord& record, const PluginFingerprint& own) {
  struct Part {
    const char* name;
    const std::string &theirs, &ours;
  };
  const PluginFingerprint& theirs = record.fingerprint;
  const std::array<Part, 6> parts{{{"plugin interface", theirs.abi, own.abi},
                                   {"compiler", theirs.compiler, own.compiler},
                                   {"C++ library", theirs.library, own.library},
                                   {"Boost", theirs.boost, own.boost},
                                   {"sanitizer", theirs.sanitizer, own.sanitizer},
                                   {"user interface", theirs.ui, own.ui}}};
  for (const Part& part : parts) {
    if (part.theirs == part.ours) continue;
    if (&part.theirs == &theirs.ui && part.theirs == "none") continue;
    return Error{ErrorCode::kUnsupported,
                 "the plugin '" + record.id + "' was built for another Atelier: its " + part.name +
                     " is " + part.theirs + ", this one's is " + part.ours + ". Build it again."};
  }
  return ok();
}

}  // namespace atelier
