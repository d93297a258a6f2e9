/// The same names asked by the programs' own resolver and by a public one: does somebody give out other addresses? Tolerant of content
/// networks, which give every asker others.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netns/clients/dns_client.hpp"
#include "netns/clients/resolv_conf.hpp"
#include "probe/verdict/dns_view.hpp"

namespace vpn_sentinel {

enum class AnswerComparison : std::uint8_t {
  same,          ///< or no more different than two places of one content network
  differ,        ///< no such name against addresses; addresses that are not public against public ones
  not_compared,  ///< one side gave no usable answer
};
/// Of two answers to one question for addresses. Pure.
[[nodiscard]] AnswerComparison compare_answers(const DnsAnswer& own, const DnsAnswer& other);

/// Whether an address can be somebody's on the Internet: not private, shared, loopback, link-local, multicast or unspecified. Addresses
/// kept for documentation and benchmarks count as public. Pure.
[[nodiscard]] bool may_be_public(const IpAddress& address);

struct CompareRequest {
  SocketOpener open_socket;
  NameServer own;
  Endpoint other;
  std::vector<std::string> names;
  std::chrono::milliseconds timeout{2000};
};

class AnswerCompare {
 public:
  using Handler = std::function<void(std::vector<AnswerDifference>)>;
  /// `dns` outlives it.
  explicit AnswerCompare(DnsClient& dns) : dns_(dns) {}
  ~AnswerCompare() { stop(); }
  AnswerCompare(const AnswerCompare&) = delete;
  AnswerCompare& operator=(const AnswerCompare&) = delete;
  /// The handler is called once, on the loop, from inside run() only when there is no name; not at all after stop() or the next run().
  void run(CompareRequest request, Handler handler);
  void stop();

 private:
  struct Round;

  void ask(const Endpoint& server, const std::string& device, std::size_t place, bool is_own);
  void take(std::size_t place, bool is_own, const Result<DnsAnswer>& answer);

  DnsClient& dns_;
  std::shared_ptr<Round> round_;
};

}  // namespace vpn_sentinel
