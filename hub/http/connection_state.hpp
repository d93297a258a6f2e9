/// One connection as its two parts see it: connection.cpp reads requests, connection_reply.cpp has them answered. For nobody else.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hub/http/listener.hpp"
#include "hub/http/loop.hpp"
#include "hub/http/reply.hpp"
#include "hub/http/request_reader.hpp"
#include "hub/http/session.hpp"
#include "hub/http/stream.hpp"

namespace vpn_sentinel {

class Connection final : public Session {
 public:
  Connection(Loop& loop, Stream stream, std::unique_ptr<Slot> slot, std::string peer_address)
      : loop_(loop), stream_(std::move(stream)), slot_(std::move(slot)), peer_address_(std::move(peer_address)) {
    // A new connection has to say something soon.
    const bool tls = options().tls != nullptr;
    enter(tls ? Phase::handshake : Phase::fresh, tls ? options().handshake_timeout : options().header_timeout);
  }

  void start();
  void read_more();
  void sweep(MonoTime now) override;
  void answer(std::uint64_t request, Response response) override;
  void begin_stop() override;
  void abort() override { close(); }

 private:
  enum class Phase { handshake, fresh, idle, header, body, handling, writing, lingering, closed };

  [[nodiscard]] const ListenOptions& options() const { return slot_->listener().options; }
  [[nodiscard]] bool is_reading() const {
    return phase_ == Phase::fresh || phase_ == Phase::idle || phase_ == Phase::header || phase_ == Phase::body;
  }
  void enter(Phase phase, std::chrono::milliseconds limit) {
    phase_ = phase;
    deadline_ = mono_now() + limit;
  }

  void on_readable();
  void shake_hands();
  void handshake_failed();
  void go_on();
  void advance();
  void settle();
  void rest(Rest rest);
  void work();
  bool read_request();
  bool consents();
  void go_on_with_body();
  void dispatch();
  void call_route(const Request& request);
  bool try_upgrade(const Request& request);
  void refuse(const Response& response);
  void write(const Response& response);
  void write_some();
  void wait_writable();
  void reply_written();
  void linger();
  void close();

  Loop& loop_;
  Stream stream_;
  std::unique_ptr<Slot> slot_;  ///< null once closed
  const std::string peer_address_;
  std::unique_ptr<RequestReader> reader_;  ///< of a request under way: an idle connection has none
  std::string buffer_;                     ///< bytes of an unfinished or of the next request; empty while idle
  std::string_view input_;                 ///< what advance() works on: the loop's scratch or buffer_
  std::string reply_;
  std::size_t written_ = 0;
  Phase phase_ = Phase::fresh;
  MonoTime deadline_{};
  MonoTime body_began_{};
  MonoTime reply_deadline_{};  ///< for all of the reply that is being written
  std::uint64_t request_number_ = 0;
  std::optional<Response>* early_answer_ = nullptr;  ///< where to put an answer while the route is still being called
  bool asked_ = false;                               ///< about the large body of this request
  bool new_head_ = false;
  bool waiting_ = false;
  bool resting_ = false;
  bool keep_alive_ = true;
  bool head_only_ = false;
  bool http_1_0_ = false;
};

}  // namespace vpn_sentinel
