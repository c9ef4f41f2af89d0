// Texts as files and as numbers. Thread rule: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <atelier/error.h>

namespace atelier::coedit {

inline constexpr std::size_t kImportBytesMax = 16 << 20;  // far above what people write

/// What a file holds as a text: without a byte order mark, with "\n" at the ends of lines. Errors:
/// kInvalid for what is not UTF-8.
Result<std::string> text_of_file(std::string_view bytes);

/// "/home/ada/My story.txt" -> "My story".
std::string title_of_path(std::string_view path);
/// "a/b: c" -> "a-b- c.txt": a name that every system takes.
std::string file_name_of(std::string_view title);

/// Counts words, a piece of the text at a time. Words are what spaces separate; of Chinese and
/// Japanese each character is one.
class WordCounter {
 public:
  /// The next piece: whole characters.
  void add(std::string_view piece);
  std::size_t words() const { return words_; }

 private:
  std::size_t words_ = 0;
  bool inside_ = false;  // the last piece ended within a word
};

/// Without the spaces around it and without line breaks, at most kTitleBytesMax of it; "Untitled"
/// where nothing is left.
inline constexpr std::size_t kTitleBytesMax = 200;
std::string clean_title(std::string_view title);

}  // namespace atelier::coedit
