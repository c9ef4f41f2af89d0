// The routes of a database as a whole: making, removing, describing, configuring it.
#include <charconv>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "base/room_name.h"
#include "server/document_json.h"
#include "server/routes.h"

namespace atelier::server {

namespace {

Response illegal_name(std::string_view name) {
  return error_reply(400, "illegal_database_name",
                     "Name: '" + std::string(name) +
                         "'. Only lowercase characters (a-z), digits (0-9), and any of the "
                         "characters _, $, (, ), +, -, and / are allowed. Must begin with a "
                         "letter.");
}

Response too_long_name(std::string_view name) {
  return error_reply(400, "database_name_too_long",
                     "At least one path segment of `" + std::string(name) + "` is too long.");
}

bool is_positive(std::string_view text) {
  std::uint32_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && value > 0;
}

void put_security(const Call& call) {
  auto body = json_object_body(*call.request);
  if (!body) return call.respond(error_reply(body.error()));
  const std::string fault = security_fault(*body);
  if (!fault.empty()) return call.respond(bad_request(fault));
  call.context->background([body = std::move(*body), database = call.database,
                            respond = call.respond, post = call.context->post] {
    const Status stored = database->store()->put_property("security", body);
    post([stored, database, respond] {
      if (stored) database->security_changed();
      respond(stored ? ok_reply() : error_reply(stored.error()));
    });
  });
}

struct PartitionSums {
  std::uint64_t live = 0, deleted = 0, bytes = 0;
};

Result<PartitionSums> sum_partition(const Store& store, const std::string& partition) {
  PartitionSums sums;
  ScanOptions range;
  range.start = partition + ":";
  range.end = partition + ";";
  range.inclusive_end = false;
  range.deleted = true;
  ATELIER_CHECK(store.scan(range, [&](const DocumentView& document) {
    ++(document.deleted ? sums.deleted : sums.live);
    if (!document.deleted) sums.bytes += document.id.size() + document.body.size();
    return true;
  }));
  return sums;
}

}  // namespace

void put_database(const Call& call) {
  const std::string& name = call.request->segments[0];
  for (const char* number : {"q", "n"}) {
    const auto text = call.query().get(number);
    if (text && !is_positive(*text))
      return call.respond(
          bad_request("The `" + std::string(number) + "` value should be a positive integer."));
  }
  const auto partitioned = call.query().get("partitioned");
  if (partitioned && *partitioned != "true" && *partitioned != "false")
    return call.respond(bad_request("Invalid `partitioned` parameter"));
  if (name.size() > kDatabaseNameBytesMax) return call.respond(too_long_name(name));
  if (!is_database_name(name)) return call.respond(illegal_name(name));
  const std::string where = call.request->origin() + "/" + url_encode(name);
  call.respond_later(
      [catalog = call.context->catalog, name, where, in_partitions = partitioned == "true"] {
        const auto created = catalog->create(name, in_partitions);
        if (!created) return error_reply(created.error());
        Response response = ok_reply(201);
        response.headers.add("Location", where);
        return response;
      });
}

void delete_database(const Call& call) {
  if (call.query().get("rev"))
    return call.respond(
        bad_request("You tried to DELETE a database with a ?=rev parameter. Did "
                    "you mean to DELETE a document instead?"));
  const std::string& name = call.request->segments[0];
  call.context->background([context = call.context, name, respond = call.respond] {
    const Status removed = context->catalog->remove(name);
    context->post([context, name, respond, removed] {
      if (!removed) {
        const bool unknown = removed.error().code == ErrorCode::kNotFound ||
                             removed.error().code == ErrorCode::kInvalid;
        return respond(unknown ? missing("Database does not exist.")
                               : error_reply(removed.error()));
      }
      context->forget(name);
      respond(ok_reply());
    });
  });
}

namespace {

Response database_reply(const Call& call) {
  const StoreInfo info = call.store().info();
  json::Writer out;
  out.begin_object().key("instance_start_time").string(call.database->start_time());
  out.key("db_name").string(call.database->name());
  out.key("purge_seq").string(call.store().sequence_text(info.purge_sequence));
  out.key("update_seq").string(call.store().sequence_text(info.last_sequence));
  const auto live = static_cast<std::int64_t>(info.live_bytes);
  out.key("sizes").begin_object().key("file").integer(static_cast<std::int64_t>(info.file_bytes));
  out.key("external").integer(live).key("active").integer(live).end_object();
  out.key("props").begin_object();
  if (info.partitioned) out.key("partitioned").boolean(true);
  out.end_object();
  out.key("doc_del_count").integer(static_cast<std::int64_t>(info.doc_del_count));
  out.key("doc_count").integer(static_cast<std::int64_t>(info.doc_count));
  out.key("disk_format_version").integer(8).key("compact_running");
  out.boolean(call.database->compacting);
  out.key("cluster").raw(R"({"q":1,"n":1,"w":1,"r":1})").end_object();
  return json_reply(200, out.take());
}

}  // namespace

void get_database(const Call& call) {
  // What a reader sees is counted.
  if (call.guard && call.guard->restricted())
    return call.respond_later([call] { return database_reply(call); });
  call.respond(database_reply(call));
}

void serve_security(const Call& call) {
  if (call.request->method == "PUT") return put_security(call);
  call.respond(json_reply(200, call.database->security()));
}

void serve_revs_limit(const Call& call) {
  if (call.request->is_read())
    return call.respond(json_reply(200, std::to_string(call.store().revs_limit())));
  const auto body = json_body(*call.request);
  if (!body) return call.respond(error_reply(body.error()));
  const auto limit = json::int_value(*body);
  if (!limit || *limit < 1 || *limit > UINT32_MAX)
    return call.respond(bad_request("Rev limit has to be an integer greater than 0"));
  call.respond_later([store = call.database->store(), limit = static_cast<std::uint32_t>(*limit)] {
    const Status set = store->set_revs_limit(limit);
    return set ? ok_reply() : error_reply(set.error());
  });
}

/// How many purges a CouchDB remembers for its views and shards: none are kept here, the number is.
void serve_purged_infos_limit(const Call& call) {
  if (call.request->is_read()) {
    const auto limit = call.store().get_property("purged_infos_limit");
    return call.respond(json_reply(200, limit ? *limit : "1000"));
  }
  const auto body = json_body(*call.request);
  if (!body) return call.respond(error_reply(body.error()));
  const auto limit = json::int_value(*body);
  if (!limit || *limit < 1)
    return call.respond(bad_request("`purge_infos_limit` must be a positive integer"));
  call.respond_later([store = call.database->store(), text = std::to_string(*limit)] {
    const Status set = store->put_property("purged_infos_limit", text);
    return set ? ok_reply() : error_reply(set.error());
  });
}

/// One range on one node.
void get_shards(const Call& call) {
  const std::vector<std::string>& path = call.request->segments;
  if (path.size() == 2)
    return call.respond(
        json_reply(200, R"({"shards":{"00000000-ffffffff":["atelier@localhost"]}})"));
  call.respond(json_reply(200, R"({"range":"00000000-ffffffff","nodes":["atelier@localhost"]})"));
}

void post_sync_shards(const Call& call) {
  call.respond(ok_reply(202));
}

void post_compact(const Call& call) {
  // What follows names a design document whose views would be compacted.
  if (call.request->segments.size() > 2) {
    const auto design = call.store().get("_design/" + call.request->segments[2]);
    return call.respond(design ? ok_reply(202) : error_reply(design.error()));
  }
  if (!call.database->compacting.exchange(true)) {
    call.database->compacting_since = system_clock().wall_ms() / 1000;
    call.context->background([database = call.database] {
      (void)database->store()->compact();
      database->compacting = false;
    });
  }
  call.respond(ok_reply(202));
}

void post_view_cleanup(const Call& call) {
  call.respond(ok_reply(202));
}

void post_ensure_full_commit(const Call& call) {
  call.respond_later([store = call.database->store(), started = call.database->start_time()] {
    const Status flushed = store->flush();
    if (!flushed) return error_reply(flushed.error());
    return json_reply(201, R"({"ok":true,"instance_start_time":")" + started + "\"}");
  });
}

