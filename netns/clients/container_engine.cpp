#include "netns/clients/container_engine.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>

#include "netns/clients/curl_multi.hpp"

namespace vpn_sentinel {
namespace {

using Json = nlohmann::json;

constexpr std::size_t most_bytes = 1024 * 1024;

struct EngineTransfer {
  std::string body;
  const std::function<bool()>* give_up = nullptr;
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* transfer) {
  auto& body = static_cast<EngineTransfer*>(transfer)->body;
  const auto bytes = size * count;
  if (body.size() + bytes > most_bytes) return 0;
  body.append(data, bytes);
  return bytes;
}

int on_progress(void* transfer, curl_off_t /*total*/, curl_off_t /*now*/, curl_off_t /*up_total*/, curl_off_t /*up_now*/) {
  return (*static_cast<EngineTransfer*>(transfer)->give_up)() ? 1 : 0;
}

Error connect_error(const std::string& socket, long code) {
  if (code == EACCES || code == EPERM) {
    return {
        Error::Kind::not_permitted,
        fmt::format("{} refuses: run the probe as root or with CAP_DAC_OVERRIDE, or add its user to the socket's group (docker)", socket)};
  }
  if (code == ENOENT) return {Error::Kind::unavailable, fmt::format("there is no {}", socket)};
  auto error = system_error(static_cast<int>(code), socket);
  error.kind = Error::Kind::unavailable;
  return error;
}

Error transfer_error(CURL* easy, CURLcode code, const std::string& socket) {
  long number = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      return connect_error(socket, number);
    case CURLE_OPERATION_TIMEDOUT:
      return {Error::Kind::timed_out, fmt::format("the container engine at {} did not answer in time", socket)};
    case CURLE_WRITE_ERROR:
      return {Error::Kind::failed, fmt::format("the answer of {} is longer than {} bytes", socket, most_bytes)};
    default:
      return {Error::Kind::failed, fmt::format("asking {}: {}", socket, curl_easy_strerror(code))};
  }
}

void set_up(CURL* easy, const std::string& socket, const std::string& url, std::chrono::milliseconds timeout, EngineTransfer& transfer) {
  curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

const Json* member(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? &*found : nullptr;
}

}  // namespace

Result<EngineAnswer> read_engine_answer(std::string_view container, long status, std::string_view body) {
  if (status == 404) return fail(Error::Kind::not_found, fmt::format("there is no container {}", container));
  if (status != 200) return fail(Error::Kind::failed, fmt::format("the container engine answered with status {}", status));
  const auto answer = Json::parse(body, nullptr, false);
  const auto* const id = member(answer, "Id");
  const auto* const state = member(answer, "State");
  const auto* const running = state ? member(*state, "Running") : nullptr;
  const auto* const pid = state ? member(*state, "Pid") : nullptr;
  if (!id || !id->is_string() || !running || !running->is_boolean() || !pid || !pid->is_number_integer()) {
    return fail(Error::Kind::failed, "the container engine's answer has no Id, State.Running or State.Pid");
  }
  const auto number = pid->get<std::int64_t>();
  if (!running->get<bool>() || number <= 0) {
    return fail(Error::Kind::not_found, fmt::format("the container {} is not running", container));
  }
  if (number > INT32_MAX) return fail(Error::Kind::failed, "the container engine's answer has an impossible State.Pid");
  return EngineAnswer{static_cast<pid_t>(number), id->get<std::string>()};
}

Result<EngineAnswer> ask_container_engine(const std::string& socket, const std::string& container, std::chrono::milliseconds timeout,
                                          const std::function<bool()>& give_up) {
  init_curl();
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(), &curl_easy_cleanup);
  if (!easy) throw std::bad_alloc();
  EngineTransfer transfer{{}, &give_up};
  // Without a version in the path the engine takes its own; both have served this answer in all of them.
  set_up(easy.get(), socket, fmt::format("http://localhost/containers/{}/json", container), timeout, transfer);
  const auto code = curl_easy_perform(easy.get());
  if (code != CURLE_OK) return fail(transfer_error(easy.get(), code, socket));
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  return read_engine_answer(container, status, transfer.body);
}

}  // namespace vpn_sentinel
