/// One accepted connection as its I/O loop sees it: HTTP or WebSocket. All calls come on the loop's thread.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>

#include "hub/http/server.hpp"
#include "netns/base/clock.hpp"

namespace vpn_sentinel {

class Session : public std::enable_shared_from_this<Session>,
                public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Session() = default;
  virtual ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Ends what waited too long. The loop says when: see Loop::rest().
  virtual void sweep(MonoTime now) = 0;
  /// The answer to request number `request`; an answer that comes too late or twice is dropped.
  virtual void answer(std::uint64_t request, Response response) = 0;
  /// The rules of access have changed. Each request is asked for again, so that only what goes on without requests has to look.
  virtual void review() {}
  /// The server stops: idle sessions end now, busy ones after their reply.
  virtual void begin_stop() = 0;
  virtual void abort() = 0;
  /// Since when it waits for its peer (Loop::rest).
  [[nodiscard]] MonoTime resting_since() const noexcept { return resting_since_; }

  using AddressHook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  AddressHook address_hook;  ///< in the list of its address (AddressPlace) while it rests

 private:
  friend class Loop;
  std::shared_ptr<Session> held_;  ///< by the loop, until Loop::remove()
  MonoTime resting_since_{};
};

/// Does not own; a session that ends is in no list any more.
using SessionList = boost::intrusive::list<Session, boost::intrusive::constant_time_size<false>>;
/// Likewise, of those of one address.
using AddressSessionList =
    boost::intrusive::list<Session, boost::intrusive::member_hook<Session, Session::AddressHook, &Session::address_hook>,
                           boost::intrusive::constant_time_size<false>>;

}  // namespace vpn_sentinel
