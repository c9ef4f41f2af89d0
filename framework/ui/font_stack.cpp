// See font_stack.h. Thread rule: main thread.
#include "ui/font_stack.h"

#include <ft2build.h>
#include <hb-ot.h>
#include FT_FREETYPE_H
#include FT_OUTLINE_H

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string_view>

namespace atelier::ui {
namespace fs = std::filesystem;

struct FontStack::Library {
  FT_Library handle = nullptr;
  ~Library() {
    if (handle) FT_Done_FreeType(handle);
  }
};

struct FontStack::Face {
  fs::path file;
  int index = 0;
  bool broken = false;
  hb_blob_t* blob = nullptr;
  hb_font_t* shaper = nullptr;
  FT_Face pixels = nullptr;  // opened when the first glyph is drawn

  ~Face() {
    if (pixels) FT_Done_Face(pixels);
    if (shaper) hb_font_destroy(shaper);
    if (blob) hb_blob_destroy(blob);
  }
};

namespace {

constexpr std::uint32_t kBoldBit = 1u << 31;

// Families in the order of search; those of Noto that are not named come after, by name.
constexpr std::array<std::string_view, 14> kFamiliesFirst = {
    "NotoSans",     "NotoSansArabic",   "NotoNaskhArabic",  "NotoSansHebrew",  "NotoSansDevanagari",
    "NotoSansThai", "NotoSansArmenian", "NotoSansGeorgian", "NotoSansBengali", "NotoSansTamil",
    "NotoSansCJK",  "NotoSansSymbols2", "NotoSansSymbols",  "NotoSansMath"};
// Where there is no Noto: better another face than no window.
constexpr std::array<std::string_view, 4> kFamiliesElse = {"DejaVuSans", "LiberationSans",
                                                           "FreeSans", "Arial"};

std::vector<fs::path> system_folders() {
  std::vector<fs::path> folders = {"/usr/share/fonts", "/usr/local/share/fonts",
                                   "/System/Library/Fonts", "/Library/Fonts"};
  if (const char* data = std::getenv("XDG_DATA_HOME"))
    folders.emplace_back(fs::path(data) / "fonts");
  if (const char* home = std::getenv("HOME")) {
    folders.emplace_back(fs::path(home) / ".local/share/fonts");
    folders.emplace_back(fs::path(home) / ".fonts");
  }
  if (const char* windows = std::getenv("WINDIR"))
    folders.emplace_back(fs::path(windows) / "Fonts");
  return folders;
}

// Which of the five national forms of the shared ideographs comes first, by the user's language.
int cjk_index_of_language() {
  const char* names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (!value || !*value) continue;
    const std::string_view language(value);
    if (language.starts_with("ko")) return 1;
    if (language.starts_with("zh_TW")) return 3;
    if (language.starts_with("zh_HK")) return 4;
    if (language.starts_with("zh")) return 2;
    return 0;
  }
  return 0;
}

// "NotoSansThai-Bold.ttf" -> {"NotoSansThai", "Bold"}
std::pair<std::string, std::string> family_and_style(const fs::path& file) {
  const std::string stem = file.stem().string();
  const auto dash = stem.rfind('-');
  if (dash == std::string::npos) return {stem, "Regular"};
  return {stem.substr(0, dash), stem.substr(dash + 1)};
}

bool is_font_file(const fs::path& file) {
  const auto extension = file.extension();
  return extension == ".ttf" || extension == ".otf" || extension == ".ttc";
}

using Files = std::map<std::string, std::map<std::string, fs::path>>;  // family -> style -> file

Files scan(const std::vector<fs::path>& folders) {
  Files files;
  for (const auto& folder : folders) {
    std::error_code error;
    fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied,
                                        error);
    for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
      if (!is_font_file(it->path())) continue;
      auto [family, style] = family_and_style(it->path());
      files[family].emplace(style, it->path());
    }
  }
  return files;
}

