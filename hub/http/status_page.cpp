#include "hub/http/status_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "hub/http/badge.hpp"
#include "hub/http/keyring.hpp"
#include "hub/http/negotiation.hpp"
#include "hub/http/reply.hpp"
#include "hub/http/status_page_asset.hpp"
#include "hub/state/group.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::size_t longest_other_name = 60;
/// More would be no page that anybody reads: then the worst stand there.
constexpr std::size_t most_lines = 1000;

/// What is worst decides the page's headline; silence is worse than a warning, because nobody knows.
struct Look {
  std::string_view word;
  std::string_view sign;
  std::string_view text;      ///< of one line
  std::string_view headline;  ///< after a number of clients
};
constexpr std::array looks{
    Look{"danger", "\u2715", "Not protected", "not protected"},
    Look{"offline", "\u2013", "Not heard of", "not heard of"},
    Look{"unknown", "?", "Never heard of", "never heard of"},
    Look{"warning", "!", "Protected, with a warning", "protected with a warning"},
    Look{"contained", "\u25a0", "Offline, nothing leaks", "offline, and nothing leaks"},
    Look{"secure", "\u2713", "Protected", "protected"},
};

const Look& look_of(std::string_view word) { return *std::ranges::find(looks, word, &Look::word); }

std::string html_escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (std::string_view("<>&\"'").find(c) == std::string_view::npos) {
      safe += c;
    } else {
      safe += fmt::format("&#{};", static_cast<int>(c));
    }
  }
  return safe;
}

std::string_view word_of(const ClientState* client, WallTime now) {
  const auto look = badge_look(client, now);
  if (look.word == "overdue") return "offline";
  return look_of(look.word).word;
}

std::string_view worst_of(const std::vector<StatusLine>& lines) {
  for (const auto& look : looks) {
    if (std::ranges::find(lines, look.word, &StatusLine::word) != lines.end()) return look.word;
  }
  return "unknown";
}

std::vector<StatusLine> worth_showing(std::vector<StatusLine> lines) {
  if (lines.size() <= most_lines) return lines;
  std::ranges::stable_sort(lines, {}, [](const StatusLine& line) { return &look_of(line.word); });
  lines.resize(most_lines);
  return lines;
}

std::string headline_of(const std::vector<StatusLine>& lines) {
  if (lines.empty()) return "Nobody is shown here yet";
  const auto& worst = look_of(worst_of(lines));
  const auto count = static_cast<std::size_t>(std::ranges::count(lines, worst.word, &StatusLine::word));
  if (count == lines.size()) return fmt::format("{} {}", count == 1 ? "It is" : "All are", worst.headline);
  return fmt::format("{} of {} {} {}", count, lines.size(), count == 1 ? "is" : "are", worst.headline);
}

/// Who runs no script is led to the whole page at once, which asks again by itself.
constexpr std::string_view with_script =
    "<noscript><meta http-equiv=\"refresh\" content=\"0; url=/status-page?whole\"></noscript>\n"
    "<script type=\"module\" src=\"/status-page.js\"></script>";
constexpr std::string_view led_by_hand = "<noscript><p><a href=\"/status-page?whole\">Show it without JavaScript</a></p></noscript>\n";
constexpr std::string_view by_itself = "<meta http-equiv=\"refresh\" content=\"30\">";

/// `live`: without any claim, which the script alone brings and takes away; else whole, for browsers that run none.
std::string page_of(std::string_view title, const std::vector<StatusLine>& lines, WallTime now, bool live) {
  std::string items;
  for (const auto& line : worth_showing(lines)) {
    const auto& look = look_of(line.word);
    items += fmt::format(
        "<li data-state=\"{}\"><span class=\"name\">{}</span><span class=\"state\"><span aria-hidden=\"true\">{}</span> {}"
        "</span></li>",
        live ? "offline" : line.word, html_escaped(line.name), live ? "?" : look.sign, live ? "Not known yet" : look.text);
  }
  if (lines.size() > most_lines) items += fmt::format("<li>and {} more, none of them worse</li>", lines.size() - most_lines);
  const auto time = to_rfc3339(now);
  const auto asked = fmt::format("As of <time datetime=\"{}\">{} {} UTC</time>; asked again every 30 seconds.", time, time.substr(0, 10),
                                 time.substr(11, 8));
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta name=\"robots\" content=\"noindex\">\n<title>{0}</title>\n{4}\n"
      "<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/status-page.css\">\n</head>\n<body>\n<main>\n<h1>{0}</h1>\n"
      "<p id=\"overall\" role=\"status\" data-state=\"{1}\">{2}.</p>\n<p id=\"late\" role=\"alert\" hidden>Not live: no answer. "
      "Nobody knows how it is now.</p>\n"
      "{6}<ul id=\"list\">{3}</ul>\n"
      "<p id=\"asked\" class=\"quiet\">{5}</p>\n</main>\n</body>\n</html>\n",
      html_escaped(title), live ? "offline" : worst_of(lines), live ? "Not known yet" : headline_of(lines), items,
      live ? with_script : by_itself, live ? "The hub has not been asked yet." : asked, live ? led_by_hand : "");
}

