// Reads what a plugin's file says about itself, without running any of it.
// Thread rule: pure functions over a file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace atelier {

/// What plugin and host must have in common, because C++ objects cross between them.
struct PluginFingerprint {
  std::string abi, compiler, library, boost;
  std::string ui;  // "none" fits every host
  std::string sanitizer;
};

struct PluginRecord {
  std::string id;  // letters, digits and dashes
  std::string name, description, version;
  std::vector<std::string> prefixes;  // collections that it reads and writes
  std::string picture;                // of the start screen; empty: none (atelier/plugin_record.h)
  PluginFingerprint fingerprint;
};

/// The fingerprint of this program; `ui` is ATELIER_UI_FINGERPRINT where it draws.
PluginFingerprint own_fingerprint(std::string ui = "none");

/// Reads the record of a shared library. Every offset and size in the file is checked against the
/// file before it is used. Errors: kNotFound, kInvalid with what the file is instead of a plugin.
Result<PluginRecord> read_plugin_record(const std::filesystem::path& file);

/// The record's text (plugin_record.h has the grammar). Errors: kInvalid.
Result<PluginRecord> parse_plugin_record(std::string_view text);

/// Errors: kUnsupported with the part that differs, and what to do.
Status check_fingerprint(const PluginRecord& record, const PluginFingerprint& own);

}  // namespace atelier
