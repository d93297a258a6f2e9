/// The one interface of all that tells of flows. Sources lie side by side: the table joins what they say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "netns/base/result.hpp"
#include "probe/connections/sighting.hpp"

namespace vpn_sentinel {

/// What can be expected of a source, for the table that users read.
struct Sight {
  bool owner = false;  ///< program and process
  bool bytes_tcp = false;
  bool bytes_udp = false;
  bool device = false;       ///< by which device it leaves is seen after routing; else it is asked of routes
  bool short_lived = false;  ///< flows that come and go between two looks
  bool unconnected = false;  ///< UDP sockets that send without connect(2)
  bool forwarded = false;    ///< what programs of other namespaces send through this one
  bool blocked = false;      ///< tries that never became a flow
  std::string cannot;        ///< what is not seen, one sentence without a full stop
  std::string remedy;        ///< how to see more, one sentence without a full stop; empty: nothing more can be done
};

struct Batch {
  FlowSource source = FlowSource::sock_diag;
  std::vector<Sighting> sightings;
  bool whole = false;    ///< these are all that there are: what was there before and is not among them has ended
  std::size_t lost = 0;  ///< that the source had to leave out or lost
  std::string note{};    ///< what the user should know of this look ("37 connections are not counted"); empty: nothing
};

class ConnectionSource {
 public:
  ConnectionSource() = default;
  ConnectionSource(const ConnectionSource&) = delete;
  ConnectionSource& operator=(const ConnectionSource&) = delete;
  virtual ~ConnectionSource() = default;

  [[nodiscard]] virtual FlowSource kind() const noexcept = 0;
  [[nodiscard]] virtual Sight sight() const = 0;
  /// Readable when look() has something to tell; -1: it is asked now and then.
  [[nodiscard]] virtual int descriptor() const noexcept { return -1; }
  /// What there is now. May block for milliseconds, with very many sockets for tens of them. An Error: it could not look, which is not
  /// "nothing is there".
  [[nodiscard]] virtual Result<Batch> look() = 0;
};

}  // namespace vpn_sentinel
