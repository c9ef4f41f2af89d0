// What docs/simulation.md shows: a plugin's documents among people, bad networks and crashes. Its
// marked parts are the page's snippets.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "atelier/collection.h"
#include "simulation/world.h"

namespace atelier::simulation {
namespace {

// [type]
struct Note {
  std::string author;
  std::int64_t votes = 0;
};
BOOST_DESCRIBE_STRUCT(Note, (), (author, votes))
// [type]

TEST(SimulationExample, NotesOfThreePeopleMeetInTheEnd) {
  // [world]
  World world({.seed = 7});
  const int hub = world.add_node("hub");
  const int ada = world.add_node("ada");
  const int bob = world.add_node("bob");
  world.connect(ada, hub);
  world.connect(bob, hub);
  // [world]

  // [edits]
  world.room(ada).collection<Note>("note").add({"ada"});
  const int bobs_link = world.connect(bob, ada);  // the two also sync with each other
  world.pull_cable(bobs_link, true);
  world.set_edits([&](World& here, int node) {
    if (node == hub) return;  // nobody writes at the server
    auto notes = here.room(node).collection<Note>("note");
    notes.add({node == ada ? "ada" : "bob", static_cast<std::int64_t>(here.random_below(10))});
  });
  ASSERT_TRUE(world.run(100)) << world.problem();
  // [edits]

  // [end]
  const Status settled = world.settle();
  ASSERT_TRUE(settled) << settled.error().message;
  EXPECT_EQ(world.room(ada).collection<Note>("note").size(),
            world.room(bob).collection<Note>("note").size());
  // [end]
  EXPECT_GT(world.room(bob).collection<Note>("note").size(), 1u);
}

}  // namespace
}  // namespace atelier::simulation
