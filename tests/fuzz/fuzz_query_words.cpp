// Words of any bytes: sound UTF-8 of bounded length, in order, within the text; a search for a
// text's own words finds them, and a folded word folds to itself.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json_text.h"
#include "query/words.h"

namespace {

using namespace atelier;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::size_t last = 0;
  std::size_t words = 0;
  for (query::WordReader reader(text); reader.next(); ++words) {
    const query::Word& word = reader.word();
    require(!word.text.empty() && word.text.size() <= kWordBytesMax && json::is_utf8(word.text));
    require(word.begin >= last && word.begin < word.end && word.end <= text.size());
    last = word.begin;
  }
  require(words <= text.size());
  const auto terms = query::search_terms(text);
  if (!terms) return 0;
  require(terms->empty() == (words == 0));
  const auto ranges = query::highlights(text, *terms);
  require(ranges.empty() == (words == 0));
  std::size_t end = 0;
  for (const auto& [begin, past] : ranges) {
    require(begin >= end && past > begin && past <= text.size());
    end = past;
  }
  return 0;
}
