#include "hub/http/badge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hub/http/keyring.hpp"
#include "hub/http/negotiation.hpp"
#include "hub/http/reply.hpp"
#include "hub/state/view.hpp"

namespace vpn_sentinel {
namespace {

/// Of the letters in the picture, in tenths of a pixel: wide enough for the widest font that a browser may take.
constexpr std::size_t letter_width = 72;
constexpr std::size_t margin = 12;
/// A longer name is cut.
constexpr std::size_t longest_shown_name = 40;

std::size_t width_of(std::string_view text) { return text.size() * letter_width / 10 + margin; }

std::string xml_escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    const bool plain = c >= ' ' && c <= '~' && std::string_view("<>&\"'").find(c) == std::string_view::npos;
    safe += plain ? std::string(1, c) : fmt::format("&#{};", c >= ' ' && c <= '~' ? static_cast<int>(c) : '?');
  }
  return safe;
}

}  // namespace

BadgeLook badge_look(const ClientState* client, WallTime now) {
  constexpr std::string_view grey = "#6b7480";
  if (client == nullptr) return {"unknown", grey};
  // Of a group the members decide, and the engine has judged their silence already.
  if (!client->is_group() && is_overdue(*client, now)) return {"overdue", grey};
  switch (client->state) {
    case State::secure:
      return {"secure", "#14713f"};
    case State::warning:
      return {"warning", "#8a5800"};
    case State::contained:
      return {"contained", "#1d5fbf"};
    case State::danger:
      return {"danger", "#bd1f2a"};
    case State::offline:
      break;
  }
  return {"offline", grey};
}

std::string badge_svg(std::string_view name, const BadgeLook& look) {
  const auto text = name.size() > longest_shown_name ? std::string(name.substr(0, longest_shown_name - 2)) + ".." : std::string(name);
  const auto left = width_of(text);
  const auto right = width_of(look.word);
  const auto safe = xml_escaped(text);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"20\" role=\"img\" aria-label=\"{1}: {2}\"><title>{1}: {2}</title>"
      "<clipPath id=\"r\"><rect width=\"{0}\" height=\"20\" rx=\"4\"/></clipPath><g clip-path=\"url(#r)\">"
      "<rect width=\"{3}\" height=\"20\" fill=\"#3b4450\"/><rect x=\"{3}\" width=\"{4}\" height=\"20\" fill=\"{5}\"/></g>"
      "<g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\" text-anchor=\"middle\">"
      "<text x=\"{6}\" y=\"14\">{1}</text><text x=\"{7}\" y=\"14\" font-weight=\"bold\">{2}</text></g></svg>\n",
      left + right, safe, look.word, left, right, look.colour, left / 2, left + right / 2);
}

void add_badge_route(Router& router, const Engine& engine, std::vector<std::string> patterns) {
  KeyGrant named;
  named.clients = std::move(patterns);
  router.add("GET", "/badge/{id}.svg",
             [&engine, named = std::move(named)](const Request& request, std::string_view part, const Respond& respond) {
               const std::string id(part);
               const auto client = engine.client(id);
               // Who may not be seen and who is not there look alike.
               if (!client || !named.may_report(id)) return respond(error_response(404, "Not found", "There is no such badge"));
               Response response{200, "image/svg+xml", badge_svg(id, badge_look(client.get(), wall_now())), {}};
               response.headers = {{"Content-Security-Policy", page_policy("")}, {"X-Content-Type-Options", "nosniff"}};
               negotiated(request, respond)(std::move(response));
             });
}

}  // namespace vpn_sentinel
