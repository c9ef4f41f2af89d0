// What a search through a collection gives. Included by room.h. Thread rule: values.
#pragma once

#include <cstddef>

namespace atelier {

/// A place to highlight: bytes [begin, end) of the text in a field (decoded, UTF-8).
struct Highlight {
  std::size_t field = 0;  // position in the fields that were declared
  std::size_t begin = 0, end = 0;

  bool operator==(const Highlight&) const = default;
};

}  // namespace atelier
