// Life, theme, frames and the record. Thread rule: main thread.
#include "ui/shell.h"

#include <algorithm>
#include <cmath>

#include <imgui_internal.h>

#include "ui/fields.h"
#include "ui/imgui_font.h"
#include "ui/state.h"

namespace atelier::ui {

void trim_glyphs();  // text.cpp
void draw_toasts();  // overlay.cpp

namespace {

std::unique_ptr<State> g_state;  // between start() and stop()

constexpr ImU32 rgb(std::uint32_t hex) {
  return IM_COL32((hex >> 16) & 255, (hex >> 8) & 255, hex & 255, 255);
}

// Warm paper and terracotta; checked against WCAG AA by ui_theme_test.
constexpr Theme kLight = {false,         rgb(0xFAF5EE), rgb(0xFFFFFF), rgb(0xFFFDFA), rgb(0xE6DACB),
                          rgb(0x2C2520), rgb(0x6B5E53), rgb(0xB8452A), rgb(0xA03A22), rgb(0xFFFFFF),
                          rgb(0xFCE3D6), rgb(0x1F6B43), rgb(0x855200), rgb(0xA8232B), rgb(0xDDF0E2),
                          rgb(0xFBEBC8), rgb(0xFADEDC)};
constexpr Theme kDark = {true,          rgb(0x1C1917), rgb(0x2A2522), rgb(0x231F1C), rgb(0x453D37),
                         rgb(0xF4ECE3), rgb(0xB9AB9D), rgb(0xF2865F), rgb(0xF69B79), rgb(0x2A120A),
                         rgb(0x58301F), rgb(0x7FD6A2), rgb(0xF0BE6A), rgb(0xFF9C96), rgb(0x1D3A2A),
                         rgb(0x41331A), rgb(0x4A2423)};

ImVec4 vec(ImU32 colour) {
  return ImGui::ColorConvertU32ToFloat4(colour);
}

ImVec4 faded(ImU32 colour, float alpha) {
  ImVec4 v = vec(colour);
  v.w = alpha;
  return v;
}

// Plain ImGui widgets, which plugins may use, get the same colours.
void colour_imgui(ImGuiStyle& style, const Theme& t) {
  ImVec4* c = style.Colors;
  c[ImGuiCol_Text] = vec(t.ink);
  c[ImGuiCol_TextDisabled] = vec(t.ink_soft);
  c[ImGuiCol_WindowBg] = vec(t.paper);
  c[ImGuiCol_ChildBg] = ImVec4(0, 0, 0, 0);
  c[ImGuiCol_PopupBg] = vec(t.surface);
  c[ImGuiCol_Border] = vec(t.line);
  c[ImGuiCol_FrameBg] = vec(t.sunken);
  c[ImGuiCol_FrameBgHovered] = vec(t.sunken);
  c[ImGuiCol_FrameBgActive] = vec(t.sunken);
  c[ImGuiCol_TitleBg] = c[ImGuiCol_TitleBgActive] = vec(t.surface);
  c[ImGuiCol_ScrollbarBg] = ImVec4(0, 0, 0, 0);
  c[ImGuiCol_ScrollbarGrab] = vec(t.line);
  c[ImGuiCol_ScrollbarGrabHovered] = c[ImGuiCol_ScrollbarGrabActive] = vec(t.ink_soft);
  c[ImGuiCol_CheckMark] = c[ImGuiCol_SliderGrab] = c[ImGuiCol_SliderGrabActive] = vec(t.accent);
  c[ImGuiCol_Button] = vec(t.surface);
  c[ImGuiCol_ButtonHovered] = c[ImGuiCol_ButtonActive] = vec(t.accent_soft);
  c[ImGuiCol_Header] = c[ImGuiCol_HeaderHovered] = c[ImGuiCol_HeaderActive] = vec(t.accent_soft);
  c[ImGuiCol_Separator] = vec(t.line);
  c[ImGuiCol_TextSelectedBg] = faded(t.accent, 0.30f);
  c[ImGuiCol_NavCursor] = vec(t.accent);
  c[ImGuiCol_InputTextCursor] = vec(t.ink);
  c[ImGuiCol_ModalWindowDimBg] = ImVec4(0.10f, 0.07f, 0.05f, 0.45f);
}

void apply_style() {
  State& s = *g_state;
  ImGuiStyle& style = ImGui::GetStyle();
  const float scale = s.options.scale;
  style = ImGuiStyle();
  colour_imgui(style, s.theme);
  style.FontSizeBase = line_height(TextStyle::kBody);
  style.WindowPadding = ImVec2(0, 0);
  style.WindowBorderSize = 0;
  style.FrameRounding = std::round(10 * scale);
  style.FrameBorderSize = 0;
  style.CircleTessellationMaxError = 0.10f;
  style.AntiAliasedLinesUseTex = false;  // from a texture they are ragged where it is not smoothed
  style.FramePadding = ImVec2(std::round(12 * scale), std::round(8 * scale));
  style.ItemSpacing = ImVec2(std::round(10 * scale), std::round(8 * scale));
  style.PopupRounding = style.WindowRounding = style.ChildRounding = std::round(12 * scale);
  style.PopupBorderSize = 1;
  style.ScrollbarSize = std::round(10 * scale);
  style.ScrollbarRounding = std::round(5 * scale);
  style.DisabledAlpha = 0.45f;
}

}  // namespace

State::State() = default;
State::~State() = default;

State& state() {
  return *g_state;
}
bool is_started() {
  return g_state != nullptr;
}
const Theme& theme() {
  return g_state->theme;
}
float px(float logical) {
  return std::round(logical * g_state->options.scale * 4) / 4;
}

Status start(const ShellOptions& options) {
  auto fonts = FontStack::open();
  if (!fonts) return fonts.error();
  g_state = std::make_unique<State>();
  g_state->options = options;
  g_state->theme = options.dark ? kDark : kLight;
  g_state->fonts = std::move(*fonts);
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;
  io.LogFilename = nullptr;
  io.ConfigFlags |= ImGuiConfigFlags_NavEnableKeyboard;
  io.ConfigInputTextCursorBlink = false;  // a blinking caret would wake an idle window for ever
  g_state->regular = add_imgui_font(*io.Fonts, *g_state->fonts, false);
  g_state->bold = add_imgui_font(*io.Fonts, *g_state->fonts, true);
  io.FontDefault = g_state->regular;
  apply_style();
  return ok();
}

void stop() {
  g_state.reset();
}

void set_dark(bool dark) {
  g_state->options.dark = dark;
  g_state->theme = dark ? kDark : kLight;
  apply_style();
}

void set_scale(float scale) {
  if (scale == g_state->options.scale) return;
  g_state->options.scale = scale;
  apply_style();
}

void begin_frame() {
  State& s = state();
  trim_glyphs();
  trim_fields();
  s.redraw_ms.reset();
  s.shown.clear();
}

void end_frame() {
  draw_toasts();
}

std::optional<int> next_redraw_ms() {
  return state().redraw_ms;
}

void redraw_in_ms(int ms) {
  if (!is_started()) return;
  auto& next = state().redraw_ms;
  next = next ? std::min(*next, ms) : ms;
}

void set_composition(std::string_view text, int caret) {
  if (!is_started()) return;
  state().composition = text;
  state().composition_caret = caret;
}

const std::vector<Shown>& shown() {
  return state().shown;
}

void record(Shown::Kind kind, std::string_view words, ImVec2 min, ImVec2 max) {
  State& s = state();
  if (!s.options.record || words.empty()) return;
  const ImRect clip = ImGui::GetCurrentWindow()->ClipRect;
  if (!clip.Overlaps(ImRect(min, max))) return;
  s.shown.push_back({kind, std::string(words), ImMax(min, clip.Min), ImMin(max, clip.Max)});
}

}  // namespace atelier::ui
