#include "export_file.h"

#include <ostream>
#include <system_error>
#include <utility>

#include "base/digest.h"

namespace atelier::host {
namespace {

constexpr std::size_t kBufferBytes = 64 << 10;

Error is_there(const std::filesystem::path& path) {
  return {ErrorCode::kExists, "'" + path.string() + "' is there already"};
}

}  // namespace

Result<std::unique_ptr<ExportFile>> ExportFile::open(const std::string& name, std::ostream& out) {
  std::unique_ptr<ExportFile> file(new ExportFile(out));
  if (name == "-") return file;
  file->path_ = name;
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(file->path_, error)))
    return is_there(file->path_);
  const std::filesystem::path part = name + "." + random_uuid().substr(0, 8) + ".part";
  ATELIER_TRY(made, os::FileWriter::create(part));
  file->part_ = part;
  file->file_.emplace(std::move(made));
  return file;
}

ExportFile::~ExportFile() {
  file_.reset();
  std::error_code ignored;
  if (!part_.empty()) std::filesystem::remove(part_, ignored);
}

Status ExportFile::flush() {
  if (!status_) return status_;
  if (file_) {
    status_ = file_->append(buffer_.data(), buffer_.size());
  } else {
    out_.write(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    if (!out_.flush()) status_ = Error(ErrorCode::kDisk, "standard output cannot be written");
  }
  buffer_.clear();
  return status_;
}

Status ExportFile::write(std::string_view bytes) {
  if (!status_) return status_;
  buffer_ += bytes;
  return buffer_.size() < kBufferBytes ? ok() : flush();
}

Status ExportFile::finish() {
  ATELIER_CHECK(flush());
  if (!file_) return ok();
  ATELIER_CHECK(file_->sync());
  file_.reset();
  // A name that came up meanwhile is somebody's: nothing is overwritten.
  std::error_code error;
  std::filesystem::create_hard_link(part_, path_, error);
  if (error == std::errc::file_exists) return is_there(path_);
  if (error) {  // a file system without links
    ATELIER_CHECK(os::replace_file(part_, path_));
    part_.clear();
    return ok();
  }
  return os::sync_folder(std::filesystem::absolute(path_).parent_path());
}

Status Base64Stream::write(std::string_view bytes) {
  std::string all;
  if (!rest_.empty()) {
    all = rest_ + std::string(bytes);
    bytes = all;
  }
  const std::size_t whole = bytes.size() - bytes.size() % 3;
  const std::string next(bytes.substr(whole));
  const Status written = file_.write(base64(bytes.substr(0, whole)));
  rest_ = next;
  return written;
}

Status Base64Stream::finish() {
  return file_.write(base64(std::exchange(rest_, {})));
}

}  // namespace atelier::host
