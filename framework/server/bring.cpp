// Attachments whose bytes were left behind, fetched for a client that asks for them. Thread rule: the
// server's thread.
#include <deque>
#include <set>

#include "server/replies.h"
#include "server/routes.h"

namespace atelier::server {

namespace {

struct Errand {
  Call call;
  std::string view;  // of the room, as the client saw it when it asked
  std::deque<std::pair<std::string, std::string>> wanted;  // document and attachment
  std::function<void(const Call&)> again;
};

void finish(const std::shared_ptr<Errand>& errand) {
  Call& call = errand->call;
  // It may have taken minutes: whoever was put out meanwhile gets nothing.
  if (!call.context->may_go_on(call.request->principal, *call.database, errand->view))
    return call.respond(error_reply(401, "unauthorized", "You are not authorized to access this db."));
  errand->again(call);
}

/// Fetches one after the other. False when the first cannot even be begun.
bool next(const std::shared_ptr<Errand>& errand) {
  while (!errand->wanted.empty()) {
    const auto [id, name] = std::move(errand->wanted.front());
    errand->wanted.pop_front();
    const Context& context = *errand->call.context;
    const auto begun = context.options.bring(
        errand->call.database->name(), id, name, [errand, post = context.post](const Status&) {
          // What could not be had is answered for by who asked.
          post([errand] {
            if (!next(errand)) finish(errand);
          });
        });
    if (begun) return true;
  }
  return false;
}

}  // namespace

bool bring_what_is_away(const Call& call, const std::vector<Document>& documents,
                        std::function<void(const Call&)> again) {
  if (!call.context->options.bring) return false;
  auto errand = std::make_shared<Errand>();
  errand->call = call;
  if (call.guard) errand->view = call.guard->view();
  errand->again = std::move(again);
  std::set<std::pair<std::string, std::string>> wanted;
  for (const Document& document : documents)
    for (const Attachment& attachment : document.attachments)
      if (attachment.evicted()) wanted.emplace(document.id, attachment.name);
  errand->wanted.assign(wanted.begin(), wanted.end());
  return next(errand);
}

}  // namespace atelier::server
