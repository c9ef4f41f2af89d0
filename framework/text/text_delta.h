// A change of a whole text as one row: keep so many code points, erase so many, insert this, …;
// what follows the row is kept. Thread rule: values.
//
// Inserted text may be left out where only lengths matter: then a part has a count and no text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace atelier {

class TextDelta {
 public:
  enum class Kind { kKeep, kErase, kInsert };
  struct Part {
    Kind kind = Kind::kKeep;
    std::size_t count = 0;  // code points
    std::string text;       // of an insertion, or empty
    bool operator==(const Part&) const = default;
  };

  void keep(std::size_t count) { add({Kind::kKeep, count, {}}); }
  void erase(std::size_t count) { add({Kind::kErase, count, {}}); }
  void insert(std::size_t count, std::string_view text) {
    add({Kind::kInsert, count, std::string(text)});
  }
  void add(Part part);

  const std::vector<Part>& parts() const { return parts_; }
  bool empty() const { return parts_.empty(); }
  bool operator==(const TextDelta&) const = default;

  /// `at` kept, then `erased` gone, then `inserted` come.
  static TextDelta replace(std::size_t at, std::size_t erased, std::size_t inserted,
                           std::string_view text);

 private:
  void trim();
  friend TextDelta compose(const TextDelta& first, const TextDelta& second);
  friend TextDelta transform(const TextDelta& delta, const TextDelta& other, bool goes_first);

  std::vector<Part> parts_;
};

/// What both do, one after the other.
TextDelta compose(const TextDelta& first, const TextDelta& second);

/// What `delta` is for a text that `other` changed meanwhile. Of insertions at one place `delta`'s
/// stands before the other's if it goes first. With the same choice turned round for the other,
/// compose(a, transform(b, a)) and compose(b, transform(a, b)) are the same.
TextDelta transform(const TextDelta& delta, const TextDelta& other, bool goes_first);

}  // namespace atelier