void post_purge(const Call& call) {
  const auto body = json_object_body(*call.request);
  if (!body) return call.respond(error_reply(body.error()));
  std::vector<std::pair<std::string, std::vector<RevId>>> wanted;
  std::optional<Error> failed;
  json::for_each_member(*body, [&](std::string_view id, std::string_view list) {
    auto revs = parse_rev_list(list);
    if (!revs)
      failed = revs.error();
    else
      wanted.emplace_back(id, std::move(*revs));
    return !failed;
  });
  if (failed) return call.respond(error_reply(*failed));
  call.respond_later([store = call.database->store(), gate = call.database->gate(),
                      wanted = std::move(wanted)] {
    json::Writer out;
    out.begin_object().key("purge_seq").null().key("purged").begin_object();
    for (const auto& [id, revs] : wanted) {
      const auto purged = store->purge(id, revs);
      if (!purged && purged.error().code != ErrorCode::kNotFound)
        return error_reply(purged.error());
      out.key(id).begin_array();
      if (purged)
        for (const RevId& rev : *purged) out.string(rev.to_string());
      out.end_array();
    }
    if (gate) gate->reload();
    out.end_object().end_object();
    return json_reply(201, out.take());
  });
}

void get_partition(const Call& call) {
  const std::string& partition = call.request->segments[2];
  call.respond_later([store = call.shared_store(), name = call.database->name(), partition] {
    const auto sums = sum_partition(*store, partition);
    if (!sums) return error_reply(sums.error());
    json::Writer out;
    out.begin_object().key("db_name").string(name).key("sizes").begin_object();
    out.key("active").integer(static_cast<std::int64_t>(sums->bytes));
    out.key("external").integer(static_cast<std::int64_t>(sums->bytes)).end_object();
    out.key("partition").string(partition);
    out.key("doc_count").integer(static_cast<std::int64_t>(sums->live));
    out.key("doc_del_count").integer(static_cast<std::int64_t>(sums->deleted)).end_object();
    return json_reply(200, out.take());
  });
}

