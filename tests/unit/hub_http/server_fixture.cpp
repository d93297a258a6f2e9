#include "server_fixture.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "hub/http/reply.hpp"

namespace vpn_sentinel {

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{5};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return true;
}

ServerFixture::ServerFixture(ListenOptions options, unsigned threads) : server_(Server::make(threads, std::chrono::milliseconds{20})) {
  options.endpoints = {Endpoint{IpAddress::v4({127, 0, 0, 1}), 0}};
  Routes routes;
  routes.handle = [this](const Request& request, Respond respond) { handle(request, std::move(respond)); };
  routes.admit_live = admit_live;
  routes.on_live = [this](std::shared_ptr<LiveChannel> channel) -> std::shared_ptr<void> {
    auto subscription = std::make_shared<std::shared_ptr<LiveChannel>>(channel);
    const std::lock_guard lock(mutex_);
    channel_ = std::move(channel);
    subscription_ = subscription;
    return subscription;
  };
  endpoint_ = server_->listen(std::move(options), std::move(routes)).value().front();
  server_->run();
}

ServerFixture::~ServerFixture() {
  server_.reset();
  for (auto& thread : threads_) thread.join();
}

void ServerFixture::handle(const Request& request, Respond respond) {
  if (request.path == "/throw") throw std::runtime_error("a route that fails");
  if (request.path == "/big") return respond(Response{200, "text/plain", std::string(8 * 1024 * 1024, 'x'), {}});
  const std::lock_guard lock(mutex_);
  if (request.path == "/later") return waiting_.push_back(std::move(respond));
  auto text = fmt::format("{} {} {} {} {}", request.method, request.path, request.query, request.body, request.header("x-note"));
  if (request.path != "/thread") return respond(Response{200, "text/plain", std::move(text), {}});
  threads_.emplace_back([respond = std::move(respond), text = std::move(text)] { respond(Response{200, "text/plain", text, {}}); });
}

LiveAdmission ServerFixture::admit_live(const Request& request) {
  if (request.path == "/live") return {};
  return {error_response(404, "Not found", "")};
}

Respond ServerFixture::take_waiting() {
  Respond taken;
  static_cast<void>(eventually([&] {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return false;
    taken = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    return true;
  }));
  return taken;
}

std::shared_ptr<LiveChannel> ServerFixture::take_channel() {
  std::shared_ptr<LiveChannel> taken;
  static_cast<void>(eventually([&] {
    const std::lock_guard lock(mutex_);
    taken = std::exchange(channel_, nullptr);
    return taken != nullptr;
  }));
  return taken;
}

bool ServerFixture::subscription_gone() {
  const std::lock_guard lock(mutex_);
  return subscription_.expired();
}

}  // namespace vpn_sentinel
