#include "revtree/revision.h"

#include <algorithm>
#include <charconv>

#include "base/digest.h"
#include "base/limits.h"

namespace atelier {
namespace {

// Above this a generation could not be a JSON number that every client reads exactly.
constexpr std::uint64_t kGenerationMax = (std::uint64_t{1} << 53) - 1;

Error bad_format() {
  return invalid("Invalid rev format");
}

}  // namespace

Result<RevId> RevId::parse(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == 0 || dash == std::string_view::npos) return bad_format();
  std::uint64_t generation = 0;
  const char* end = text.data() + dash;
  const auto [stop, error] = std::from_chars(text.data(), end, generation);
  if (error != std::errc{} || stop != end) return bad_format();
  return from_parts(generation, text.substr(dash + 1));
}

Result<RevId> RevId::from_parts(std::uint64_t generation, std::string_view hash) {
  if (hash.empty() || hash.size() > kRevisionBytesMax || generation > kGenerationMax) {
    return bad_format();
  }
  RevId rev;
  rev.generation_ = generation;
  if (!unhex_into(hash, rev.digest_)) rev.text_ = hash;
  return rev;
}

std::string RevId::hash() const {
  return text_.empty() ? hex(digest_) : text_;
}

std::string RevId::to_string() const {
  return std::to_string(generation_) + "-" + hash();
}

std::string_view RevId::bytes() const {
  if (!text_.empty()) return text_;
  return {reinterpret_cast<const char*>(digest_.data()), digest_.size()};
}

std::strong_ordering operator<=>(const RevId& a, const RevId& b) {
  if (a.generation_ != b.generation_) return a.generation_ <=> b.generation_;
  const int order = a.bytes().compare(b.bytes());  // compares as unsigned bytes
  return order <=> 0;
}

RevId make_revision(const RevisionInput& input) {
  std::string text = "atelier-revision-1\n";
  text.reserve(text.size() + input.body.size() + input.attachments.size() + 96);
  text += input.deleted ? "deleted\n" : "live\n";
  text += input.parent ? input.parent.to_string() : "0";
  text += '\n';
  text += std::to_string(input.body.size());
  text += '\n';
  text += input.body;
  text += input.attachments;
  const Sha256 sum = sha256(text);
  RevId::Digest digest;
  std::copy_n(sum.begin(), digest.size(), digest.begin());
  return RevId(input.parent.generation() + 1, digest);
}

}  // namespace atelier