nlohmann::json json_of(std::string_view title, const std::vector<StatusLine>& lines, WallTime now) {
  auto list = nlohmann::json::array();
  for (const auto& line : worth_showing(lines)) list.push_back({{"name", line.name}, {"state", line.word}});
  nlohmann::json object{{"title", title}, {"as_of", to_rfc3339(now)}, {"overall", worst_of(lines)}, {"clients", std::move(list)}};
  if (lines.size() > most_lines) object["not_listed"] = lines.size() - most_lines;
  return object;
}

Response guarded(Response response) {
  response.headers.emplace_back("Content-Security-Policy",
                                page_policy("script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'"));
  return response;
}

/// What the page is made of; `lines` is asked for at each request.
struct StatusPage {
  const Engine& engine;
  std::vector<StatusPagePick> picks;
  std::string title;
};

}  // namespace

Result<StatusPagePick> parse_status_page_pick(std::string_view text) {
  constexpr auto expected = "client ids, 'office-*' or group:NAME, each with '=Name' behind it if it is to be shown by another name";
  const auto equals = text.find('=');
  StatusPagePick pick{std::string(text.substr(0, equals)), {}};
  const std::string_view pattern = pick.pattern;
  const auto name = pattern.starts_with(group_prefix) ? pattern.substr(group_prefix.size()) : pattern;
  if (!is_valid_client_pattern(name)) return fail(Error::Kind::invalid, expected);
  if (equals == std::string_view::npos) return pick;
  pick.name = text.substr(equals + 1);
  const bool clean = std::ranges::all_of(pick.name, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; });
  if (pattern.ends_with('*') || pick.name.empty() || pick.name.size() > longest_other_name || !clean)
    return fail(Error::Kind::invalid, expected);
  return pick;
}

std::vector<StatusLine> status_lines(const Engine& engine, const std::vector<StatusPagePick>& picks, WallTime now) {
  std::vector<StatusLine> lines;
  std::set<std::string, std::less<>> shown;
  const auto add = [&](const std::string& id, const std::string& name, const ClientState* client) {
    if (!shown.insert(id).second) return;
    const auto own = id.starts_with(group_prefix) ? id.substr(group_prefix.size()) : id;
    lines.push_back({name.empty() ? own : name, word_of(client, now)});
  };
  for (const auto& pick : picks) {
    if (!pick.pattern.ends_with('*')) {
      add(pick.pattern, pick.name, engine.client(pick.pattern).get());
      continue;
    }
    KeyGrant named;
    named.clients = {pick.pattern};
    auto known = pick.pattern.starts_with(group_prefix) ? engine.groups() : engine.clients();
    std::ranges::sort(known, {}, [](const auto& client) { return client->client_id; });
    for (const auto& client : known) {
      if (named.may_report(client->client_id)) add(client->client_id, {}, client.get());
    }
  }
  return lines;
}

void add_status_page(Router& router, const Engine& engine, std::vector<StatusPagePick> picks, std::string title) {
  const auto page = std::make_shared<const StatusPage>(StatusPage{engine, std::move(picks), std::move(title)});
  router.add("GET", "/status-page", [page](const Request& request, std::string_view, const Respond& respond) {
    const auto now = wall_now();
    negotiated(request, respond)(guarded({200,
                                          "text/html; charset=utf-8",
                                          page_of(page->title, status_lines(page->engine, page->picks, now), now, request.query != "whole"),
                                          {}}));
  });
  router.add("GET", "/status-page.json", [page](const Request& request, std::string_view, const Respond& respond) {
    const auto now = wall_now();
    negotiated(request, respond)(guarded(json_response(200, json_of(page->title, status_lines(page->engine, page->picks, now), now))));
  });
  for (const auto& asset : status_page_assets()) {
    const bool script = asset.name.ends_with(".js");
    const auto* const type = script ? "text/javascript; charset=utf-8" : "text/css; charset=utf-8";
    const auto content = std::make_shared<const Content>(type, std::string(asset.body));
    router.add(
        "GET", script ? "/status-page.js" : "/status-page.css",
        [content](const Request& request, std::string_view, const Respond& respond) { respond(guarded(Wish(request).answer(*content))); });
  }
}

}  // namespace vpn_sentinel
