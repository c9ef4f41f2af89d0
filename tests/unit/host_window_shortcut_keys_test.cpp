#include <gtest/gtest.h>

#include "window/shortcut_keys.h"

namespace atelier::host {
namespace {

// Scancodes count from A = 4 to Z = 29, as in USB's table of keys.
TEST(ShortcutKeys, LettersBeyondAsciiGoByTheirPlace) {
  EXPECT_EQ(shortcut_key(0x441, 6), 'c');  // Cyrillic
  EXPECT_EQ(shortcut_key(0x44F, 29), 'z');
  EXPECT_EQ(shortcut_key(0x3B1, 4), 'a');   // Greek
  EXPECT_EQ(shortcut_key(0x5D4, 25), 'v');  // Hebrew
}

TEST(ShortcutKeys, LatinLettersGoByWhatIsWrittenOnThem) {
  EXPECT_EQ(shortcut_key('q', 4), 'q');  // French: Q where others have A
  EXPECT_EQ(shortcut_key(';', 29), ';');
}

TEST(ShortcutKeys, OtherKeysStayAsTheyAre) {
  EXPECT_EQ(shortcut_key(0xFC, 47), 0xFC);              // German u with dots: no letter's place
  EXPECT_EQ(shortcut_key(0x4000004F, 79), 0x4000004F);  // an arrow
  EXPECT_EQ(shortcut_key(0x40000004, 4), 0x40000004);
}

}  // namespace
}  // namespace atelier::host
