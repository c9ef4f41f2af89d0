#include "http/http_answers.h"

#include <algorithm>
#include <functional>

#include "base/json_text.h"

namespace atelier {
namespace {

using json::Kind;

bool is(std::optional<std::string_view> value, Kind kind) {
  return value && json::kind_of(*value) == kind;
}

std::optional<std::vector<RevId>> parse_revs(std::string_view array) {
  std::vector<RevId> revs;
  bool valid = true;
  json::for_each_element(array, [&](std::string_view element) {
    std::optional<std::string> text;
    if (json::kind_of(element) == Kind::kObject) {
      text = json::string_member(element, "rev");
    } else {
      text = json::string_value(element);
    }
    const auto rev = text ? RevId::parse(*text) : Result<RevId>(invalid("no revision"));
    valid = valid && rev;
    if (rev) revs.push_back(*rev);
    return valid;
  });
  if (!valid) return std::nullopt;
  return revs;
}

/// The row's document, when nothing more needs to be fetched.
std::optional<WireDocument> whole_document(std::string_view doc, const PeerChange& change) {
  if (change.leaves.size() != 1 || change.leaves[0].generation() != 1) return std::nullopt;
  auto wire = parse_wire_document(doc);
  if (!wire || wire->id != change.id || wire->rev != change.leaves[0] ||
      !wire->attachments.empty() || !wire->history.empty()) {
    return std::nullopt;
  }
  wire->history = {wire->rev};
  return wire;
}

/// An `error` of a row: a name, or an object that holds one.
struct RowError {
  std::string name;
  std::string reason;
  std::int64_t status = 0;
};

RowError parse_row_error(std::string_view row) {
  RowError error;
  const auto value = json::member(row, "error");
  const std::string_view from = is(value, Kind::kObject) ? *value : row;
  error.name = json::string_member(from, "error").value_or("");
  if (error.name.empty()) error.name = json::string_member(from, "name").value_or("");
  error.reason = json::string_member(from, "reason").value_or("");
  error.status = json::int_member(from, "status").value_or(0);
  return error;
}

bool is_busy(const RowError& error) {
  for (const char* name : {"timeout", "internal_server_error", "service_unavailable", "too_busy"}) {
    if (error.name == name) return true;
  }
  return error.status >= 500;
}

ErrorCode code_of_row(const RowError& error) {
  if (error.name == "forbidden" || error.status == 403) return ErrorCode::kForbidden;
  if (error.name == "unauthorized" || error.status == 401) return ErrorCode::kUnauthorized;
  if (error.name.find("too_large") != std::string::npos || error.status == 413) {
    return ErrorCode::kTooLarge;
  }
  return ErrorCode::kInvalid;
}

}  // namespace

std::string seq_text(std::string_view json) {
  if (json == "null") return "";
  return json::string_value(json).value_or(std::string(json));
}

std::optional<PeerChange> parse_change(std::string_view row) {
  if (json::kind_of(row) != Kind::kObject) return std::nullopt;
  PeerChange change;
  bool has_id = false;
  std::optional<std::vector<RevId>> leaves;
  std::string_view doc;
  json::for_each_member(row, [&](std::string_view key, std::string_view value) {
    if (key == "id") {
      auto id = json::string_value(value);
      has_id = id.has_value();
      if (id) change.id = std::move(*id);
    } else if (key == "changes") {
      if (json::kind_of(value) == Kind::kArray) leaves = parse_revs(value);
    } else if (key == "seq") {
      change.seq = seq_text(value);
    } else if (key == "deleted") {
      change.deleted = value == "true";
    } else if (key == "doc") {
      doc = value;
    }
    return true;
  });
  if (!has_id || !leaves) return std::nullopt;
  change.leaves = std::move(*leaves);
  change.document = whole_document(doc, change);
  return change;
}

std::optional<DiffAnswer> parse_revs_diff(std::string_view body) {
  if (json::kind_of(body) != Kind::kObject) return std::nullopt;
  DiffAnswer answer;
  bool valid = true;
  json::for_each_member(body, [&](std::string_view id, std::string_view value) {
    const bool object = json::kind_of(value) == Kind::kObject;
    const auto missing = object ? json::member(value, "missing") : std::nullopt;
    const auto forgotten = object ? json::member(value, "forgotten") : std::nullopt;
    valid = missing || forgotten;
    for (const auto& [list, revisions] :
         {std::pair(missing, &answer.missing), std::pair(forgotten, &answer.forgotten)}) {
      if (!list) continue;
      auto revs = is(list, Kind::kArray) ? parse_revs(*list) : std::nullopt;
      valid = valid && revs;
      if (valid && !revs->empty()) revisions->push_back({std::string(id), std::move(*revs)});
    }
    return valid;
  });
  if (!valid) return std::nullopt;
  return answer;
}

std::optional<std::vector<WireDocument>> parse_bulk_get(std::string_view body,
                                                        std::vector<std::string>& answered) {
  if (json::kind_of(body) != Kind::kObject) return std::nullopt;
  const auto results = json::member(body, "results");
  if (!is(results, Kind::kArray)) return std::nullopt;
  std::vector<WireDocument> documents;
  bool valid = true;
  json::for_each_element(*results, [&](std::string_view result) {
    const bool object = json::kind_of(result) == Kind::kObject;
    auto id = object ? json::string_member(result, "id") : std::nullopt;
    const auto docs = object ? json::member(result, "docs") : std::nullopt;
    if (!id || !is(docs, Kind::kArray)) return valid = false;
    answered.push_back(std::move(*id));
    json::for_each_element(*docs, [&](std::string_view row) {
      if (json::kind_of(row) != Kind::kObject) return valid = false;
      const auto found = json::member(row, "ok");
      if (!found) return valid = !is_busy(parse_row_error(row));
      auto document = parse_wire_document(*found);
      valid = document.has_value();
      if (valid) documents.push_back(std::move(*document));
      return valid;
    });
    return valid;
  });
  if (!valid) return std::nullopt;
  return documents;
}

std::optional<std::vector<WireDocument>> parse_open_revs(std::string_view body) {
  if (json::kind_of(body) != Kind::kArray) return std::nullopt;
  std::vector<WireDocument> documents;
  bool valid = true;
  json::for_each_element(body, [&](std::string_view row) {
    if (json::kind_of(row) != Kind::kObject) return valid = false;
    const auto found = json::member(row, "ok");
    if (!found) return true;  // {"missing": rev}
    auto document = parse_wire_document(*found);
    valid = document.has_value();
    if (valid) documents.push_back(std::move(*document));
    return valid;
  });
  if (!valid) return std::nullopt;
  return documents;
}

namespace {

/// `rows` of an object, each read by `read`.
std::optional<std::vector<RevisionRequest>> parse_rows(
    std::string_view body, std::string_view rows,
    const std::function<std::optional<RevisionRequest>(std::string_view row)>& read) {
  if (json::kind_of(body) != Kind::kObject) return std::nullopt;
  const auto list = json::member(body, rows);
  if (!is(list, Kind::kArray)) return std::nullopt;
  std::vector<RevisionRequest> requests;
  bool valid = true;
  json::for_each_element(*list, [&](std::string_view row) {
    auto request = json::kind_of(row) == Kind::kObject ? read(row) : std::nullopt;
    valid = request.has_value();
    if (valid) requests.push_back(std::move(*request));
    return valid;
  });
  if (!valid) return std::nullopt;
  return requests;
}

std::optional<RevisionRequest> one_revision(std::optional<std::string> id,
                                            const std::optional<std::string>& rev) {
  const auto parsed = RevId::parse(rev.value_or(""));
  if (!id || !parsed) return std::nullopt;
  return RevisionRequest{std::move(*id), {*parsed}};
}

}  // namespace

std::optional<std::vector<RevisionRequest>> parse_all_docs(std::string_view body) {
  return parse_rows(body, "rows", [](std::string_view row) {
    const auto value = json::member(row, "value");
    return one_revision(json::string_member(row, "id"), is(value, Kind::kObject)
                                                            ? json::string_member(*value, "rev")
                                                            : std::nullopt);
  });
}

std::optional<std::vector<RevisionRequest>> parse_find(std::string_view body) {
  return parse_rows(body, "docs", [](std::string_view row) {
    return one_revision(json::string_member(row, "_id"), json::string_member(row, "_rev"));
  });
}

std::optional<std::vector<Rejection>> parse_bulk_docs(std::string_view body,
                                                      std::span<const WireDocument* const> sent,
                                                      bool& busy) {
  if (json::kind_of(body) != Kind::kArray) return std::nullopt;
  std::vector<Rejection> rejected;
  std::size_t index = 0;
  json::for_each_element(body, [&](std::string_view row) {
    const std::size_t place = index++;
    if (json::kind_of(row) != Kind::kObject || !json::member(row, "error")) return true;
    const RowError error = parse_row_error(row);
    busy = busy || is_busy(error);
    std::string id = json::string_member(row, "id").value_or("");
    if (id.empty() && place < sent.size()) id = sent[place]->id;
    const auto rev = RevId::parse(json::string_member(row, "rev").value_or(""));
    for (const WireDocument* document : sent) {
      if (document->id != id || (rev && document->rev != *rev)) continue;
      Error why(code_of_row(error), error.reason.empty() ? error.name : error.reason);
      why.http_status = static_cast<int>(error.status);
      const bool forgotten = error.name == "forgotten";
      rejected.push_back({document->id, document->rev, std::move(why), forgotten});
    }
    return true;
  });
  return rejected;
}

}  // namespace atelier
