// What plugins and the host share on screen, so that they look like one: text of any script,
// colours, avatars, message bubbles, buttons, fields, long lists. Everything is drawn at ImGui's
// cursor into the current ImGui window; plain ImGui may be mixed in freely.
//
// Lengths are logical pixels times scale: write px(12), not 12. Thread rule: main thread, within a
// frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <imgui.h>

#include "atelier/sync_status.h"

#if defined(_WIN32)
#define ATELIER_UI_API
#else
#define ATELIER_UI_API __attribute__((visibility("default")))
#endif

namespace atelier::ui {

// --- Colours and sizes

/// Pairs of text and ground keep a contrast of at least 4.5 (WCAG AA), in both themes.
struct Theme {
  bool dark;
  ImU32 paper;     // the window's ground
  ImU32 surface;   // cards and other people's bubbles
  ImU32 sunken;    // fields
  ImU32 line;      // hairlines around them
  ImU32 ink;       // text
  ImU32 ink_soft;  // secondary text
  ImU32 accent;    // the one thing to press, and links
  ImU32 accent_hover;
  ImU32 on_accent;                       // text on it
  ImU32 accent_soft;                     // own bubbles, chosen cards
  ImU32 good, warn, bad;                 // states, as text on paper and surface
  ImU32 good_soft, warn_soft, bad_soft;  // states, as ground under that text
};
ATELIER_UI_API const Theme& theme();

/// Logical pixels to ImGui's units.
ATELIER_UI_API float px(float logical);

/// The same colour for the same name everywhere; white text on it is readable.
ATELIER_UI_API ImU32 person_colour(std::string_view name);

// --- Text

enum class TextStyle { kBody, kStrong, kSmall, kSmallStrong, kHeading, kTitle };

ATELIER_UI_API float line_height(TextStyle style = TextStyle::kBody);

struct TextShape {
  TextStyle style = TextStyle::kBody;
  float wrap = 0;     // width to break lines at; 0: only "\n" breaks
  int lines_max = 0;  // what is beyond ends in "…"; 0: no limit
};

/// The size that draw_text() will fill.
ATELIER_UI_API ImVec2 measure(std::string_view text, const TextShape& shape = {});
/// Draws with the upper left corner at `at` (screen coordinates); the cursor does not move.
ATELIER_UI_API void draw_text(ImVec2 at, std::string_view text, ImU32 colour,
                              const TextShape& shape = {});
/// A paragraph at the cursor, as wide as the window allows. Colour 0 is theme().ink.
ATELIER_UI_API void text(std::string_view text, TextStyle style = TextStyle::kBody,
                         ImU32 colour = 0);
/// One line at the cursor; what does not fit into `width` (0: the rest of the row) ends in "…".
ATELIER_UI_API void text_line(std::string_view text, TextStyle style = TextStyle::kBody,
                              ImU32 colour = 0, float width = 0);

// --- Things to press and to fill in

enum class ButtonKind { kPrimary, kPlain, kQuiet, kDanger };

/// Width 0 fits the label.
ATELIER_UI_API bool button(const char* label, ButtonKind kind = ButtonKind::kPlain, float width = 0,
                           bool enabled = true);

/// A button over what was drawn before, with the middle of its lower edge at `at` (screen
/// coordinates).
ATELIER_UI_API bool floating_button(const char* label, ImVec2 at);

enum class Icon {
  kSend, kBack, kMenu, kDown, kUp, kClose, kCheck, kRetry, kPlus, kMinus, kSearch, kPeople,
  // tools of boards and texts
  kSelect, kHand, kPen, kEraser, kLine, kArrow, kRectangle, kEllipse, kText, kNote,
  kUndo, kRedo, kDelete, kDuplicate, kToFront, kToBack, kFit, kExport, kImport, kEdit,
};
/// The picture alone, in a square of `side` around `centre`.
ATELIER_UI_API void draw_icon(ImDrawList& list, Icon icon, ImVec2 centre, float side, ImU32 colour);

/// A round button with a picture; `label` is its tooltip and the name that scripts click.
ATELIER_UI_API bool icon_button(Icon icon, const char* label, ButtonKind kind = ButtonKind::kQuiet,
                                bool enabled = true);

/// A row or column of tools on a rounded ground that floats over what was drawn before, with its
/// upper left corner at `at` (screen coordinates). Between begin and end: tool(), tool_gap(),
/// swatch(). It takes the pointer from what lies below.
ATELIER_UI_API void begin_toolbar(const char* id, ImVec2 at, bool vertical);
ATELIER_UI_API void end_toolbar();
/// The size of the toolbar of that id in the last frame; {0, 0} before the first.
ATELIER_UI_API ImVec2 toolbar_size(const char* id);
/// `label` is the tooltip, with the shortcut behind it ("Pen", "P"), and what scripts click.
ATELIER_UI_API bool tool(Icon icon, const char* label, const char* shortcut = "",
                         bool chosen = false, bool enabled = true);
/// A colour to choose; `label` names it. Alpha 0 shows "no colour".
ATELIER_UI_API bool swatch(const char* label, ImU32 colour, bool chosen);
/// A line's width to choose, shown as a dot of about that size (logical pixels).
ATELIER_UI_API bool width_dot(const char* label, float width, bool chosen);
/// A hairline between groups of tools.
ATELIER_UI_API void tool_gap();
/// Words in a toolbar that can be pressed ("100%").
ATELIER_UI_API bool tool_text(const char* label, std::string_view words, float width);

/// The pointer of another person with the name on a label; `at` is its tip (screen coordinates).
ATELIER_UI_API void remote_cursor(ImDrawList& list, ImVec2 at, std::string_view name);

/// One line to type in. Returns true when it changed; `*submitted` (may be null) tells of Enter.
ATELIER_UI_API bool text_field(const char* label, std::string& value, const char* placeholder,
                               float width = 0, bool* submitted = nullptr);
/// Some lines to type in, growing from one to `lines_max`. Returns true when Enter was pressed
/// (Shift+Enter begins a line); the field keeps the keyboard.
ATELIER_UI_API bool text_area(const char* label, std::string& value, const char* placeholder,
                              float width, int lines_max);
/// The height that text_area() of that width will take; without a width only "\n" counts.
ATELIER_UI_API float text_area_height(const std::string& value, int lines_max, float width = 0);
/// The next text_field() or text_area() gets the keyboard.
ATELIER_UI_API void focus_next_field();

/// An area of that size at the cursor that can be pressed and has no looks of its own but a soft
/// ground under the pointer; draw over it. `label` is what scripts click.
ATELIER_UI_API bool hot_area(const char* label, ImVec2 size);

// --- Things to look at

/// A rounded ground with an edge; a colour of 0 leaves it out. edge_width 0 is one logical pixel.
ATELIER_UI_API void draw_panel(ImDrawList& list, ImVec2 min, ImVec2 max, ImU32 ground, ImU32 edge,
                               float rounding, float edge_width = 0);
ATELIER_UI_API void draw_disc(ImDrawList& list, ImVec2 centre, float radius, ImU32 colour);

/// A round picture with the initials of a name.
ATELIER_UI_API void avatar(std::string_view name, float diameter);

enum class Mood { kNeutral, kGood, kWarn, kBad };

/// A short state with a coloured dot; returns true when clicked. Words that make it wider than
/// `width_max` end in "…".
ATELIER_UI_API float status_pill_width(std::string_view words, float width_max);
ATELIER_UI_API bool status_pill(std::string_view words, Mood mood, float width_max);

/// One message of a conversation.
struct Bubble {
  std::string_view sender, text;
  std::string time;      // in words
  bool own = false;      // on the right, in the accent colour
  bool first = true;     // of a group of one sender: shows name and avatar
  bool pending = false;  // not yet on disk
};
/// Both take the width of the whole row.
ATELIER_UI_API float bubble_height(const Bubble& bubble, float width);
ATELIER_UI_API void draw_bubble(const Bubble& bubble, float width);

/// A thin line with words in the middle: "Yesterday".
ATELIER_UI_API float divider_height();
ATELIER_UI_API void draw_divider(std::string_view words, float width);

/// What to say in the middle of a region that has nothing to show yet.
ATELIER_UI_API void empty_state(std::string_view title, std::string_view hint);

/// A rounded ground under what is drawn until end_card(). Width 0 is the rest of the row. The
/// height fits what it holds. Several in one window need different ids.
ATELIER_UI_API void begin_card(const char* id, float width = 0, bool chosen = false);
ATELIER_UI_API void end_card();

/// Between ImGui::OpenPopup(id) and the first click elsewhere: a panel at `at` (screen
/// coordinates), as high as what it holds. Call end_popup() when it returns true.
ATELIER_UI_API bool begin_popup(const char* id, ImVec2 at, float width, float padding = 18);
ATELIER_UI_API void end_popup();

/// Says something at the window's lower edge for some seconds.
ATELIER_UI_API void toast(std::string_view text, Mood mood = Mood::kNeutral);

/// A question over everything, from confirm_ask() with the same id until an answer.
ATELIER_UI_API void confirm_ask(const char* id);
/// Call in each frame; returns true once, when the answer was `yes`.
ATELIER_UI_API bool confirm(const char* id, std::string_view title, std::string_view text,
                            const char* yes, bool dangerous);

// --- Long lists

/// Rows of different heights, of which only the visible ones are measured and drawn: a frame costs
/// the same for ten rows and for a million. Keeps to the end while it is there; scrolled up, it
/// keeps its place when rows arrive.
class ATELIER_UI_API RowList {
 public:
  struct Rows {
    std::size_t count = 0;
    /// Tells a row from others when rows were inserted before it.
    std::function<std::uint64_t(std::size_t row)> key;
    std::function<float(std::size_t row, float width)> height;
    /// Draws at the cursor.
    std::function<void(std::size_t row, float width)> draw;
  };
  void draw(const char* id, ImVec2 size, const Rows& rows);
  bool at_end() const { return at_end_; }
  void jump_to_end() { at_end_ = true; }