std::vector<std::string> search_order(const Files& files) {
  std::vector<std::string> order;
  for (auto family : kFamiliesFirst)
    if (files.count(std::string(family))) order.emplace_back(family);
  for (std::string_view group : {"NotoSans", "NotoSerif", "Noto"})
    for (const auto& [family, styles] : files)
      if (family.starts_with(group) && family != "NotoColorEmoji" &&
          std::find(order.begin(), order.end(), family) == order.end())
        order.push_back(family);
  for (auto family : kFamiliesElse)
    if (files.count(std::string(family))) order.emplace_back(family);
  return order;
}

GlyphImage image_of_coverage(const FT_Bitmap& bitmap) {
  GlyphImage image;
  image.width = static_cast<int>(bitmap.width);
  image.height = static_cast<int>(bitmap.rows);
  image.rgba.resize(static_cast<std::size_t>(image.width) * image.height * 4, 255);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const auto* row = bitmap.buffer + y * bitmap.pitch;
      const bool one_bit = bitmap.pixel_mode == FT_PIXEL_MODE_MONO;
      image.rgba[(static_cast<std::size_t>(y) * image.width + x) * 4 + 3] =
          one_bit ? ((row[x >> 3] >> (7 - (x & 7))) & 1 ? 255 : 0) : row[x];
    }
  return image;
}

// Averages premultiplied BGRA over the area that each smaller pixel covers.
GlyphImage shrink_colours(const FT_Bitmap& bitmap, double factor) {
  GlyphImage image;
  image.coloured = true;
  image.width = std::max(1, static_cast<int>(std::ceil(bitmap.width * factor)));
  image.height = std::max(1, static_cast<int>(std::ceil(bitmap.rows * factor)));
  image.rgba.resize(static_cast<std::size_t>(image.width) * image.height * 4);
  const double step = 1 / factor;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const int x0 = static_cast<int>(x * step), y0 = static_cast<int>(y * step);
      const int x1 =
          std::clamp(static_cast<int>((x + 1) * step), x0 + 1, static_cast<int>(bitmap.width));
      const int y1 =
          std::clamp(static_cast<int>((y + 1) * step), y0 + 1, static_cast<int>(bitmap.rows));
      double sum[4] = {0, 0, 0, 0};
      for (int sy = y0; sy < y1; ++sy)
        for (int sx = x0; sx < x1; ++sx)
          for (int c = 0; c < 4; ++c) sum[c] += bitmap.buffer[sy * bitmap.pitch + sx * 4 + c];
      const double area = std::max(1.0, double(x1 - x0) * double(y1 - y0));
      auto* out = &image.rgba[(static_cast<std::size_t>(y) * image.width + x) * 4];
      const double alpha = sum[3] / area;
      for (int c = 0; c < 3; ++c)
        out[2 - c] = static_cast<std::uint8_t>(
            alpha > 0 ? std::min(255.0, sum[c] / area * 255 / alpha + 0.5) : 0);
      out[3] = static_cast<std::uint8_t>(alpha + 0.5);
    }
  return image;
}

}  // namespace

