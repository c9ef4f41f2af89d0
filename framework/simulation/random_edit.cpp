// Edits that a seed chooses. Thread rule: as World.
#include <algorithm>

#include "simulation/world_impl.h"

namespace atelier::simulation {
namespace {

constexpr std::uint64_t kIds = 8;  // few, so that people meet
constexpr std::uint64_t kTogetherMax = 4;
constexpr std::uint64_t kAttachmentBytesMax = 400;
constexpr std::uint64_t kLifetimeMaxMs = 120'000;

std::optional<AttachmentWrite> random_attachment(World& world, Store& store) {
  auto writer = store.begin_blob();
  if (!writer) return std::nullopt;
  // Few kinds of content, so that blobs are shared.
  const std::string bytes(1 + world.random_below(kAttachmentBytesMax),
                          static_cast<char>('a' + world.random_below(3)));
  if (!(*writer)->append(bytes)) return std::nullopt;
  auto blob = (*writer)->finish();
  if (!blob) return std::nullopt;
  AttachmentWrite attachment;
  attachment.name = world.random_below(2) == 0 ? "picture" : "sound";
  attachment.content_type = "application/octet-stream";
  attachment.blob = blob->blob;
  return attachment;
}

// What the parent has stays, as stubs.
void keep_attachments(DocumentWrite& write, const Document& parent) {
  for (const Attachment& held : parent.attachments) {
    AttachmentWrite stub;
    stub.name = held.name;
    stub.stub = true;
    write.attachments.push_back(std::move(stub));
  }
}

// Nothing for a document that was evicted here: nobody edits what they do not see.
std::optional<DocumentWrite> random_write(World& world, Store& store, const std::string& id) {
  DocumentWrite write;
  write.id = id;
  write.body = "{\"n\":" + std::to_string(world.random_below(1'000'000));
  if (world.random_below(8) == 0) {
    const auto in_ms = static_cast<std::int64_t>(world.random_below(kLifetimeMaxMs));
    write.body += ",\"expires_at\":" + std::to_string(world.clock().wall_ms() + in_ms);
  }
  write.body += "}";
  const auto leaves = store.open_revs(id, {}, false);
  std::vector<Document> live;
  for (const auto& leaf : leaves) {
    if (!leaf) return std::nullopt;
    if (!leaf->deleted) live.push_back(*leaf);
  }
  if (live.empty()) return write;  // new, or on top of a tombstone
  // Sometimes a loser: conflicts go on, and are resolved by deleting.
  const Document& parent = live[world.random_below(live.size())];
  write.parent = parent.rev;
  write.deleted = world.random_below(5) == 0;
  if (!write.deleted) keep_attachments(write, parent);
  return write;
}

}  // namespace

void World::random_edit(World& world, int node) {
  Store& store = world.store(node);
  std::vector<DocumentWrite> writes;
  const std::uint64_t count = 1 + world.random_below(kTogetherMax);
  for (std::uint64_t i = 0; i < count; ++i) {
    const char* prefix = world.random_below(4) == 0 ? "note:" : "message:";
    const std::string id = prefix + std::to_string(world.random_below(kIds));
    const bool twice = std::any_of(writes.begin(), writes.end(),
                                   [&](const DocumentWrite& write) { return write.id == id; });
    if (twice) continue;
    auto made = random_write(world, store, id);
    if (!made) continue;
    DocumentWrite write = std::move(*made);
    if (!write.deleted && world.random_below(5) == 0) {
      if (auto attachment = random_attachment(world, store)) {
        std::erase_if(write.attachments,
                      [&](const AttachmentWrite& stub) { return stub.name == attachment->name; });
        write.attachments.push_back(std::move(*attachment));
      }
    }
    writes.push_back(std::move(write));
  }
  WriteOptions together;
  together.all_or_nothing = world.random_below(2) == 0;
  for (const WriteResult& result : store.write(std::move(writes), together)) {
    if (!result.rev) world.impl_->fail("an edit was refused: " + result.rev.error().message);
  }
}

}  // namespace atelier::simulation