 private:
  void find_anchor(const Rows& rows);
  void scroll(float delta, const Rows& rows, float width, float height);
  void place_end(const Rows& rows, float width, float height);
  void draw_rows(const Rows& rows, ImVec2 origin, float width, float height);
  void scrollbar(const Rows& rows, ImVec2 origin, ImVec2 size);

  bool at_end_ = true;
  std::size_t anchor_ = 0;  // the first visible row,
  std::uint64_t anchor_key_ = 0;
  float offset_ = 0;       // and how much of it is above the edge
  float row_height_ = 40;  // average of those that were seen, for the scrollbar
  std::size_t visible_ = 0;
};

// --- Names and times in words (pure)

/// At most two letters: "Ada Lovelace" -> "AL". "?" for an empty name.
ATELIER_UI_API std::string initials(std::string_view name);
/// "now", "5 min ago", "3 h ago", "yesterday", "12 Mar", "12 Mar 2024".
ATELIER_UI_API std::string relative_time(std::int64_t then_ms, std::int64_t now_ms);
/// "14:05" in local time.
ATELIER_UI_API std::string clock_time(std::int64_t time_ms);
/// "Today", "Yesterday", "Monday, 12 March", "12 March 2024" in local time.
ATELIER_UI_API std::string day_in_words(std::int64_t time_ms, std::int64_t now_ms);
/// The number of the local day, to tell whether two times are on the same one.
ATELIER_UI_API std::int64_t local_day(std::int64_t time_ms);

/// Draw again after so long at the latest, without an event. The window sleeps otherwise.
ATELIER_UI_API void redraw_in_ms(int ms);

}  // namespace atelier::ui