bool is_emoji_by_default(char32_t c) {
  if (c >= 0x1F1E6) return c <= 0x1FAFF && !(c >= 0x1F321 && c <= 0x1F32C) && c != 0x1F336;
  if (c >= 0x1F000)
    return c == 0x1F004 || c == 0x1F0CF || c == 0x1F18E || (c >= 0x1F191 && c <= 0x1F19A);
  // Emoji_Presentation below the supplementary planes, from Unicode's emoji-data; and the heart,
  // which nobody means in black.
  static constexpr std::array<std::array<char32_t, 2>, 34> kRanges = {
      {{0x231A, 0x231B}, {0x23E9, 0x23EC}, {0x23F0, 0x23F0}, {0x23F3, 0x23F3}, {0x25FD, 0x25FE},
       {0x2614, 0x2615}, {0x2648, 0x2653}, {0x267F, 0x267F}, {0x2693, 0x2693}, {0x26A1, 0x26A1},
       {0x26AA, 0x26AB}, {0x26BD, 0x26BE}, {0x26C4, 0x26C5}, {0x26CE, 0x26CE}, {0x26D4, 0x26D4},
       {0x26EA, 0x26EA}, {0x26F2, 0x26F3}, {0x26F5, 0x26F5}, {0x26FA, 0x26FA}, {0x26FD, 0x26FD},
       {0x2705, 0x2705}, {0x270A, 0x270B}, {0x2728, 0x2728}, {0x274C, 0x274C}, {0x274E, 0x274E},
       {0x2753, 0x2755}, {0x2757, 0x2757}, {0x2795, 0x2797}, {0x27B0, 0x27B0}, {0x27BF, 0x27BF},
       {0x2B1B, 0x2B1C}, {0x2B50, 0x2B50}, {0x2B55, 0x2B55}, {0x2764, 0x2764}}};
  return std::any_of(kRanges.begin(), kRanges.end(),
                     [c](const auto& range) { return c >= range[0] && c <= range[1]; });
}

FontStack::FontStack() : library_(std::make_unique<Library>()) {}
FontStack::~FontStack() {
  faces_.clear();
}

Result<std::unique_ptr<FontStack>> FontStack::open() {
  return open(system_folders());
}

Result<std::unique_ptr<FontStack>> FontStack::open(const std::vector<fs::path>& folders) {
  std::unique_ptr<FontStack> stack(new FontStack());
  if (FT_Init_FreeType(&stack->library_->handle) != 0)
    return Error(ErrorCode::kInternal, "FreeType could not be started");
  stack->find_files(folders);
  if (stack->regular_.empty() || !stack->opened(stack->regular_.front()))
    return not_found("no font was found: please install Noto (Debian: fonts-noto-core)");
  hb_font_extents_t extents;
  hb_font_get_h_extents(stack->shaper(stack->regular_.front()), &extents);
  stack->ascent_ = static_cast<float>(extents.ascender) / kUnitsPerEm;
  stack->descent_ = static_cast<float>(-extents.descender) / kUnitsPerEm;
  return stack;
}

void FontStack::add(const fs::path& file, int index, bool bold) {
  auto face = std::make_unique<Face>();
  face->file = file;
  face->index = index;
  faces_.push_back(std::move(face));
  (bold ? bold_ : regular_).push_back(static_cast<int>(faces_.size()) - 1);
}

void FontStack::find_files(const std::vector<fs::path>& folders) {
  const Files files = scan(folders);
  for (const auto& family : search_order(files)) {
    const auto& styles = files.at(family);
    const int index = family.ends_with("CJK") ? cjk_index_of_language() : 0;
    const auto regular = styles.find("Regular");
    if (regular == styles.end()) continue;
    add(regular->second, index, false);
    if (const auto bold = styles.find("Bold"); bold != styles.end())
      add(bold->second, index, true);
    else
      bold_.push_back(regular_.back());
  }
  if (const auto emoji = files.find("NotoColorEmoji"); emoji != files.end()) {
    add(emoji->second.begin()->second, 0, false);
    emoji_ = regular_.back();  // stays at the end as well: a last resort for rare symbols
  }
}

FontStack::Face* FontStack::opened(int index) {
  Face& face = *faces_[static_cast<std::size_t>(index)];
  if (face.shaper || face.broken) return face.broken ? nullptr : &face;
  face.blob = hb_blob_create_from_file_or_fail(face.file.string().c_str());
  if (!face.blob) {
    face.broken = true;
    return nullptr;
  }
  hb_face_t* opened_face = hb_face_create(face.blob, static_cast<unsigned>(face.index));
  face.shaper = hb_font_create(opened_face);
  hb_face_destroy(opened_face);
  hb_font_set_scale(face.shaper, kUnitsPerEm, kUnitsPerEm);
  return &face;
}

