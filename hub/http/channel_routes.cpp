#include "hub/http/channel_routes.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "hub/alert/notice.hpp"
#include "hub/http/account_body.hpp"
#include "hub/http/care_call.hpp"
#include "hub/http/reply.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// A delivered one may have a reason, too: who of several did not get it.
json outcome_of(const Delivery& delivery, std::chrono::milliseconds took) {
  const bool delivered = delivery.kind == Delivery::Kind::delivered;
  json outcome{{"delivered", delivered}};
  if (delivered) outcome["took_ms"] = took.count();
  if (!delivered || !delivery.reason.empty()) outcome["reason"] = delivery.reason;
  return outcome;
}

class ChannelApi {
 public:
  ChannelApi(std::shared_ptr<const AccountDoor> door, ChannelDoor channels) : door_(std::move(door)), channels_(std::move(channels)) {}

  void test(const Request& request, std::string_view name, const Respond& respond) const {
    const AccountBody body(request, {});
    if (body.refusal()) return respond(*body.refusal());
    auto channel = channels_.find(std::string(name));
    if (!channel) return respond(error_response(404, "Not found", "There is no such channel"));
    const auto actor = care_actor(request);
    auto notice = test_notice(channel->name, actor.who, door_->accounts.options().now());
    const auto target = channel->name;
    const bool begun = channels_.trials.start(std::move(*channel), std::move(notice), [respond](const auto& delivery, auto took) {
      respond(json_response(200, outcome_of(delivery, took)));
    });
    if (!begun) return respond(unavailable_response("Too many channels are being tested", "15"));
    // A full queue costs the line, not the message, which is on its way.
    static_cast<void>(door_->accounts.change([actor, target](AccountFile& file) -> Accounts::Reply {
      static_cast<void>(file.note(actor, "channel_tested", target));
      return {};
    }));
  }

 private:
  const std::shared_ptr<const AccountDoor> door_;
  const ChannelDoor channels_;
};

}  // namespace

Service channel_service(const std::shared_ptr<const AccountDoor>& door, const ChannelDoor& channels, const std::string& prefix,
                        std::vector<Gate> gates, const Gate& to_read) {
  const auto router = std::make_shared<Router>();
  const auto api = std::make_shared<const ChannelApi>(door, channels);
  router->add("POST", prefix + "/channels/{name}/test",
              [api](const Request& request, std::string_view name, const Respond& respond) { api->test(request, name, respond); });
  gates.push_back(require_role_to_change(door, Role::operator_, to_read));
  return {router, std::move(gates)};
}

}  // namespace vpn_sentinel
