// Rules from their JSON. Every unknown key and wrong value is an error that names its place.
#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "query/collate.h"
#include "query/rules_tree.h"

namespace atelier::query {
namespace {

class RulesReader {
 public:
  explicit RulesReader(const ShowPlace& show) : show_(show) {}

  Result<std::vector<PrefixRules>> read(JsonView rules) {
    if (!rules.is_object()) return wrong("", "rules must be an object");
    std::vector<PrefixRules> prefixes;
    ATELIER_CHECK(
        each(rules, "", [&](const std::string& key, JsonView value, const std::string& at) {
          if (key == "version") return version(value, at);
          if (key != "prefixes") return unknown(at);
          return each(value, at,
                      [&](const std::string& prefix, JsonView body, const std::string& where) {
                        prefixes.emplace_back();
                        return read_prefix(prefix, body, where, prefixes.back());
                      });
        }));
    return prefixes;
  }

 private:
  Error wrong(const std::string& at, const std::string& what) const {
    return invalid(show_(at) + ": " + what);
  }
  Status unknown(const std::string& at) const { return wrong(at, "unknown key"); }

  Status version(JsonView value, const std::string& at) const {
    if (value.is_number() && compare_numbers(value.text(), "1") == 0) return ok();
    return wrong(at, "this program knows version 1 of rules alone");
  }

  // Calls fn(key, value, pointer) for each member of an object.
  template <class Fn>
  Status each(JsonView object, const std::string& at, Fn&& fn) const {
    if (!object.is_object()) return wrong(at, "must be an object");
    std::string scratch;
    for (const JsonMember& member : object.members()) {
      const std::string key(member.name(scratch));
      ATELIER_CHECK(fn(key, member.value, at + "/" + pointer_part(key)));
    }
    return ok();
  }

  Status read_prefix(const std::string& prefix, JsonView body, const std::string& at,
                     PrefixRules& out) const {
    if (prefix.empty() || prefix.find(':') != std::string::npos || prefix.starts_with('_'))
      return wrong(at, "a prefix is what stands before the colon of an id, or *");
    out.prefix = prefix;
    ATELIER_CHECK(
        each(body, at, [&](const std::string& key, JsonView value, const std::string& here) {
          return prefix_key(key, value, here, out);
        }));
    if (out.append_only && (out.change || out.remove))
      return wrong(at, "append_only stands against change and delete");
    for (const FieldRules& field : out.fields) out.names.push_back(field.path.segments()[0].raw);
    if (out.author) out.names.push_back(out.author->segments()[0].raw);
    return asks_for_author(out, at);
  }

  // "author" among people means nothing where no field holds one.
  Status asks_for_author(const PrefixRules& rules, const std::string& at) const {
    if (rules.author) return ok();
    for (const auto* who : {&rules.create, &rules.change, &rules.remove, &rules.read})
      if (*who && (*who)->author)
        return wrong(at, "\"author\" needs the key author, which names a field");
    return ok();
  }

  Status prefix_key(const std::string& key, JsonView value, const std::string& at,
                    PrefixRules& out) const {
    if (key == "create") return read_who(value, at, out.create);
    if (key == "change") return read_who(value, at, out.change);
    if (key == "delete") return read_who(value, at, out.remove);
    if (key == "read") return read_who(value, at, out.read);
    if (key == "append_only") return read_bool(value, at, out.append_only);
    if (key == "closed") return read_bool(value, at, out.closed);
    if (key == "bytes_max") return read_count(value, at, out.bytes_max);
    if (key == "author") {
      if (!value.is_string()) return wrong(at, "must be the name of a field");
      out.author_name = value.string_copy();
      ATELIER_TRY(path, read_path(out.author_name, at));
      out.author = std::move(path);
      return ok();
    }
    if (key != "fields") return unknown(at);
    return each(value, at, [&](const std::string& name, JsonView body, const std::string& here) {
      return read_field(name, body, here, out.fields);
    });
  }

  Result<FieldPath> read_path(const std::string& field, const std::string& at) const {
    auto path = FieldPath::parse(field);
    if (!path) return wrong(at, path.error().message);
    return path;
  }

  Status read_who(JsonView value, const std::string& at, std::optional<Who>& out) const {
    if (!value.is_array()) return wrong(at, "must be a list of people");
    out.emplace();
    std::size_t index = 0;
    for (JsonView element : value.elements()) {
      const std::string here = at + "/" + std::to_string(index++);
      const std::string text = element.string_copy();
      if (text == "anyone")
        out->anyone = true;
      else if (text == "user")
        out->users = true;
      else if (text == "author")
        out->author = true;
      else if (text.starts_with("role:") && text.size() > 5)
        out->roles.push_back(text.substr(5));
      else if (text.starts_with("name:") && text.size() > 5)
        out->names.push_back(text.substr(5));
      else
        return wrong(here, "people are anyone, user, author, role:… or name:…");
    }
    return ok();
  }