hb_font_t* FontStack::shaper(int face) {
  Face* opened_face = opened(face);
  return opened_face ? opened_face->shaper : hb_font_get_empty();
}

std::optional<int> FontStack::emoji_face() const {
  return emoji_ < 0 ? std::nullopt : std::optional<int>(emoji_);
}

std::uint32_t FontStack::glyph_of(int face, char32_t code_point) {
  hb_codepoint_t glyph = 0;
  return hb_font_get_nominal_glyph(shaper(face), code_point, &glyph) ? glyph : 0;
}

bool FontStack::has_glyph(int face, char32_t code_point) {
  return glyph_of(face, code_point) != 0;
}

int FontStack::search(char32_t code_point, bool bold) {
  const auto& order = bold ? bold_ : regular_;
  for (int face : order)
    if (has_glyph(face, code_point)) return face;
  return emoji_ >= 0 && has_glyph(emoji_, code_point) ? emoji_ : order.front();
}

int FontStack::face_for(char32_t code_point, bool bold, bool emoji) {
  if (emoji && emoji_ >= 0 && has_glyph(emoji_, code_point)) return emoji_;
  const std::uint32_t key = static_cast<std::uint32_t>(code_point) | (bold ? kBoldBit : 0);
  const auto known = found_.find(key);
  if (known != found_.end()) return known->second;
  return found_[key] = search(code_point, bold);
}

float FontStack::advance(int face, std::uint32_t glyph) {
  return static_cast<float>(hb_font_get_glyph_h_advance(shaper(face), glyph)) / kUnitsPerEm;
}

GlyphImage FontStack::rasterize(int index, std::uint32_t glyph, float em_px, float subpixel_x) {
  Face* face = opened(index);
  if (!face) return {};
  if (!face->pixels) {
    unsigned length = 0;
    const char* data = hb_blob_get_data(face->blob, &length);
    if (FT_New_Memory_Face(library_->handle, reinterpret_cast<const FT_Byte*>(data),
                           static_cast<FT_Long>(length), face->index, &face->pixels) != 0)
      return {};
  }
  FT_Face pixels = face->pixels;
  // A bitmap font (Noto Color Emoji) has one size: its pictures are shrunk to the wanted one.
  const bool bitmaps = !FT_IS_SCALABLE(pixels) && pixels->num_fixed_sizes > 0;
  if (bitmaps) {
    FT_Select_Size(pixels, 0);
  } else {
    FT_Size_RequestRec request = {FT_SIZE_REQUEST_TYPE_NOMINAL, 0,
                                  static_cast<FT_Long>(em_px * 64 + 0.5f), 0, 0};
    FT_Request_Size(pixels, &request);
  }
  if (FT_Load_Glyph(pixels, glyph, bitmaps ? FT_LOAD_COLOR : FT_LOAD_TARGET_LIGHT) != 0) return {};
  FT_GlyphSlot slot = pixels->glyph;
  if (slot->format == FT_GLYPH_FORMAT_OUTLINE) {
    FT_Outline_Translate(&slot->outline, static_cast<FT_Pos>(subpixel_x * 64), 0);
    if (FT_Render_Glyph(slot, FT_RENDER_MODE_NORMAL) != 0) return {};
  }
  if (slot->bitmap.width == 0 || slot->bitmap.rows == 0) return {};
  GlyphImage image;
  double factor = 1;
  if (slot->bitmap.pixel_mode == FT_PIXEL_MODE_BGRA) {
    factor = em_px / (static_cast<double>(pixels->available_sizes[0].y_ppem) / 64);
    image = shrink_colours(slot->bitmap, std::min(factor, 1.0));
    if (factor > 1) image.scale = static_cast<float>(factor);
  } else {
    image = image_of_coverage(slot->bitmap);
  }
  image.left = static_cast<float>(slot->bitmap_left * factor);
  image.top = static_cast<float>(-slot->bitmap_top * factor);
  return image;
}

}  // namespace atelier::ui
