// Feeds a text with batches and snapshots made from the fuzzer's bytes, each with its sum put
// right, on top of a small concurrent history. What is accepted must leave a sound text that its
// history gives.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "text/codec_bytes.h"
#include "text/text_doc.h"

namespace {

using atelier::TextDoc;

void require(bool condition) {
  if (!condition) std::abort();
}

std::string with_sum(std::string_view body, char format) {
  std::string bytes(1, format);
  bytes += body;
  atelier::text_crdt::put_crc(bytes, 0);
  return bytes;
}

TextDoc small_history() {
  TextDoc a("a");
  TextDoc b("b");
  (void)a.insert(0, "some text");
  (void)b.merge(a.take_batch()->bytes);
  (void)a.erase(2, 3);
  (void)b.insert(4, "\u65e5\u672c");
  (void)a.merge(b.take_batch()->bytes);
  return a;
}

// Pieces of the input, each with its length in front.
void merge_pieces(TextDoc& doc, std::string_view input) {
  while (!input.empty()) {
    const std::size_t size = static_cast<unsigned char>(input[0]);
    input.remove_prefix(1);
    (void)doc.merge(with_sum(input.substr(0, size), '\x01'));
    input.remove_prefix(std::min(size, input.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    TextDoc doc = small_history();
    merge_pieces(doc, input);
    require(bool(doc.insert(doc.text().points(), "!")));
    require(doc.text().is_sound());
    require(bool(doc.verify()));
    return 0;
  }
  // A snapshot: its head, then its history.
  const std::size_t head = std::min<std::size_t>(data[0], input.size());
  std::string bytes = with_sum(input.substr(0, head), '\x02');
  std::string history(input.substr(head));
  atelier::text_crdt::put_crc(history, 0);
  auto opened = TextDoc::open(bytes + history, "me");
  if (!opened) return 0;
  (void)opened->insert(0, "x");
  merge_pieces(*opened, input);
  (void)opened->verify();
  require(opened->text().is_sound());
  return 0;
}