namespace {

std::string dbs_info_row(const Call& call, const std::string& name) {
  std::string out = "{\"key\":" + json::quoted(name);
  const auto database = call.context->database(name);
  if (!database) return out + ",\"error\":\"not_found\"}";
  Call one = call;
  one.database = *database;
  one.respond = [&out](Response response) {
    response.body.pop_back();
    out += ",\"info\":" + response.body + "}";
  };
  get_database(one);
  return out;
}

void get_dbs_info(const Call& call) {
  const auto names = listed_databases(call);
  if (!names) return call.respond(error_reply(names.error()));
  std::string out = "[";
  for (const std::string& name : *names)
    out += (out.size() > 1 ? "," : "") + dbs_info_row(call, name);
  call.respond(json_reply(200, out + "]"));
}

}  // namespace

void post_dbs_info(const Call& call) {
  if (call.request->is_read()) return get_dbs_info(call);
  const auto body = json_object_body(*call.request);
  if (!body) return call.respond(error_reply(body.error()));
  const auto keys = json::member(*body, "keys");
  if (!keys || json::kind_of(*keys) != json::Kind::kArray)
    return call.respond(bad_request("`keys` member must exist."));
  std::string out = "[";
  json::for_each_element(*keys, [&](std::string_view element) {
    if (out.size() > 1) out += ',';
    const auto name = json::string_value(element);
    out += name ? dbs_info_row(call, *name)
                : "{\"key\":" + std::string(element) + ",\"error\":\"not_found\"}";
    return true;
  });
  call.respond(json_reply(200, out + "]"));
}

}  // namespace atelier::server
