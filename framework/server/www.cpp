// Static files under /_www/: what the folder holds and nothing else. Thread rule: files are read
// where it may wait.
//
// Invariants
//   1. No link is followed, neither of the file nor of a folder on the way.
//   2. No name that begins with a dot is served, so that neither `..` nor hidden files are.
//   3. Nothing of the data folder is served, wherever the folder of files lies.
#include <filesystem>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "base/os/os.h"
#include "server/document_json.h"
#include "server/routes.h"

namespace atelier::server {

namespace {

namespace fs = std::filesystem;

constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
    {".html", "text/html; charset=utf-8"},
    {".htm", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/plain; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff", "font/woff"},
    {".woff2", "font/woff2"},
    {".ttf", "font/ttf"},
    {".wasm", "application/wasm"},
};

std::string_view type_of(const fs::path& file) {
  const std::string extension = lower(file.extension().string());
  for (const auto& [known, type] : kTypes)
    if (known == extension) return type;
  return "application/octet-stream";
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && !name.starts_with('.') && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos && name.find('\\') == std::string_view::npos;
}

bool is_inside(const fs::path& inner, const fs::path& outer) {
  const auto [outer_end, ignored] =
      std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return outer_end == outer.end();
}

/// The file that the names lead to without a link on the way; empty when there is none to serve.
fs::path find_file(const fs::path& root, const fs::path& data, std::vector<std::string> names,
                   bool folder) {
  std::error_code failed;
  if (folder) names.emplace_back("index.html");
  fs::path at = fs::canonical(root, failed);
  if (failed) return {};
  for (const std::string& name : names) {
    if (!is_plain_name(name)) return {};
    at /= name;
    if (fs::symlink_status(at, failed).type() == fs::file_type::symlink || failed) return {};
  }
  const fs::path private_data = fs::weakly_canonical(data, failed);
  if (failed || is_inside(at, private_data)) return {};
  if (!fs::is_regular_file(fs::symlink_status(at, failed)) || failed) return {};
  return at;
}

Response file_reply(const fs::path& file, const Request& request) {
  auto bytes = os::read_file(file);
  if (!bytes) return missing();
  const std::string etag = '"' + hex(sha256(*bytes)).substr(0, 32) + '"';
  Response response;
  response.headers.add("ETag", etag);
  if (none_match(request, etag)) {
    response.status = 304;
    return response;
  }
  response.headers.add("Cache-Control", "no-cache");
  response.headers.add("Content-Type", std::string(type_of(file)));
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.body = std::move(*bytes);
  return response;
}

}  // namespace

void serve_www(const Call& call) {
  const fs::path root = call.context->options.www;
  if (root.empty()) return call.respond(missing());
  const std::shared_ptr<Request> request = call.request;
  const bool folder = request->path.ends_with('/');
  const std::vector<std::string> names(request->segments.begin() + 1, request->segments.end());
  const std::string slash_location = request->origin() + request->path + "/";
  call.respond_later(
      [root, request, names, folder, slash_location, data = call.context->catalog->folder()] {
        const fs::path file = find_file(root, data, names, folder);
        if (!file.empty()) return file_reply(file, *request);
        // Relative links of a page need the folder's address to end in a slash.
        if (!folder && !find_file(root, data, names, true).empty()) {
          Response response;
          response.status = 301;
          response.headers.add("Location", slash_location);
          return response;
        }
        return missing("No such file.");
      });
}

}  // namespace atelier::server
