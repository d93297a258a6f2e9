#include "hub/alert/telegram_reply.hpp"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

BOOST_AUTO_TEST_SUITE(telegram_reply)

using namespace vpn_sentinel;
using namespace std::chrono_literals;
using Kind = TelegramReply::Kind;

BOOST_AUTO_TEST_CASE(the_answer_decides_what_happens_to_the_message) {
  struct Row {
    long status;
    const char* body;
    Kind kind;
  };
  for (const auto& row :
       {Row{200, R"({"ok":true,"result":{}})", Kind::delivered},
        Row{200, "<html>please log in</html>", Kind::try_again},
        Row{200, R"({"ok":false})", Kind::try_again},
        Row{400, R"({"ok":false,"description":"Bad Request: can't parse entities"})", Kind::bad_text},
        Row{400, R"({"ok":false,"description":"Bad Request: message is too long"})", Kind::bad_text},
        Row{400, R"({"ok":false,"description":"Bad Request: chat not found"})", Kind::wrong_setup},
        Row{400, R"({"ok":false,"description":"Bad Request: message text is empty"})", Kind::bad_text},
        Row{400, R"({"ok":false,"description":"Bad Request: need administrator rights in the channel chat"})", Kind::wrong_setup},
        Row{400, R"({"ok":false,"description":"Bad Request: message thread not found"})", Kind::wrong_setup},
        Row{400, R"({"ok":false,"description":"Bad Request: words of a later version"})", Kind::refused},
        Row{400, R"({"ok":false})", Kind::refused},
        Row{413, R"({"ok":false,"description":"Request Entity Too Large"})", Kind::refused},
        Row{413, "<html>nginx</html>", Kind::try_again},
        Row{400, R"({"ok":false,"description":"Bad Request: not enough rights to send text messages to the chat"})", Kind::wrong_setup},
        Row{400, R"({"ok":false,"description":"Bad Request: TOPIC_CLOSED"})", Kind::wrong_setup},
        Row{400, "<html>400 Bad Request, message is too long</html>", Kind::try_again},
        Row{400, R"({"description":"message is too long"})", Kind::try_again},
        Row{400, "", Kind::try_again},
        Row{401, R"({"ok":false,"description":"Unauthorized"})", Kind::wrong_setup},
        Row{403, R"({"ok":false,"description":"Forbidden: bot was blocked by the user"})", Kind::wrong_setup},
        Row{404, R"({"ok":false,"description":"Not Found"})", Kind::wrong_setup},
        Row{400, R"({"ok":false,"description":"group chat was upgraded","parameters":{"migrate_to_chat_id":-1001}})", Kind::chat_moved},
        Row{429, R"({"ok":false,"parameters":{"retry_after":7}})", Kind::try_again},
        Row{502, "bad gateway", Kind::try_again},
        Row{302, "", Kind::try_again}}) {
    const auto reply = read_telegram_reply(row.status, row.body, std::nullopt);
    BOOST_TEST_CONTEXT(row.status << " " << row.body << " " << reply.reason) {
      BOOST_TEST((reply.kind == row.kind));
      BOOST_TEST(reply.reason.empty() == (row.kind == Kind::delivered));
    }
  }
}

BOOST_AUTO_TEST_CASE(the_servers_wish_for_a_pause_is_kept_within_reason) {
  BOOST_TEST((read_telegram_reply(429, R"({"parameters":{"retry_after":7}})", 3s).pause == 7s));
  BOOST_TEST((read_telegram_reply(429, "", 3s).pause == 3s));
  BOOST_TEST((read_telegram_reply(429, R"({"parameters":{"retry_after":1e300}})", {}).pause == 1h));
  BOOST_TEST((read_telegram_reply(429, R"({"parameters":{"retry_after":-5}})", {}).pause == 1s));
  BOOST_TEST(!read_telegram_reply(500, R"({"parameters":"x"})", {}).pause.has_value());
}

BOOST_AUTO_TEST_CASE(a_group_that_moved_names_its_new_id) {
  const auto reply = read_telegram_reply(400, R"({"ok":false,"parameters":{"migrate_to_chat_id":-1001234567890}})", {});
  BOOST_TEST(reply.new_chat_id == "-1001234567890");
}

BOOST_AUTO_TEST_CASE(plain_text_has_neither_tags_nor_entities) {
  BOOST_TEST(plain_text("🔴 <b>DANGER</b>: <code>a&lt;b&gt; &amp;amp; &quot;c&quot;</code>") == "🔴 DANGER: a<b> &amp; \"c\"");
}

BOOST_AUTO_TEST_CASE(the_request_is_what_the_bot_api_expects) {
  const auto html = nlohmann::json::parse(telegram_body({"-42"}, "<b>x</b>", true));
  BOOST_TEST(html.at("chat_id") == "-42");
  BOOST_TEST(html.at("text") == "<b>x</b>");
  BOOST_TEST(html.at("parse_mode") == "HTML");
  BOOST_TEST(!nlohmann::json::parse(telegram_body({"-42"}, "x", false)).contains("parse_mode"));
}

BOOST_AUTO_TEST_SUITE_END()
