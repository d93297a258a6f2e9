#include "tests/unit/probe/delivery/loopback_hub.hpp"

#include <algorithm>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <cctype>
#include <sstream>
#include <utility>

#include "probe/report/flow_batch.hpp"
#include "probe/report/gzip.hpp"

namespace vpn_sentinel::test {

namespace asio = boost::asio;
using boost::system::error_code;

class LoopbackHub::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(LoopbackHub& hub, asio::ip::tcp::socket socket, int number) : hub_(&hub), socket_(std::move(socket)), number_(number) {}

  void read() {
    asio::async_read_until(socket_, asio::dynamic_buffer(bytes_), "\r\n\r\n",
                           [self = shared_from_this()](const error_code& error, std::size_t size) {
                             if (!error && self->hub_) self->got_head(size);
                           });
  }
  void close() {
    hub_ = nullptr;
    error_code ignored;
    socket_.close(ignored);
  }
  void reply(const Answer& answer) {
    text_ = "HTTP/1.1 " + std::to_string(answer.status) +
            " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\n" + answer.headers +
            "\r\n" + answer.body;
    asio::async_write(socket_, asio::buffer(text_), [self = shared_from_this()](const error_code& error, std::size_t) {
      if (!error && self->hub_) self->read();
    });
  }
  bool held = false;

 private:
  void got_head(std::size_t size) {
    std::istringstream head(bytes_.substr(0, size));
    bytes_.erase(0, size);
    Received request;
    request.connection = number_;
    std::string line;
    std::getline(head, line);
    request.target = line.substr(0, line.find(" HTTP/"));
    while (std::getline(head, line) && line != "\r") {
      auto name = line.substr(0, line.find(':'));
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      request.headers[name] = line.substr(name.size() + 2, line.size() - name.size() - 3);
    }
    const auto length = std::stoul(request.headers["content-length"]);
    const auto missing = length > bytes_.size() ? length - bytes_.size() : 0;
    asio::async_read(socket_, asio::dynamic_buffer(bytes_), asio::transfer_exactly(missing),
                     [self = shared_from_this(), request, length](const error_code& error, std::size_t) mutable {
                       if (!error && self->hub_) self->got_body(std::move(request), length);
                     });
  }

  void got_body(Received request, std::size_t length) {
    auto text = bytes_.substr(0, length);
    if (request.headers["content-encoding"] == "gzip") text = gunzipped(text, most_flow_batch_bytes).value_or("");
    request.body = nlohmann::json::parse(text, nullptr, false);
    bytes_.erase(0, length);
    const auto answer = hub_->answer_to(request);
    held = !answer.has_value();
    if (answer) reply(*answer);
  }

  LoopbackHub* hub_;  ///< null: closed
  asio::ip::tcp::socket socket_;
  int number_;
  std::string bytes_;
  std::string text_;
};

std::optional<Answer> LoopbackHub::answer_to(const Received& request) {
  if (request.target.ends_with("/events")) return answer_to_batch(request);
  received.push_back(request);
  return answer(request);
}

std::optional<Answer> LoopbackHub::answer_to_batch(const Received& request) {
  const auto& reports = request.body.at("reports");
  batches.push_back(reports.size());
  if (!takes_batches) return Answer{404, "", "{}"};
  if (auto whole = batch_answer(request)) return whole->status == 0 ? std::nullopt : whole;
  auto results = nlohmann::json::array();
  bool is_held = false;
  for (const auto& report : reports) {
    received.push_back(request);
    received.back().body = report;
    const auto one = answer(received.back());
    is_held = is_held || !one;
    auto result = nlohmann::json::parse(one ? one->body : "{}");
    result["status"] = one ? one->status : 200;
    results.push_back(result);
  }
  if (is_held) return std::nullopt;
  return Answer{200, "", nlohmann::json{{"status", "ok"}, {"results", results}}.dump()};
}

LoopbackHub::LoopbackHub(asio::io_context& io) : io_(io), endpoint_(asio::ip::address_v4::loopback(), 0), acceptor_(io) { start(); }

LoopbackHub::~LoopbackHub() { stop(); }

void LoopbackHub::start() {
  acceptor_ = asio::ip::tcp::acceptor(io_, endpoint_);
  endpoint_ = acceptor_.local_endpoint();
  accept();
}

void LoopbackHub::stop() {
  error_code ignored;
  acceptor_.close(ignored);
  for (const auto& connection : connections_) connection->close();
  connections_.clear();
}

void LoopbackHub::accept() {
  acceptor_.async_accept([this](const error_code& error, asio::ip::tcp::socket socket) {
    if (error) return;  // stopped, perhaps destroyed: `this` is not touched
    const auto connection = std::make_shared<Connection>(*this, std::move(socket), ++accepted_);
    connections_.push_back(connection);
    connection->read();
    accept();
  });
}

void LoopbackHub::release() {
  for (const auto& connection : connections_) {
    if (std::exchange(connection->held, false)) connection->reply(Answer{});
  }
}

std::string LoopbackHub::seqs() const {
  std::string text;
  for (const auto& request : received) text += (text.empty() ? "" : " ") + request.body.at("seq").dump();
  return text;
}

}  // namespace vpn_sentinel::test
