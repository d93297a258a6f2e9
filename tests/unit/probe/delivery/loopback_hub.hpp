/// A hub for the sender's tests: HTTP/1.1 on 127.0.0.1, on the test's own loop. Records what comes and answers as it is told.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace vpn_sentinel::test {

struct Received {
  std::string target;
  std::map<std::string, std::string> headers;  ///< names in lower case
  nlohmann::json body;
  int connection = 0;  ///< 1, 2, … in the order of accept
};

struct Answer {
  int status = 200;
  std::string headers;  ///< lines with CRLF
  std::string body = R"({"status":"ok"})";
};

class LoopbackHub {
 public:
  explicit LoopbackHub(boost::asio::io_context& io);
  ~LoopbackHub();
  LoopbackHub(const LoopbackHub&) = delete;
  LoopbackHub& operator=(const LoopbackHub&) = delete;

  [[nodiscard]] std::string port() const { return std::to_string(endpoint_.port()); }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + port(); }
  /// "1 2 3": the seqs in the order in which they came.
  [[nodiscard]] std::string seqs() const;
  /// Answers what was held, with 200.
  void release();
  /// Connections are refused and the open ones closed, until start().
  void stop();
  void start();

  std::vector<Received> received;  ///< reports: those of a batch one by one
  /// Without: 404 for a batch. With: `answer` is asked for each report of it; when it is nullopt for one, the batch is held.
  bool takes_batches = false;
  std::vector<std::size_t> batches;  ///< how many reports were in each request for a batch
  /// In place of the answer to a whole batch; status 0: held.
  std::function<std::optional<Answer>(const Received&)> batch_answer = [](const Received&) { return std::nullopt; };
  /// nullopt: held until release().
  std::function<std::optional<Answer>(const Received&)> answer = [](const Received&) { return Answer{}; };

 private:
  class Connection;

  [[nodiscard]] std::optional<Answer> answer_to(const Received& request);
  [[nodiscard]] std::optional<Answer> answer_to_batch(const Received& request);
  void accept();

  boost::asio::io_context& io_;
  boost::asio::ip::tcp::endpoint endpoint_;
  boost::asio::ip::tcp::acceptor acceptor_;
  int accepted_ = 0;
  std::vector<std::shared_ptr<Connection>> connections_;  ///< a held one has no operation that would keep it alive
};

}  // namespace vpn_sentinel::test
