// What each channel sends for a notice, and what it makes of the answer.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "hub/alert/channel_config.hpp"
#include "hub/alert/channel_message.hpp"
#include "hub/alert/channel_reply.hpp"
#include "hub/alert/mail_message.hpp"
#include "hub/alert/notice_words.hpp"
#include "netns/base/random.hpp"
#include "tests/unit/hub/make.hpp"

BOOST_AUTO_TEST_SUITE(channel)

using namespace vpn_sentinel;
using nlohmann::json;
using test::at;
using Kind = ChannelConfig::Kind;

namespace {

Notice danger() {
  Notice notice;
  notice.kind = Notice::Kind::leak;
  notice.title = "🔴 LEAK: packets have left outside the VPN";
  notice.client_id = "office";
  notice.to = State::danger;
  notice.at = at(60);
  notice.noticed = at(61);
  notice.reasons = {{"default_route_outside", "danger", "Traffic goes by 203.0.113.1.", "Start the VPN.", {{"gateway", "203.0.113.1"}}}};
  notice.facts = {{"Since", "2026-11-21 10:01:00 UTC"},
                  {"VPN IP", "198.51.100.2", true, Notice::Line::Part::where, Notice::Line::Look::literal},
                  {"Note", "*bold* <!channel> @everyone & \"quotes\"", false, Notice::Line::Part::where}};
  return notice;
}

ChannelConfig channel_of_kind(Kind kind) {
  ChannelConfig channel;
  channel.name = "phone";
  channel.kind = kind;
  channel.url = "https://example.org/hook";
  return channel;
}

std::string header_of(const HttpRequest& request, const std::string& name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Result<std::vector<ChannelConfig>> read(const std::string& text) {
  auto parsed = toml::parse(text, std::string("alerts.toml"));
  BOOST_REQUIRE(bool(parsed));
  return parse_channels(parsed.table(), "alerts.toml", {{"TOKEN", "secret-of-the-environment"}});
}

std::string problem_of(const std::string& text) {
  const auto channels = read(text);
  return channels ? "" : channels.error().message;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_webhook_gets_all_fields_and_a_signature_over_time_and_body) {
  auto channel = channel_of_kind(Kind::webhook);
  channel.secret = "key";
  const auto request = channel_request(channel, danger(), "17-abc", at(90));
  const auto body = json::parse(request.body);
  BOOST_TEST(body.at("id") == "17-abc");
  BOOST_TEST(body.at("kind") == "leak");
  BOOST_TEST(body.at("client_id") == "office");
  BOOST_TEST(body.at("to") == "danger");
  BOOST_TEST(body.at("reasons")[0].at("code") == "default_route_outside");
  BOOST_TEST(header_of(request, "X-VPN-Sentinel-Id") == "17-abc");
  const auto time = header_of(request, "X-VPN-Sentinel-Timestamp");
  BOOST_TEST(header_of(request, "X-VPN-Sentinel-Signature") == webhook_signature("key", time, request.body));
  BOOST_TEST(webhook_signature("key", "1795255200", "{}") == "sha256=54309a93ad30058e3c3e9d79bebfb311e90739da2404c6052ea48545a16e7e52");
  BOOST_TEST(webhook_signature("key", "1", "x") != webhook_signature("key", "2", "x"));
  BOOST_TEST(webhook_signature("key", "1", "x") != webhook_signature("other", "1", "x"));
}

BOOST_AUTO_TEST_CASE(a_template_is_filled_and_what_stands_for_placeholders_is_escaped) {
  auto channel = channel_of_kind(Kind::webhook);
  channel.text_template = NoticeTemplate::parse(R"({"msg":"{{title}}","who":"{{ client }}","text":"{{text}}"})").value();
  const auto body = json::parse(channel_request(channel, danger(), "1", at(0)).body);
  BOOST_TEST(body.at("who") == "office");
  BOOST_TEST(has(body.at("text").get<std::string>(), "\"quotes\""));
  BOOST_TEST(has(NoticeTemplate::parse("{{nothing}}").error().message, "expected one of title, text"));
  BOOST_TEST(!NoticeTemplate::parse("{{title").has_value());
  BOOST_TEST(!NoticeTemplate::parse(std::string(17'000, 'x')).has_value());
}

BOOST_AUTO_TEST_CASE(ntfy_gets_title_priority_and_tags) {
  auto channel = channel_of_kind(Kind::ntfy);
  channel.topic = "vpn";
  channel.secret = "tk_1";
  const auto request = channel_request(channel, danger(), "1", at(0));
  const auto body = json::parse(request.body);
  BOOST_TEST(body.at("topic") == "vpn");
  BOOST_TEST(body.at("title") == danger().title);
  BOOST_TEST(body.at("priority") == 5);
  BOOST_TEST((body.at("tags") == json{"leak", "danger"}));
  BOOST_TEST(header_of(request, "Authorization") == "Bearer tk_1");
  channel.user = "ann";
  channel.quiet = true;
  const auto quiet = channel_request(channel, danger(), "1", at(0));
  BOOST_TEST(header_of(quiet, "Authorization") == "Basic YW5uOnRrXzE=");
  BOOST_TEST(json::parse(quiet.body).at("priority") == 2);
}

BOOST_AUTO_TEST_CASE(nobody_is_called_by_a_name_from_outside_in_discord_and_slack) {
  const auto discord = channel_request(channel_of_kind(Kind::discord), danger(), "1", at(0));
  const auto body = json::parse(discord.body);
  BOOST_TEST(has(discord.url, "?wait=true"));
  BOOST_TEST(body.at("allowed_mentions").at("parse").empty());
  BOOST_TEST(has(body.at("content").get<std::string>(), "\\(office\\)"));
  BOOST_TEST(has(body.at("embeds")[0].at("description").get<std::string>(), "\\*bold\\*"));
  const auto slack = json::parse(channel_request(channel_of_kind(Kind::slack), danger(), "1", at(0)).body);
  BOOST_TEST(has(slack.at("text").get<std::string>(), "&lt;!channel&gt;"));
}

BOOST_AUTO_TEST_CASE(apprise_gets_the_type_by_how_bad_it_is) {
  auto channel = channel_of_kind(Kind::apprise);
  channel.tags = "admins";
  const auto body = json::parse(channel_request(channel, danger(), "1", at(0)).body);
  BOOST_TEST(body.at("type") == "failure");
  BOOST_TEST(body.at("tag") == "admins");
}

BOOST_AUTO_TEST_CASE(privacy_leaves_every_address_out_of_every_channel) {
  const StoredAlert alert{1, "phone", to_text(danger()), at(0), 0};
  for (const auto kind : {Kind::webhook, Kind::ntfy, Kind::discord, Kind::slack, Kind::apprise}) {
    const auto request = channel_request(channel_of_kind(kind), notice_to_send(alert, true), "1", at(0));
    BOOST_TEST(!has(request.body, "203.0.113"), request.body);
    BOOST_TEST(!has(request.body, "198.51.100"), request.body);
  }
  const auto html = mail_html(notice_to_send(alert, true));
  BOOST_TEST((!has(html, "203.0.113") && !has(html, "198.51.100")));
  BOOST_TEST(has(html, "[address]"));
  BOOST_TEST(without_addresses("via 203.0.113.1, dev 2001:db8::9 and [::1]:53 at 10:01:09.") ==
             "via [address], dev [address] and [[address]]:53 at 10:01:09.");
}

BOOST_AUTO_TEST_CASE(lines_that_do_not_fit_are_left_out_as_a_whole) {
  auto notice = danger();
  for (int i = 0; i < 60; ++i) notice.facts.push_back({"Fact", std::string(200, 'x')});
  const auto body = plain_body(notice, 1'000);
  BOOST_TEST(body.size() <= 1'000U);
  BOOST_TEST(body.ends_with(std::string(200, 'x')));
  const auto discord = json::parse(channel_request(channel_of_kind(Kind::discord), notice, "1", at(0)).body);
  BOOST_TEST(discord.at("embeds")[0].at("description").get<std::string>().size() <= 4'096U);
}

BOOST_AUTO_TEST_CASE(a_mail_has_both_forms_a_steady_id_and_a_subject_in_ascii) {
  auto channel = channel_of_kind(Kind::smtp);
  channel.from = "Sentinel <alerts@example.org>";
  channel.recipients = {"ann@example.org", "Bört <b@example.org>"};
  const auto mail = mail_request(channel, danger(), "17-abc", at(0));
  BOOST_TEST(mail.from == "alerts@example.org");
  BOOST_TEST((mail.recipients == std::vector<std::string>{"ann@example.org", "b@example.org"}));
  const std::map<std::string, std::string> headers(mail.headers.begin(), mail.headers.end());
  BOOST_TEST(headers.at("Message-ID") == "<17-abc@example.org>");
  BOOST_TEST(headers.at("Date") == "Sat, 21 Nov 2026 10:00:00 +0000");
  BOOST_TEST(headers.at("Subject").starts_with("=?UTF-8?B?"));
  for (const auto& [name, value] : headers) {
    BOOST_TEST(std::ranges::all_of(value, [](char c) { return c >= 0x20 && c < 0x7f; }), name);
  }
  BOOST_TEST(has(mail.html, "&lt;!channel&gt;"));
  BOOST_TEST(has(mail.text, "What to do: Start the VPN."));
}

BOOST_AUTO_TEST_CASE(answers_say_what_becomes_of_the_message) {
  using enum Delivery::Kind;
  const auto kind = [](Kind channel, long status, const char* body) { return read_channel_reply(channel, status, body, {}).kind; };
  BOOST_TEST((kind(Kind::webhook, 204, "") == delivered));
  BOOST_TEST((kind(Kind::ntfy, 200, R"({"id":"x"})") == delivered));
  BOOST_TEST((kind(Kind::ntfy, 200, "<html>log in</html>") == try_again));
  BOOST_TEST((kind(Kind::discord, 200, R"({"id":"1"})") == delivered));
  BOOST_TEST((kind(Kind::slack, 200, "ok") == delivered));
  BOOST_TEST((kind(Kind::slack, 200, "<html>") == try_again));
  BOOST_TEST((kind(Kind::apprise, 204, "") == wrong_setup));
  BOOST_TEST((kind(Kind::apprise, 424, "") == try_again));
  BOOST_TEST((kind(Kind::webhook, 302, "") == wrong_setup));
  BOOST_TEST((kind(Kind::webhook, 404, "") == wrong_setup));
  BOOST_TEST((kind(Kind::discord, 400, R"({"message":"bad"})") == refused));
  BOOST_TEST((kind(Kind::webhook, 413, "") == bad_text));
  BOOST_TEST((kind(Kind::webhook, 503, "") == try_again));
  const auto limited = read_channel_reply(Kind::discord, 429, R"({"retry_after":1.5,"message":"slow"})", {});
  BOOST_TEST((limited.pause == std::chrono::milliseconds{1500}));
  BOOST_TEST(limited.reason == "HTTP 429: slow");
  BOOST_TEST((read_channel_reply(Kind::webhook, 429, "", std::chrono::seconds{7}).pause == std::chrono::milliseconds{7000}));
}

BOOST_AUTO_TEST_CASE(the_file_makes_channels_with_secrets_from_elsewhere) {
  const auto channels = read(R"(
[[channel]]
name = "phone"
kind = "telegram"
token_env = "TOKEN"
chat = -42
topic = 7
[[channel]]
name = "mail"
kind = "smtp"
host = "mail.example.org"
tls = "tls"
from = "a@example.org"
to = ["b@example.org"]
privacy = true
)");
  BOOST_REQUIRE(channels.has_value());
  BOOST_TEST(channels->at(0).secret == "secret-of-the-environment");
  BOOST_TEST(channels->at(0).chat == "-42");
  BOOST_TEST((channels->at(0).thread == 7));
  BOOST_TEST(channels->at(1).url == "smtps://mail.example.org:465");
  BOOST_TEST(channels->at(1).privacy);
}

BOOST_AUTO_TEST_CASE(a_secret_without_a_folder_is_one_of_the_hubs_credentials) {
  const auto folder = std::filesystem::temp_directory_path() / ("vpn-sentinel-" + random_hex(8));
  std::filesystem::create_directories(folder / "hub.credentials");
  std::filesystem::create_directories(folder / "handed-over");
  std::ofstream(folder / "hub.credentials/pager") << "of-the-folder\n";
  std::ofstream(folder / "handed-over/vpn-sentinel_pager") << "of-systemd\n";
  const std::string file = folder / "alerts.toml";
  const auto document =
      toml::parse("[[channel]]\nname = \"pager\"\nkind = \"webhook\"\nurl = \"https://example.org/\"\nsecret_file = \"pager\"\n");
  BOOST_REQUIRE(bool(document));
  const auto secret = [&](const std::map<std::string, std::string>& environment) {
    const auto channels = parse_channels(document.table(), file, environment);
    return channels ? channels->front().secret : channels.error().message;
  };
  BOOST_TEST(secret({}) == "of-the-folder");
  BOOST_TEST(secret({{"CREDENTIALS_DIRECTORY", folder / "handed-over"}}) == "of-systemd");
  // What came after the start was not handed over: the message names the place, and nothing else is taken for it.
  BOOST_TEST(has(secret({{"CREDENTIALS_DIRECTORY", folder}}), (folder / "vpn-sentinel_pager").string() + "' cannot be read"));
  std::filesystem::remove_all(folder);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_in_the_file_is_named_with_line_channel_and_key) {
  const std::string hook = "[[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"https://example.org/x\"\n";
  BOOST_TEST(problem_of(hook).empty());
  BOOST_TEST(has(problem_of(hook + "speed = 1\n"), "alerts.toml:5: channel 'hook': speed: is not known: expected name, kind, url"));
  BOOST_TEST(has(problem_of(hook + "template = \"{{x}}\"\n"), "alerts.toml:5: channel 'hook': template: {{x}}: expected one of"));
  BOOST_TEST(has(problem_of(hook + "url_file = \"/nowhere\"\n"), "expected only one of url, url_file and url_env"));
  BOOST_TEST(has(problem_of(hook + hook), "there is another one of that name"));
  BOOST_TEST(has(problem_of("[[channel]]\nname = \"Hook\"\n"), "name: 'Hook': expected 1-32 of a-z, 0-9 and -"));
  BOOST_TEST(has(problem_of("[[channel]]\nname = \"x\"\nkind = \"pigeon\"\n"), "kind: 'pigeon': expected telegram, webhook"));
  BOOST_TEST(has(problem_of("[[channel]]\nname = \"x\"\nkind = \"telegram\"\nchat = 1\n"), "token: is missing"));
  BOOST_TEST(has(problem_of("[[channel]]\nname = \"x\"\nkind = \"slack\"\nurl = \"ftp://secret\"\n"), "url: expected a URL"));
  BOOST_TEST(!has(problem_of("[[channel]]\nname = \"x\"\nkind = \"slack\"\nurl = \"ftp://secret\"\n"), "secret"));
  BOOST_TEST(has(problem_of("channel = 1\n"), "channels are written as [[channel]] tables"));
  const std::string mail = "[[channel]]\nname = \"m\"\nkind = \"smtp\"\nhost = \"h\"\nfrom = \"a@b\"\nto = [\"c@d\"]\n";
  BOOST_TEST(problem_of(mail).empty());
  BOOST_TEST(has(problem_of(mail + "tls = \"none\"\nuser = \"u\"\npassword = \"p\"\n"), "expected starttls or tls"));
}

BOOST_AUTO_TEST_SUITE_END()
