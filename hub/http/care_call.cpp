#include "hub/http/care_call.hpp"

#include <utility>

#include "hub/http/reply.hpp"

namespace vpn_sentinel {

Actor care_actor(const Request& request) { return {request.caller.identity ? request.caller.identity->user : "-", request.source()}; }

void carry_out(const AccountDoor& door, Engine& engine, const Request& request, CareWish wish, const Respond& respond) {
  auto done = [&accounts = door.accounts, actor = care_actor(request), respond, action = std::move(wish.action),
               target = std::move(wish.target), status = wish.status](const Result<nlohmann::json>& answer) {
    if (!answer) return respond(care_refusal(answer.error()));
    // A full queue costs the line, not the change, which is in force already.
    static_cast<void>(accounts.change([actor, action, target](AccountFile& file) -> Accounts::Reply {
      static_cast<void>(file.note(actor, action, target));
      return {};
    }));
    respond(json_response(status, *answer));
  };
  if (!engine.care(std::move(wish.order), std::move(done))) respond(unavailable_response("Too many changes are waiting", "1"));
}

Response care_refusal(const Error& error) {
  switch (error.kind) {
    case Error::Kind::not_found:
      return error_response(404, "Not found", error.message);
    case Error::Kind::invalid:
      return error_response(409, "Conflict", error.message);
    case Error::Kind::no_space:
      return error_response(507, "Insufficient storage", "The disk is full");
    default:
      return unavailable_response("The store cannot be used; the hub's log says why", "5");
  }
}

}  // namespace vpn_sentinel
