/// The server's side of one WebSocket: sends text, pings, ignores what the peer says.
#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <memory>

#include "hub/http/listener.hpp"
#include "hub/http/loop.hpp"
#include "hub/http/stream.hpp"

namespace vpn_sentinel {

using UpgradeRequest = boost::beast::http::request<boost::beast::http::string_body>;

/// Answers the handshake and calls the listener's on_live. `admission`: that was not refused. On the loop's thread.
void start_websocket(Loop& loop, Stream stream, std::unique_ptr<Slot> slot, const UpgradeRequest& request, LiveAdmission admission);

}  // namespace vpn_sentinel
