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

/// Words are what spaces separate; of Chinese and Japanese each character is one.
std::size_t count_words(std::string_view text);

/// Without the spaces around it and without line breaks, at most kTitleBytesMax of it; "Untitled"
/// where nothing is left.
inline constexpr std::size_t kTitleBytesMax = 200;
std::string clean_title(std::string_view title);

}  // namespace atelier::coedit
