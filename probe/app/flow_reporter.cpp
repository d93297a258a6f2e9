#include "probe/app/flow_reporter.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "netns/daemon/log.hpp"

namespace vpn_sentinel {

FlowReporter::FlowReporter(boost::asio::io_context& io, HttpClient& http, DnsClient& dns, Options options)
    : io_(io), http_(http), dns_(dns), options_(std::move(options)) {}

void FlowReporter::add_hub(const HubAddress& hub) {
  if (hub.schema == 1 || options_.interval == std::chrono::milliseconds{0}) return;
  const auto name = fmt::format("{}", fmt::join(hub.urls, ","));
  FlowSender::Hooks hooks;
  hooks.paths = options_.paths;
  hooks.on_trouble = [name](const Error& why) {
    log(LogLevel::warning, "connections_not_delivered",
        {{"hub", name}, {"reason", why.message}, {"next", "reports go on; the oldest connections that wait are given up, and counted"}});
  };
  hooks.on_well = [name] { log(LogLevel::info, "connections_delivered_again", {{"hub", name}}); };
  senders_.push_back(FlowSender::make(io_, http_, dns_, hub, std::move(hooks)));
}

void FlowReporter::add(const TargetWatch& watch) {
  if (senders_.empty() || watch.policy().connections.mode == ConnectionsMode::off) return;
  auto& told = watches_[watch.policy().client_id];
  told.watch = std::make_unique<FlowWatch>(io_, watch, options_.interval, [this](FlowBatch batch) { send(std::move(batch)); });
}

void FlowReporter::forget(const std::string& client_id) {
  // The number stays: the same namespace may come again.
  if (const auto found = watches_.find(client_id); found != watches_.end()) found->second.watch.reset();
  for (const auto& sender : senders_) sender->forget(client_id);
}

void FlowReporter::follow(const std::string& client_id) {
  if (const auto found = watches_.find(client_id); found != watches_.end() && found->second.watch) found->second.watch->follow();
}

void FlowReporter::send(FlowBatch batch) {
  const auto found = watches_.find(batch.client_id);
  if (found == watches_.end()) return;
  batch.boot_id = options_.boot_id;
  batch.seq = ++found->second.seq;
  for (const auto& sender : senders_) sender->submit(batch);
}

}  // namespace vpn_sentinel
