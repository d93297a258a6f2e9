#include "probe/app/enroll_command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "netns/base/fd.hpp"
#include "netns/base/text.hpp"
#include "netns/clients/http_client.hpp"
#include "netns/daemon/exit_codes.hpp"
#include "probe/app/probe_settings.hpp"
#include "probe/report/report.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::chrono::seconds hub_patience{20};
constexpr std::size_t most_shown = 200;
constexpr std::size_t longest_key = 128;
constexpr int exit_not_enrolled = 1;
constexpr std::array<std::string_view, 4> names{"url", "api_key", "client_id", "group"};

int refused(const std::string& why) {
  fmt::print(stderr, "vpn-sentinel-probe: {}\n", without_control_characters(why));
  return exit_not_enrolled;
}

Result<HttpResponse> ask(const EnrollWish& wish) {
  boost::asio::io_context io{1};
  HttpClient client(io);
  HttpRequest request;
  request.method = "POST";
  request.url = wish.url.substr(0, wish.url.find_last_not_of('/') + 1) + wish.api_path + "/enrol";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = nlohmann::json{{"code", wish.code}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  request.timeout = hub_patience;
  request.ca_file = wish.ca_file;
  Result<HttpResponse> answer = fail(Error::Kind::timed_out, "the hub did not answer");
  client.send(std::move(request), [&](Result<HttpResponse> reply) {
    answer = std::move(reply);
    io.stop();
  });
  io.run_for(hub_patience + std::chrono::seconds{1});
  return answer;
}

/// Letters that need no escape in TOML and in no header.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

std::string text_of(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// True for `name = …` and `"name" = …`, not for a comment.
bool sets(std::string_view line, std::string_view name) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t\""), line.size()));
  if (!line.starts_with(name)) return false;
  line.remove_prefix(name.size());
  line.remove_prefix(std::min(line.find_first_not_of(" \t\""), line.size()));
  return line.starts_with('=');
}

bool write_whole(const Fd& fd, std::string_view text) {
  while (!text.empty()) {
    const auto count = write(fd.get(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::string in_quotes(std::string_view text) { return fmt::format("\"{}\"", text); }

/// The file's owner and group stay: a probe without root's rights has to read it.
bool keep_owner(const Fd& fd, const std::string& path) {
  struct stat owner {};
  return geteuid() != 0 || stat(path.c_str(), &owner) != 0 || fchown(fd.get(), owner.st_uid, owner.st_gid) == 0;
}

int cannot_write(const std::string& path) {
  fmt::print(stderr, "vpn-sentinel-probe: {}\n", system_error(errno, fmt::format("the settings file {} cannot be written", path)).message);
  return exit_cannot_create;
}

}  // namespace

Result<Enrolled> parse_enrolled(long status, const std::string& body) {
  const auto answer = nlohmann::json::parse(body, nullptr, false);
  if (!answer.is_object()) return fail(Error::Kind::invalid, fmt::format("what answers with status {} is no hub", status));
  if (status != 200)
    return fail(Error::Kind::invalid,
                fmt::format("the hub refuses (status {}): {}", status, text_of(answer, "message").substr(0, most_shown)));
  Enrolled enrolled{text_of(answer, "client_id"), text_of(answer, "group"), text_of(answer, "key")};
  const bool right = is_valid_client_id(enrolled.client_id) && (enrolled.group.empty() || is_valid_client_id(enrolled.group)) &&
                     !enrolled.key.empty() && enrolled.key.size() <= longest_key && is_plain(enrolled.key) &&
                     is_plain(enrolled.client_id) && is_plain(enrolled.group);
  if (!right) return fail(Error::Kind::invalid, "the hub's answer has no client_id and key that this probe could use");
  return enrolled;
}

std::string with_enrolled(const std::string& text, const std::string& url, const Enrolled& enrolled) {
  std::string fresh = fmt::format("# From 'vpn-sentinel-probe enroll':\nurl = [{}]\napi_key = {}\nclient_id = {}\n", in_quotes(url),
                                  in_quotes(enrolled.key), in_quotes(enrolled.client_id));
  if (!enrolled.group.empty()) fresh += fmt::format("group = {}\n", in_quotes(enrolled.group));
  bool in_table = false;
  bool in_list = false;
  for (std::string_view rest = text; !rest.empty();) {
    const auto line = rest.substr(0, std::min(rest.find('\n'), rest.size() - 1) + 1);
    rest.remove_prefix(line.size());
    const auto first = line.find_first_not_of(" \t");
    in_table = in_table || (!in_list && first != std::string_view::npos && line.at(first) == '[');
    const bool replaced = !in_table && (in_list || std::ranges::any_of(names, [&](auto name) { return sets(line, name); }));
    if (replaced) {  // a list may go on over several lines
      const bool opens = !in_list && line.find('[') != std::string_view::npos;
      in_list = (in_list || opens) && line.find(']') == std::string_view::npos;
    } else if (!line.starts_with("# From 'vpn-sentinel-probe enroll'")) {
      fresh += line;
      if (!line.ends_with('\n')) fresh += '\n';
    }
  }
  return fresh;
}

int enroll_command(const EnrollWish& wish) {
  const bool plain_url = std::ranges::none_of(wish.url, [](char c) { return c <= ' ' || c == '"' || c == '\\' || c == 0x7f; });
  if (!plain_url || !(wish.url.starts_with("http://") || wish.url.starts_with("https://"))) {
    return refused(fmt::format("URL = '{}': expected an http:// or https:// URL such as https://hub.example:5000", wish.url));
  }
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(wish.file).parent_path(), ignored);
  const auto fresh = fmt::format("{}.{}.new", wish.file, getpid());
  unlink(fresh.c_str());
  const Fd fd(open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return cannot_write(wish.file);
  const auto give_up = [&fresh](int code) {
    unlink(fresh.c_str());
    return code;
  };
  const auto answer = ask(wish);
  if (!answer) return give_up(refused(answer.error().message));
  const auto enrolled = parse_enrolled(answer->status, answer->body);
  if (!enrolled) return give_up(refused(enrolled.error().message));
  std::ifstream before(wish.file);
  const std::string text((std::istreambuf_iterator<char>(before)), {});
  if (!write_whole(fd, with_enrolled(text, wish.url, *enrolled)) || !keep_owner(fd, wish.file) || fsync(fd.get()) != 0) {
    return give_up(cannot_write(wish.file));
  }
  if (const auto read = load_settings(probe_setting_rows(), {}, {}, fresh, true); !read) {
    return give_up(
        refused(fmt::format("{} stays as it was, because with the key it could not be read: {}; the key is lost, ask for another code",
                            wish.file, read.error().message)));
  }
  if (rename(fresh.c_str(), wish.file.c_str()) != 0) return give_up(cannot_write(wish.file));
  fmt::print("This probe is '{}' at {}; its key is in {}. Start or restart the probe now.\n", enrolled->client_id, wish.url, wish.file);
  return 0;
}

}  // namespace vpn_sentinel
