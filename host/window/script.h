// Scripts that drive the window as a person would: one step a line, "# " begins a comment.
//
//   size 800 600                  the window's size, in logical pixels
//   click "Enter"                 waits for a button or field with that label, presses it
//   click text "lobby"            the same for any words on screen
//   type "hello\n"                into the field that has the keyboard; \n \t \" \\ as in C
//   key Ctrl+A                    Enter, Escape, Tab, Backspace, Delete, Home, End, PageUp,
//   PageDown,
//                                 Left, Right, Up, Down, Space, F1 to F12, A to Z, 0 to 9;
//                                 before it Ctrl+, Shift+, Alt+
//   scroll -5                     the wheel, over the window's middle; up is positive
//   move 10 20                    the pointer
//   click at 10 20                and doubleclick at 10 20
//   drag 10 20 60 20 90 50        presses at the first point, moves through the others, lets go
//   drag Shift+ 10 20 60 20       the same with keys held; before it also "right" or "middle"
//   press [right|middle]          the button alone, and release [right|middle]
//   wait "hello" [within 5s]      until words that contain this are on screen; `wait-for text` too
//   wait gone "hello" [within 5s]
//   wait pixel 10 20 #e03131 [within 5s]   until that colour is there, nearly
//   screenshot FILE
//   frames on                     each frame is drawn whole from here on, as for a display, and
//                                 timed; `frames off` prints what they cost in ms:
//                                 "frames [[input,build,upload,draw,cpu],...]", where cpu is the
//                                 processor time of the first three
//   print "words"                 on standard output, for a program that plays along
//   quit
// Each step waits for the screen to be still first. Thread rule: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "atelier/error.h"

namespace atelier::host {

struct ScriptStep {
  enum class Kind {
    kSize,
    kClick,      // a button or field
    kClickText,  // any words
    kType,
    kKey,
    kScroll,
    kMove,
    kPress,  // text: "left", "right" or "middle"
    kRelease,
    kHold,  // the modifiers, until
    kLetGo,
    kWait,
    kWaitGone,
    kWaitPixel,  // text: the colour
    kScreenshot,
    kFramesOn,
    kFramesOff,
    kPrint,
    kQuit,
  };
  Kind kind = Kind::kQuit;
  std::string text;   // label, words, key or file
  int x = 0, y = 0;   // size, move; y: scroll
  int within_ms = 0;  // 0: kScriptStepMsMax
  bool ctrl = false, shift = false, alt = false;
  int line = 0;
};

/// One line. Errors: kInvalid with the line number and what was expected. A line without a step
/// gives an empty vector, a drag several steps.
Result<std::vector<ScriptStep>> parse_script_line(std::string_view line, int number);
Result<std::vector<ScriptStep>> parse_script(std::string_view text);

}  // namespace atelier::host
