#include "store/index_rows.h"

#include "revtree/varint.h"
#include "store/record.h"

namespace atelier::index_rows {
namespace {

Error damaged(std::string_view what) {
  return {ErrorCode::kCorrupt, "a row of an index is damaged on the disk: " + std::string(what)};
}

}  // namespace

void put_ordered(std::string& out, std::uint64_t number) {
  std::size_t count = 0;
  for (std::uint64_t rest = number; rest != 0; rest >>= 8) ++count;
  out.push_back(static_cast<char>(count));
  while (count-- > 0) out.push_back(static_cast<char>(number >> (8 * count)));
}

bool get_ordered(std::string_view bytes, std::size_t& pos, std::uint64_t* number) {
  if (pos >= bytes.size()) return false;
  const auto count = static_cast<std::uint8_t>(bytes[pos]);
  if (count > sizeof *number || bytes.size() - pos - 1 < count) return false;
  *number = 0;
  for (std::size_t i = 1; i <= count; ++i) {
    *number = *number << 8 | static_cast<std::uint8_t>(bytes[pos + i]);
  }
  if (count > 0 && bytes[pos + 1] == '\0') return false;
  pos += 1 + count;
  return true;
}

// --- values

std::string value_row(std::string_view key, std::size_t id_bytes) {
  std::string row;
  bytes::put_varint(row, id_bytes);
  return record::encode_checked(key, row);
}

Result<std::string_view> id_of_value_row(std::string_view key, std::string_view row) {
  const auto checked = record::decode_checked(key, row);
  if (!checked) return damaged("its checksum is wrong");
  bytes::Reader in(*checked);
  const std::uint64_t id_bytes = in.varint();
  if (!in.ok() || !in.at_end() || id_bytes == 0 || id_bytes >= key.size()) {
    return damaged("it names no document");
  }
  return key.substr(key.size() - static_cast<std::size_t>(id_bytes));
}

}  // namespace atelier::index_rows
