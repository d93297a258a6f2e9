#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "probe/app/doctor_hub.hpp"

namespace vpn_sentinel {
namespace {

using nlohmann::json;

/// As the hub's finding clock_skewed: less is the way, or a busy machine.
constexpr std::chrono::seconds tolerated{30};
constexpr std::size_t longest_quote = 200;

struct Remedy {
  HubTrouble trouble;
  std::string_view host;
  std::string_view container;
  std::string_view kubernetes;
};

constexpr std::array answer_remedies{
    Remedy{HubTrouble::name, "an address in VPN_SENTINEL_URL, or the name in /etc/hosts; 'getent hosts NAME' tries it",
           "an address in VPN_SENTINEL_URL: beside a VPN its resolver answers, which knows no container's name",
           "the Service's address in VPN_SENTINEL_URL, or DNS_KEEP_NAMESERVER=on for gluetun, so that the cluster resolves its own names"},
    Remedy{HubTrouble::refused,
           "'systemctl status vpn-sentinel-hub' on the hub's machine; VPN_SENTINEL_SERVER_BIND there (without an API key it is loopback), "
           "VPN_SENTINEL_URL here",
           "VPN_SENTINEL_URL=http://HOST:5000: 127.0.0.1 is this container itself; 'docker compose ps hub' shows whether the hub runs",
           "'kubectl get pods,endpoints -l app.kubernetes.io/name=vpn-sentinel-hub'; VPN_SENTINEL_URL=http://vpn-sentinel-hub:5000"},
    Remedy{
        HubTrouble::silent, "the hub's port opened in the firewalls on the way; 'ip route get ADDRESS' shows the way",
        "gluetun's FIREWALL_OUTBOUND_SUBNETS with the hub's network, and a hub that is reachable from there",
        "gluetun's FIREWALL_OUTBOUND_SUBNETS with the cluster's networks, and a NetworkPolicy that lets the pod out to the hub's Service"},
    Remedy{HubTrouble::tls, "VPN_SENTINEL_TLS_CERT_PATH with the CA of the hub's certificate, and in VPN_SENTINEL_URL a name that is in it",
           "-v ./ca.pem:/ca.pem:ro -e VPN_SENTINEL_TLS_CERT_PATH=/ca.pem, and in VPN_SENTINEL_URL a name that is in the certificate",
           "a ConfigMap with the CA mounted, VPN_SENTINEL_TLS_CERT_PATH with its path, and in VPN_SENTINEL_URL a name that is in the "
           "certificate"},
    Remedy{HubTrouble::no_key, "the key in /etc/vpn-sentinel/probe.credentials/api_key, then 'systemctl restart vpn-sentinel-probe'",
           "-e VPN_SENTINEL_API_KEY=KEY, or a mounted file in VPN_SENTINEL_API_KEY_FILE",
           "env VPN_SENTINEL_API_KEY with valueFrom: {secretKeyRef: {name: vpn-sentinel, key: api-key}}"},
    Remedy{
        HubTrouble::wrong_key,
        "a key that the hub knows ('vpn-sentinel-hub key add NAME --clients CLIENT_ID' there) in "
        "/etc/vpn-sentinel/probe.credentials/api_key, then 'systemctl restart vpn-sentinel-probe'",
        "a key that the hub knows ('docker exec HUB /usr/bin/vpn-sentinel-hub key add NAME --clients CLIENT_ID') in VPN_SENTINEL_API_KEY",
        "a key that the hub knows ('kubectl exec vpn-sentinel-hub-0 -- /usr/bin/vpn-sentinel-hub key add NAME --clients CLIENT_ID') in "
        "the secret vpn-sentinel, and new pods"},
    Remedy{HubTrouble::address, "this machine's address in the hub's VPN_SENTINEL_SERVER_ALLOWED_IPS",
           "the address that the hub sees (of the host, or of the VPN's exit) in its VPN_SENTINEL_SERVER_ALLOWED_IPS",
           "the pods' network in the hub's VPN_SENTINEL_SERVER_ALLOWED_IPS"},
    Remedy{HubTrouble::wrong_path, "VPN_SENTINEL_API_PATH as the hub has it; VPN_SENTINEL_SCHEMA=1 for a server of the Python original", "",
           ""},
    Remedy{HubTrouble::rate_limit, "a higher VPN_SENTINEL_SERVER_RATE_LIMIT at the hub; VPN_SENTINEL_SERVER_TRUSTED_PROXIES behind a proxy",
           "", ""},
    Remedy{HubTrouble::in_trouble, "'journalctl -u vpn-sentinel-hub' on the hub's machine, and the log of a proxy before it",
           "'docker logs HUB', and the log of a proxy before it", "'kubectl logs vpn-sentinel-hub-0', and the log of an ingress before it"},
    Remedy{HubTrouble::no_hub, "VPN_SENTINEL_URL with the hub's API port (5000), http or https as it speaks; and no login page on the way",
           "", ""},
    Remedy{HubTrouble::bad_setting, "VPN_SENTINEL_URL like http://192.0.2.1:5000", "", ""},
};

std::string url_of(std::string_view url, std::string_view path, std::string_view leaf) {
  while (url.ends_with('/')) url.remove_suffix(1);
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.empty() ? fmt::format("{}/{}", url, leaf) : fmt::format("{}/{}/{}", url, path, leaf);
}

/// {"error": …, "message": …}, as both hubs write it; empty of anything else.
std::string words_of(const json& body) {
  std::string words;
  for (const auto* const key : {"error", "message"}) {
    const auto found = body.is_object() ? body.find(key) : body.end();
    if (body.is_object() && found != body.end() && found->is_string()) words += (words.empty() ? "" : ": ") + found->get<std::string>();
  }
  if (words.size() > longest_quote) words.resize(longest_quote);
  std::erase_if(words, [](unsigned char c) { return c < 0x20 || c >= 0x7f; });  // it goes to a terminal
  return words;
}

HubTrouble trouble_of(const Error& error, const HttpProgress& progress) {
  const auto says = [&](std::string_view part) { return error.message.find(part) != std::string::npos; };
  if (error.kind == Error::Kind::invalid) return HubTrouble::bad_setting;
  if (says("name could not be resolved") || (!progress.connected && error.kind == Error::Kind::not_found)) return HubTrouble::name;
  if (progress.connected && !progress.secured) return HubTrouble::tls;
  if (says("refused")) return HubTrouble::refused;
  if (error.kind == Error::Kind::timed_out || error.kind == Error::Kind::unreachable) return HubTrouble::silent;
  return progress.connected ? HubTrouble::no_hub : HubTrouble::tls;  // before a connection only a CA or key file can fail
}

HubTrouble trouble_of(long status, const std::string& words, int schema) {
  if (status == 401) return HubTrouble::no_key;
  // The one answer that is given before anybody looks at the key.
  if (status == 403) return words.starts_with("Access denied") ? HubTrouble::address : HubTrouble::wrong_key;
  if (status == 404 || status == 405) return HubTrouble::wrong_path;
  if (status == 429) return HubTrouble::rate_limit;
  if (status >= 500) return HubTrouble::in_trouble;
  return status == (schema == 1 ? 200 : 400) ? HubTrouble::none : HubTrouble::no_hub;
}

}  // namespace

HttpRequest hub_question(const HubAddress& hub, const std::string& url) {
  HttpRequest request;
  request.url = url_of(url, hub.api_path, hub.schema == 1 ? "status" : "events");
  if (hub.schema != 1) {
    request.method = "POST";
    request.headers = {{"Content-Type", "application/json"}};
    request.body = R"({"reports":[]})";
  }
  if (!hub.api_key.empty()) request.headers.emplace_back("X-API-Key", hub.api_key);
  request.wanted_headers = {"Date"};
  request.most_bytes = 1024UL * 1024;
  request.ca_file = hub.ca_file;
  request.verify = hub.verify;
  request.certificate_file = hub.certificate_file;
  request.key_file = hub.key_file;
  return request;
}

HubVerdict judge_hub(const Result<HttpResponse>& answer, const HttpProgress& progress, int schema) {
  if (!answer) return {trouble_of(answer.error(), progress), answer.error().message};
  const auto body = json::parse(answer->body, nullptr, false);
  const auto words = words_of(body);
  auto trouble = trouble_of(answer->status, words, schema);
  // A proxy or a login page has the same numbers, but not the words.
  const bool in_its_words = schema == 1 && trouble == HubTrouble::none ? !body.is_discarded() : !words.empty();
  if (!in_its_words && trouble != HubTrouble::in_trouble && trouble != HubTrouble::wrong_path) trouble = HubTrouble::no_hub;
  if (trouble == HubTrouble::none) return {trouble, "answers and takes the key"};
  const bool speaks = !words.empty() && trouble != HubTrouble::no_hub;
  return {trouble, fmt::format("{} answered {}{}", trouble == HubTrouble::no_hub ? "something that is no hub" : "it", answer->status,
                               speaks ? fmt::format(" ({})", words) : std::string())};
}

std::string_view hub_remedy(HubTrouble trouble, DoctorPlace place) {
  const auto* const found = std::ranges::find(answer_remedies, trouble, &Remedy::trouble);
  if (found == answer_remedies.end()) return {};
  const auto there = place == DoctorPlace::kubernetes ? found->kubernetes : found->container;
  return place == DoctorPlace::host || there.empty() ? found->host : there;
}

std::optional<std::chrono::seconds> clock_behind(const ClockSample& sample) {
  using std::chrono::seconds;
  std::tm parts{};
  const char* const end = ::strptime(sample.date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  // The hub's clock stood somewhere in this second, at a moment between question and answer.
  const WallTime from{seconds{::timegm(&parts)}};
  const auto until = from + seconds{1};
  if (from > sample.answered) return std::chrono::ceil<seconds>(from - sample.answered);
  if (until < sample.asked) return -std::chrono::ceil<seconds>(sample.asked - until);
  return seconds{0};
}

DoctorLine clock_line(const std::optional<ClockSample>& sample, DoctorPlace place) {
  const std::string_view remedy = place == DoctorPlace::host        ? "timedatectl set-ntp true, here or on the hub's machine"
                                  : place == DoctorPlace::container ? "on the host, or the hub's: timedatectl set-ntp true"
                                                                    : "on the node, or the hub's: timedatectl set-ntp true";
  const DoctorTopic topic{"clock", "times of what is told, certificates, and reports that wait for the hub",
                          "times in the history are wrong, and certificates look expired or not valid yet", remedy};
  using Status = DoctorLine::Status;
  if (!sample) return doctor_line("hub", topic, Status::could_not_look, "no hub has told its time");
  const auto behind = clock_behind(*sample);
  if (!behind) return doctor_line("hub", topic, Status::could_not_look, "the hub's answer has no date that can be read");
  if (std::chrono::abs(*behind) <= tolerated) return doctor_line("hub", topic, Status::ok, "agrees with the hub's");
  return doctor_line(
      "hub", topic, Status::missing,
      fmt::format("{} {} the hub's", human_duration(std::chrono::abs(*behind)), behind->count() > 0 ? "behind" : "ahead of"));
}

}  // namespace vpn_sentinel
