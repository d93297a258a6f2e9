/// A Bot API on loopback that answers as it was told, one connection at a time.
#pragma once

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace vpn_sentinel::test {

class BotApi {
 public:
  struct Answer {
    int status = 200;
    std::string body = R"({"ok":true,"result":{"message_id":1}})";
    std::string headers = {};
  };
  struct Seen {
    std::string path;
    nlohmann::json body;
    std::chrono::steady_clock::time_point when;
  };

  /// Answers are used in order; after the last one everything is delivered.
  explicit BotApi(std::deque<Answer> answers = {}) : answers_(std::move(answers)), thread_([this] { run(); }) {}
  ~BotApi() {
    stopping_ = true;
    // A connection of our own wakes accept().
    boost::system::error_code ignored;
    boost::asio::io_context io;
    boost::asio::ip::tcp::socket socket(io);
    socket.connect(endpoint_, ignored);
    {
      const std::lock_guard lock(mutex_);
      if (connection_ != nullptr) connection_->shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
    }
    thread_.join();
  }
  BotApi(const BotApi&) = delete;
  BotApi& operator=(const BotApi&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(endpoint_.port()); }

  /// Waits until `count` requests came.
  std::vector<Seen> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, std::chrono::seconds{10}, [&] { return seen_.size() >= count; });
    return seen_;
  }

 private:
  using Socket = boost::asio::ip::tcp::socket;

  void run() {
    while (!stopping_) {
      Socket socket(io_);
      boost::system::error_code error;
      acceptor_.accept(socket, error);
      if (error || stopping_) return;
      hold(&socket);
      while (serve(socket)) continue;
      hold(nullptr);
    }
  }

  void hold(Socket* socket) {
    const std::lock_guard lock(mutex_);
    connection_ = socket;
  }

  /// One request; false: the connection is at its end.
  bool serve(Socket& socket) {
    boost::system::error_code error;
    boost::asio::streambuf buffer;
    boost::asio::read_until(socket, buffer, "\r\n\r\n", error);
    if (error) return false;
    std::string text(boost::asio::buffers_begin(buffer.data()), boost::asio::buffers_end(buffer.data()));
    const auto body_at = text.find("\r\n\r\n") + 4;
    const auto missing = body_at + content_length(text) - text.size();
    std::string rest(missing, '\0');
    boost::asio::read(socket, boost::asio::buffer(rest), error);
    if (error) return false;
    const auto path_at = text.find(' ') + 1;
    const auto answer = take(text.substr(path_at, text.find(' ', path_at) - path_at), text.substr(body_at) + rest);
    if (answer.status == 0) return false;  // as a server that dies
    const auto reply = "HTTP/1.1 " + std::to_string(answer.status) + " X\r\nContent-Length: " + std::to_string(answer.body.size()) +
                       "\r\n" + answer.headers + "\r\n" + answer.body;
    boost::asio::write(socket, boost::asio::buffer(reply), error);
    return !error;
  }

  static std::size_t content_length(std::string head) {
    std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::string name = "content-length:";
    return std::stoul(head.substr(head.find(name) + name.size()));
  }

  Answer take(std::string path, const std::string& body) {
    Answer answer;
    {
      const std::lock_guard lock(mutex_);
      seen_.push_back({std::move(path), nlohmann::json::parse(body, nullptr, false), std::chrono::steady_clock::now()});
      if (!answers_.empty()) {
        answer = answers_.front();
        answers_.pop_front();
      }
    }
    came_.notify_all();
    return answer;
  }

  boost::asio::io_context io_;
  boost::asio::ip::tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
  const boost::asio::ip::tcp::endpoint endpoint_ = acceptor_.local_endpoint();
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<Answer> answers_;
  std::vector<Seen> seen_;
  Socket* connection_ = nullptr;
  std::thread thread_;
};

}  // namespace vpn_sentinel::test
