// Rows as a damaged disk gives them. The checksums are made right, so that what stands behind them
// is read too; what is read and written again is read the same.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "store/record.h"

using namespace atelier;

namespace {

std::string with_check(std::string_view key, std::string_view bytes) {
  return record::encode_checked(key, bytes);
}

void document(std::string_view bytes) {
  record::DocRow row, again;
  const std::string encoded = with_check("id", bytes);
  if (!record::decode_doc("id", encoded, &row)) return;
  (void)record::tree_of("id", row);
  (void)record::decode_attachments(row.attachments);
  std::string out;
  record::encode_doc(out, "id", row);
  if (!record::decode_doc("id", out, &again) || again.body != row.body || again.rev != row.rev ||
      again.sequence != row.sequence || again.tree != row.tree) {
    std::abort();
  }
}

void others(std::string_view bytes) {
  const std::uint64_t number = 7;
  std::string_view key(reinterpret_cast<const char*>(&number), sizeof number);
  record::SequenceRow change;
  (void)record::decode_sequence(number, with_check(key, bytes), &change);
  const std::string body = with_check(key, bytes);
  if (const auto row = record::decode_body(number, body)) {
    (void)record::decode_attachments(row->attachments);
  }
  (void)record::decode_blob(Sha256{}, with_check(std::string(Sha256{}.size(), '\0'), bytes));
  if (const auto state = record::decode_state(with_check("state", bytes))) {
    if (record::decode_state(record::encode_state(*state)).value() != *state) std::abort();
  }
  if (const auto list = record::decode_attachments(bytes)) {
    if (!record::decode_attachments(record::encode_attachments(*list))) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // As they come: a checksum that is right by chance is no danger either.
  record::DocRow row;
  (void)record::decode_doc("id", bytes, &row);
  document(bytes);
  others(bytes);
  return 0;
}
