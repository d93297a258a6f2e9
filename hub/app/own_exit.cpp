#include "hub/app/own_exit.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <fstream>
#include <utility>

#include "netns/clients/http_url.hpp"
#include "netns/clients/resolv_conf.hpp"
#include "netns/daemon/log.hpp"

namespace vpn_sentinel {
namespace {

/// A service more or less is no help where the line is down.
constexpr std::size_t most_tries = 3;
constexpr std::uint16_t dns_port = 53;

tl::expected<SourceAnswer, std::string> read(SourceKind kind, const std::string& url, const Result<HttpResponse>& response, Family family) {
  if (!response) return tl::unexpected(response.error().message);
  const auto parsed = HttpUrl::parse(url);
  const auto host = parsed ? parsed->host : std::string();
  auto answer = read_source(kind, {host, response->status, response->body}, family);
  if (!answer) return tl::unexpected(host + ": " + answer.error().error.message);
  return std::move(*answer);
}

/// The first host of `urls` that is a name; empty: all are addresses.
std::string first_name(const std::vector<std::string>& urls) {
  for (const auto& text : urls) {
    const auto url = HttpUrl::parse(text);
    if (url && !url->literal) return url->host;
  }
  return {};
}

HubDns dns_of(const Result<std::vector<IpAddress>>& answer, const std::vector<Endpoint>& servers, MonoTime began) {
  HubDns dns;
  dns.state = answer ? "answers" : "fails";
  dns.at = wall_now();
  for (const auto& server : servers) dns.servers.push_back(server.port == dns_port ? server.address.to_string() : server.to_string());
  if (answer) {
    dns.took = std::chrono::duration_cast<std::chrono::milliseconds>(mono_now() - began);
  } else {
    dns.problem = answer.error().message;
  }
  return dns;
}

}  // namespace

std::vector<Endpoint> resolvers_of(const std::string& file) {
  std::ifstream stream(file);
  std::string text(longest_resolv_conf, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
  std::vector<Endpoint> servers;
  for (const auto& server : parse_resolv_conf(text).servers) {
    if (server.zone.empty()) servers.push_back({server.address, dns_port});
  }
  return servers;
}

OwnExit::OwnExit(Options options)
    : options_(std::move(options)), work_(boost::asio::make_work_guard(io_)), timer_(io_), http_(io_), resolver_(io_) {
  boost::asio::post(io_, [this] {
    for (const auto& file : options_.geo_databases) {
      if (const auto added = databases_.add(file); !added) log(LogLevel::debug, "geo_database", {{"message", added.error().message}});
    }
    look();
  });
  thread_ = std::thread([this] { io_.run(); });
}

OwnExit::~OwnExit() {
  io_.stop();
  thread_.join();
}

HubExit OwnExit::exit() const {
  const std::lock_guard lock(mutex_);
  return exit_;
}

HubDns OwnExit::dns() const {
  const std::lock_guard lock(mutex_);
  return dns_;
}

void OwnExit::look() {
  seen_ = {};
  const auto name = first_name(options_.trace_urls);
  if (name.empty()) return ask_address(Family::v4, 0);
  auto servers = options_.resolvers();
  NameQuestion question{name, servers, {}, mono_now() + options_.timeout};
  look_up_name(io_, resolver_, std::move(question),
               [this, servers = std::move(servers), began = mono_now()](const Result<std::vector<IpAddress>>& answer) {
                 {
                   const std::lock_guard lock(mutex_);
                   dns_ = dns_of(answer, servers, began);
                 }
                 ask_address(Family::v4, 0);
               });
}

HttpRequest OwnExit::request_to(const std::string& url, Family family) const {
  HttpRequest request;
  request.url = url;
  request.timeout = options_.timeout;
  request.most_bytes = most_source_bytes;
  request.family = family;
  request.ca_file = options_.ca_file;
  return request;
}

void OwnExit::ask_address(Family family, std::size_t tried) {
  if (tried < std::min(options_.trace_urls.size(), most_tries)) {
    auto request = request_to(options_.trace_urls[tried], family);
    request.headers = {{"Accept", "text/plain"}};
    http_.send(std::move(request), [this, family, tried](const Result<HttpResponse>& response) { on_address(family, tried, response); });
    return;
  }
  if (family == Family::v4) return ask_address(Family::v6, 0);
  ask_place();
}

void OwnExit::on_address(Family family, std::size_t tried, const Result<HttpResponse>& response) {
  auto answer = read(SourceKind::trace, options_.trace_urls[tried], response, family);
  if (!answer) {
    // Most machines lack one of both families: what is told of is the first thing that went wrong.
    if (seen_.problem.empty()) seen_.problem = answer.error();
    return ask_address(family, tried + 1);
  }
  seen_.addresses.push_back(answer->address);
  if (seen_.facts.country.empty()) seen_.facts = std::move(answer->facts);
  if (family == Family::v4) return ask_address(Family::v6, 0);
  ask_place();
}

/// Once for each address: where it is does not change, and whoever tells counts questions.
void OwnExit::ask_place() {
  if (seen_.addresses.empty()) return finish();
  const auto address = seen_.addresses.front();
  auto known = databases_.find(address);
  if (known.country.empty()) known.country = seen_.facts.country;
  if (address != placed_) place_ = known;
  placed_ = address;
  if (!place_.organisation.empty() || options_.place_url.empty() || !address.is_v4()) return finish();
  auto request = request_to(options_.place_url, address.family());
  request.headers = {{"Accept", "application/json"}};
  http_.send(std::move(request), [this, address](const Result<HttpResponse>& response) {
    auto answer = read(SourceKind::ipinfo, options_.place_url, response, address.family());
    if (answer && answer->address == address) place_ = std::move(answer->facts);
    finish();
  });
}

void OwnExit::finish() {
  const bool told = !seen_.addresses.empty();
  {
    const std::lock_guard lock(mutex_);
    if (told) {
      exit_ = {std::move(seen_.addresses), place_, wall_now(), {}};
    } else if (exit_.problem != seen_.problem) {
      log(LogLevel::info, "own_exit", {{"reason", seen_.problem}, {"next", "the dashboard does not tell where the hub is; trying again"}});
      exit_.problem = std::move(seen_.problem);
    }
  }
  timer_.expires_after(told ? options_.interval : options_.retry);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) look();
  });
}

}  // namespace vpn_sentinel
