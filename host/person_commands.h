// `atelier person export NAME` and `atelier person remove NAME`: what this server has of a person,
// and their name taken out of it. They work through the profile's own server, as an administrator;
// what HTTP has no words for is asked as person_questions.h says. Thread rule: main thread.
//
// The export is one JSON object, written as it is read (memory does not grow with it):
//   {"person":name, "exported":"2026-11-29T06:28:36Z", "server":address or null, "profile":name,
//    "account":{the document of `_users` without what a password is checked with} or null,
//    "rooms":[{"room", "roles":[words],
//      "documents":[{"_id","_rev", …, "_attachments":{name:{"content_type","digest","length",
//                                                          "data":base64}}}],
//      "local":[{"_id", …}]}],           of outbox and quarantine, which do not replicate
//    "mentioned_in":[{"room","_id"}],    documents that hold the name within longer text
//    "not_included":[words]}
// Each leaf of a document is an entry, tombstones with "_deleted":true among them. Bytes of an
// attachment that are not here are "data":null.
#pragma once

#include <iosfwd>
#include <string>

#include "commands.h"

namespace atelier::host {

struct PersonOptions {
  std::string action;  // export, remove
  std::string name;
  std::string file;    // of an export: a new file, mode 0600; - is standard output
  std::string as = "(removed)";  // of a removal: what stands in the place of the name
  bool yes = false;              // a removal without a question
};
/// Exit codes: kExitPartial when a removal left documents that carry the name; kExitFailed for an
/// export of somebody of whom there is nothing.
int run_person(const CommandContext& context, const PersonOptions& options, std::istream& in,
               std::ostream& out, std::ostream& err);

}  // namespace atelier::host
