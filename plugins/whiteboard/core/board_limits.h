// The board's own limits, with unit and reason. The documents' are part of their published format
// (docs/formats/whiteboard.md): who raises one makes boards that older programs cannot read.
#pragma once

#include <cstddef>
#include <cstdint>

namespace atelier::board {

// --- Documents
inline constexpr std::size_t kDocumentBytesMax = 1'000'000;  // Cloudant's limit
inline constexpr double kCoordinateMax = 1e7;  // board units; a tile number stays below 2^31
inline constexpr std::size_t kStrokePointsMax =
    8'000;  // four minutes of drawing; the next is a part
inline constexpr std::size_t kPointsBytesMax = 400'000;  // of the text that carries them
inline constexpr int kPointScaleBitsMax = 12;  // points on 1/4096 unit: below a pixel at any zoom
inline constexpr double kWidthMax = 10'000;    // board units, of a line and of letters
inline constexpr double kFontSizeMin = 0.01;
inline constexpr std::size_t kTextBytesMax = 64 << 10;  // some 30 pages on one shape
inline constexpr std::size_t kAuthorBytesMax = 1'024;
inline constexpr std::size_t kNameBytesMax = 256;   // of a group, a page, a font
inline constexpr std::size_t kOrderBytesMax = 512;  // 2,000 insertions at one place
inline constexpr std::int64_t kVersion = 1;         // of the document's schema

// --- Model
inline constexpr std::size_t kUndoActionsMax = 1'000;  // remembered a person
inline constexpr std::size_t kUndoBytesMax = std::size_t{64}
                                             << 20;  // of them, with deleted strokes
inline constexpr double kDuplicateOffset = 16;       // board units right and down

// --- What is shown while it is drawn (live.h); all of a person's is within 16 KiB
inline constexpr std::size_t kLivePointsMax = 500;  // told at a time: seconds of drawing, 4 kB
inline constexpr std::size_t kLivePeopleMax = 256;  // whose strokes are followed
inline constexpr std::size_t kLiveStrokesMax = 8;  // of one person: short ones, one after the other
inline constexpr std::int64_t kLiveLingerMs = 4'000;  // a stroke that ended waits for its document

// --- Screen
inline constexpr int kTilePixels = 512;
inline constexpr int kTileLevelMin = -5;       // zoom 1/32: below the smallest zoom of 5%
inline constexpr int kTileLevelMax = 6;        // zoom 64
inline constexpr std::size_t kTilesMax = 160;  // 2 MB each: a large screen at three zooms
inline constexpr std::size_t kOutlineBytesMax = std::size_t{64}
                                                << 20;  // kept: 20,000 strokes in view
inline constexpr double kFlattenPixels = 0.2;           // a curve's polygon is so close to it
inline constexpr int kPngSideMax = 8'192;               // pixels of an exported picture
inline constexpr double kHairPixels = 0.75;          // thinner and smaller things are drawn as dots
inline constexpr double kTextPixelsMin = 3;          // smaller letters are drawn as bars
inline constexpr std::size_t kTextLinesMax = 2'000;  // of one shape
inline constexpr double kNoteFontMin = 6;            // a note's letters shrink no further

}  // namespace atelier::board
