#include "server/project_fields.h"

#include "base/json_text.h"
#include "query/json_view.h"

namespace atelier::server {

namespace {

/// An object under construction from paths.
struct Node {
  std::string name, value;
  std::vector<Node> members;
};

void put(Node& node, const std::vector<query::FieldPath::Segment>& path, std::size_t at,
         std::string_view value) {
  if (at == path.size()) {
    node.value = std::string(value);
    return;
  }
  for (Node& member : node.members)
    if (member.name == path[at].name) return put(member, path, at + 1, value);
  node.members.push_back({path[at].name, {}, {}});
  put(node.members.back(), path, at + 1, value);
}

void print(const Node& node, std::string& out) {
  if (node.members.empty() && !node.value.empty()) {
    out += node.value;
    return;
  }
  out += '{';
  for (std::size_t i = 0; i < node.members.size(); ++i) {
    if (i != 0) out += ',';
    json::append_string(out, node.members[i].name);
    out += ':';
    print(node.members[i], out);
  }
  out += '}';
}

}  // namespace

std::string project_fields(std::string_view document, const std::vector<std::string>& fields) {
  Node root;
  for (const std::string& field : fields) {
    const auto path = query::FieldPath::parse(field);
    if (!path) continue;
    if (const auto value = path->find(query::JsonView(document)))
      put(root, path->segments(), 0, value->text());
  }
  std::string out;
  print(root, out);
  return out;
}

}  // namespace atelier::server