  Status read_bool(JsonView value, const std::string& at, bool& out) const {
    if (!value.is_bool()) return wrong(at, "must be true or false");
    out = value.kind() == json::Kind::kTrue;
    return ok();
  }

  Status read_count(JsonView value, const std::string& at, std::optional<std::size_t>& out) const {
    const auto count = json::int_value(value.text());
    if (!count || *count < 0) return wrong(at, "must be a whole number of 0 or more");
    out = static_cast<std::size_t>(*count);
    return ok();
  }

  Status read_number(JsonView value, const std::string& at, std::optional<std::string>& out) const {
    if (!value.is_number()) return wrong(at, "must be a number");
    out = std::string(value.text());
    return ok();
  }

  Status read_field(const std::string& name, JsonView body, const std::string& at,
                    std::vector<FieldRules>& fields) const {
    if (fields.size() >= kRulesPerPrefixMax)
      return Error{ErrorCode::kTooLarge,
                   show_(at) + ": more than " + std::to_string(kRulesPerPrefixMax) + " fields"};
    FieldRules rules;
    rules.field = name;
    ATELIER_TRY(path, read_path(name, at));
    if (path.segments()[0].name.starts_with('_')) return wrong(at, "fields with _ are CouchDB's");
    rules.path = std::move(path);
    ATELIER_CHECK(
        each(body, at, [&](const std::string& key, JsonView value, const std::string& here) {
          return field_key(key, value, here, rules);
        }));
    if (rules.min && rules.max && compare_numbers(*rules.min, *rules.max) > 0)
      return wrong(at, "min is above max");
    if (rules.length_min && rules.length_max && *rules.length_min > *rules.length_max)
      return wrong(at, "length_min is above length_max");
    fields.push_back(std::move(rules));
    return ok();
  }

  Status field_key(const std::string& key, JsonView value, const std::string& at,
                   FieldRules& out) const {
    if (key == "required") return read_bool(value, at, out.required);
    if (key == "immutable") return read_bool(value, at, out.immutable);
    if (key == "append_only") return read_bool(value, at, out.append_only);
    if (key == "type") return read_types(value, at, out.types);
    if (key == "min") return read_number(value, at, out.min);
    if (key == "max") return read_number(value, at, out.max);
    if (key == "length_min") return read_count(value, at, out.length_min);
    if (key == "length_max") return read_count(value, at, out.length_max);
    if (key == "enum") return read_allowed(value, at, out);
    if (key == "pattern") return read_pattern(value, at, out);
    return unknown(at);
  }

  Status read_types(JsonView value, const std::string& at, std::vector<std::string>& out) const {
    static constexpr std::string_view kTypes[] = {"null",   "boolean", "number", "integer",
                                                  "string", "array",   "object"};
    const auto add = [&](JsonView type) -> Status {
      const std::string name = type.string_copy();
      if (std::find(std::begin(kTypes), std::end(kTypes), name) == std::end(kTypes))
        return wrong(at, "types are null, boolean, number, integer, string, array, object");
      out.push_back(name);
      return ok();
    };
    if (!value.is_array()) return add(value);
    for (JsonView type : value.elements()) ATELIER_CHECK(add(type));
    if (out.empty()) return wrong(at, "must name a type");
    return ok();
  }

  Status read_allowed(JsonView value, const std::string& at, FieldRules& out) const {
    if (!value.is_array()) return wrong(at, "must be a list of values");
    for (JsonView element : value.elements()) out.allowed.push_back(encode_key(element.text()));
    std::sort(out.allowed.begin(), out.allowed.end());
    out.has_allowed = true;
    return ok();
  }

  Status read_pattern(JsonView value, const std::string& at, FieldRules& out) const {
    if (!value.is_string()) return wrong(at, "must be a regular expression");
    auto regex = Regex::compile(value.string_copy());
    if (!regex) return wrong(at, regex.error().message);
    out.pattern = std::move(*regex);
    return ok();
  }

  const ShowPlace& show_;
};

}  // namespace

std::string pointer_part(std::string_view key) {
  std::string out;
  for (char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

Result<std::vector<PrefixRules>> read_rules(JsonView rules, const ShowPlace& show) {
  return RulesReader(show).read(rules);
}

}  // namespace atelier::query
