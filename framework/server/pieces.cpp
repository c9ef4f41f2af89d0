#include "server/pieces.h"

#include "base/digest.h"
#include "base/limits.h"
#include "server/gzip.h"

namespace atelier::server {

namespace {
// A multiple of three, so that slices of base64 join without padding between them.
constexpr std::uint64_t kBase64SliceBytes = (kReplySliceBytes / 3) * 3;

Status read_slice(const Store& store, const Sha256& key, std::uint64_t offset, std::uint64_t length,
                  std::string& out) {
  const std::size_t before = out.size();
  ATELIER_CHECK(store.read_blob(key, offset, length, [&](std::string_view bytes) {
    out.append(bytes);
    return true;
  }));
  if (out.size() - before != length)
    return Error{ErrorCode::kCorrupt, "a blob is shorter than its document says"};
  return ok();
}
}  // namespace

void Pieces::text(std::string_view bytes) {
  tail_.append(bytes);
}

void Pieces::add(Kind kind, const Sha256& key, std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return;
  if (!tail_.empty()) pieces_.push_back({Kind::kText, std::exchange(tail_, {}), {}, 0, 0, {}});
  pieces_.push_back({kind, {}, key, offset, length, {}});
}

void Pieces::blob(const Sha256& key, std::uint64_t offset, std::uint64_t length) {
  add(Kind::kBlob, key, offset, length);
}
void Pieces::base64_blob(const Sha256& key, std::uint64_t length) {
  add(Kind::kBase64, key, 0, length);
}
void Pieces::unpacked_blob(const Sha256& key, std::uint64_t length, bool in_base64,
                           std::optional<std::uint64_t> plain_length) {
  add(in_base64 ? Kind::kUnpackedBase64 : Kind::kUnpacked, key, 0, length);
  if (length != 0) pieces_.back().plain_length = plain_length;
}

std::optional<std::uint64_t> Pieces::length() const {
  std::uint64_t sum = tail_.size();
  for (const Piece& piece : pieces_) {
    switch (piece.kind) {
      case Kind::kText:
        sum += piece.text.size();
        break;
      case Kind::kBlob:
        sum += piece.length;
        break;
      case Kind::kBase64:
        sum += (piece.length + 2) / 3 * 4;
        break;
      case Kind::kUnpacked:
        if (!piece.plain_length) return std::nullopt;
        sum += *piece.plain_length;
        break;
      case Kind::kUnpackedBase64:
        return std::nullopt;
    }
  }
  return sum;
}

void Pieces::append(Pieces other) {
  for (Piece& piece : other.pieces_) {
    if (piece.kind == Kind::kText) {
      text(piece.text);
      continue;
    }
    add(piece.kind, piece.key, piece.offset, piece.length);
    if (piece.length != 0) pieces_.back().plain_length = piece.plain_length;
  }
  text(other.tail_);
}

class PiecesSource : public BodySource {
 public:
  PiecesSource(Pieces pieces, std::shared_ptr<Store> store)
      : pieces_(std::move(pieces)), store_(std::move(store)) {}

  State next(Chunk& chunk) override {
    std::string out;
    while (out.size() < kReplySliceBytes / 2) {
      if (pieces_.pieces_.empty()) {
        out += std::exchange(pieces_.tail_, {});
        break;
      }
      if (!take(pieces_.pieces_.front(), out)) return State::kAbort;
    }
    if (out.empty()) return State::kEnd;
    chunk = std::make_shared<const std::string>(std::move(out));
    return State::kData;
  }

 private:
  using Piece = Pieces::Piece;
  using Kind = Pieces::Kind;

  bool take(Piece& piece, std::string& out) {
    if (piece.kind == Kind::kText) {
      out += piece.text;
      pieces_.pieces_.pop_front();
      return true;
    }
    const std::uint64_t slice = std::min<std::uint64_t>(
        piece.length, piece.kind == Kind::kBlob ? kReplySliceBytes : kBase64SliceBytes);
    std::string bytes;
    if (!read_slice(*store_, piece.key, piece.offset, slice, bytes)) return false;
    piece.offset += slice;
    piece.length -= slice;
    const bool last = piece.length == 0;
    if (!convert(piece, bytes, last, out)) return false;
    if (last) pieces_.pieces_.pop_front();
    return true;
  }

  bool convert(Piece& piece, const std::string& bytes, bool last, std::string& out) {
    if (piece.kind == Kind::kBlob) {
      out += bytes;
    } else if (piece.kind == Kind::kBase64) {
      out += base64(bytes);
    } else if (piece.kind == Kind::kUnpacked) {
      return unpack(piece, bytes, last, out);
    } else {
      if (!unpack(piece, bytes, last, rest_)) return false;
      const std::size_t whole = last ? rest_.size() : rest_.size() / 3 * 3;
      out += base64(std::string_view(rest_).substr(0, whole));
      rest_.erase(0, whole);
    }
    return true;
  }

  /// False for what is no gzip, and for what becomes longer or shorter than it is said to.
  bool unpack(Piece& piece, const std::string& bytes, bool last, std::string& out) {
    const std::size_t before = out.size();
    const std::uint64_t left = piece.plain_length.value_or(kAttachmentBytesMax);
    const bool good = unpack_.append(bytes, out, before + left).has_value();
    if (piece.plain_length) *piece.plain_length -= std::min(left, out.size() - before);
    if (!last) return good;
    unpack_ = Gunzip();
    return good && piece.plain_length.value_or(0) == 0;
  }

  Pieces pieces_;
  const std::shared_ptr<Store> store_;
  Gunzip unpack_;
  std::string rest_;  // unpacked bytes that do not fill three yet
};

std::shared_ptr<BodySource> Pieces::source(std::shared_ptr<Store> store) {
  return std::make_shared<PiecesSource>(std::exchange(*this, {}), std::move(store));
}

Result<std::string> Pieces::collect(const Store& store, std::size_t bytes_max) {
  // The source only reads, and does not outlive this call.
  PiecesSource all(std::exchange(*this, {}),
                   std::shared_ptr<Store>(std::shared_ptr<void>(), const_cast<Store*>(&store)));
  std::string out;
  for (BodySource::Chunk chunk;;) {
    const BodySource::State state = all.next(chunk);
    if (state == BodySource::State::kEnd) return out;
    if (state == BodySource::State::kAbort)
      return Error{ErrorCode::kCorrupt, "an attachment could not be read"};
    if (out.size() + chunk->size() > bytes_max)
      return Error{ErrorCode::kTooLarge, "the attachments of one document are too large here"};
    out += *chunk;
  }
}

void set_body(Response& response, Pieces pieces, const std::shared_ptr<Store>& store) {
  if (pieces.is_text()) {
    response.body = pieces.take_text();
    return;
  }
  response.length = pieces.length();
  response.source = pieces.source(store);
}

}  // namespace atelier::server
