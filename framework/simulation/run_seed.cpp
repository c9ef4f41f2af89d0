// Worlds of every shape, by seed. Thread rule: as World.
#include "simulation/world_impl.h"

namespace atelier::simulation {
namespace {

constexpr std::uint64_t kLeftAboveBytes = 150;  // some of the attachments of random edits
constexpr std::int64_t kTombstonesMs = 1'800'000;
constexpr std::uint64_t kStepsMin = 40, kStepsMore = 80;

struct Shape {
  const char* name;
  void (*build)(World& world, Random& random);
};

int add(World& world, Random& random) {
  NodeOptions options;
  options.names_itself = random.below(3) != 0;
  if (random.below(2) == 0) options.tombstones_ms = kTombstonesMs;
  return world.add_node("n" + std::to_string(world.nodes()), options);
}

int add_device(World& world, Random& random) {
  NodeOptions options;
  options.names_itself = random.below(3) != 0;
  options.may_evict = random.below(2) == 0;
  if (random.below(3) == 0) options.leave_blobs_above = kLeftAboveBytes;
  if (random.below(4) == 0) options.tombstones_ms = kTombstonesMs;
  return world.add_node("n" + std::to_string(world.nodes()), options);
}

// Everybody syncs with one.
void star(World& world, Random& random) {
  const int hub = add(world, random);
  for (std::uint64_t i = 0; i < 2 + random.below(3); ++i)
    world.connect(add_device(world, random), hub);
}

// Edges that each sync with the one above: an edge over an edge over a cluster.
void chain(World& world, Random& random) {
  int above = add(world, random);
  for (std::uint64_t i = 0; i < 2 + random.below(2); ++i) {
    const int next = add(world, random);
    world.connect(next, above);
    above = next;
  }
}

void ring(World& world, Random& random) {
  const std::uint64_t count = 3 + random.below(2);
  for (std::uint64_t i = 0; i < count; ++i) add(world, random);
  for (std::uint64_t i = 0; i < count; ++i) {
    world.connect(static_cast<int>(i), static_cast<int>((i + 1) % count));
  }
}

// Two edges with visitors of their own under one upstream.
void edges(World& world, Random& random) {
  const int upstream = add(world, random);
  for (int i = 0; i < 2; ++i) {
    const int edge = add(world, random);
    world.connect(edge, upstream);
    world.connect(add_device(world, random), edge);
  }
}

// Two masters that sync with each other; a device that syncs with both.
void two_masters(World& world, Random& random) {
  const int first = add(world, random), second = add(world, random);
  world.connect(first, second);
  world.connect(second, first);
  const int device = add_device(world, random);
  world.connect(device, first);
  world.connect(device, second);
}

// A device that carries one collection of a room alone.
void filtered(World& world, Random& random) {
  const int hub = add(world, random);
  world.connect(add(world, random), hub);
  LinkOptions part;
  part.prefixes = {"message"};
  world.connect(add(world, random), hub, part);
}

constexpr Shape kShapes[] = {{"star", star},
                             {"chain", chain},
                             {"ring", ring},
                             {"edge over edge", edges},
                             {"two masters", two_masters},
                             {"one collection", filtered}};

}  // namespace

Result<SeedReport> run_seed(Options options) {
  const std::uint64_t seed = options.seed;
  Random random(~seed);  // of the shape; the world has its own
  const Shape& shape = kShapes[random.below(std::size(kShapes))];
  World world(std::move(options));
  shape.build(world, random);
  world.set_edits(World::random_edit);
  static_cast<void>(world.run(static_cast<int>(kStepsMin + random.below(kStepsMore))));
  const Status settled = world.settle();
  if (!settled) {
    return Error(ErrorCode::kInternal, "seed " + std::to_string(seed) + " (" + shape.name +
                                           "): " + settled.error().message);
  }
  return SeedReport{shape.name, world.digest(), world.counts()};
}

}  // namespace atelier::simulation
