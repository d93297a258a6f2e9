/// The wish to forget a client, as a file in the data folder: only the hub writes to its database, and whoever may write into its folder
/// may wish. A key of the API could not tell the user from any probe.
#pragma once

#include <string>

#include "netns/base/result.hpp"

namespace vpn_sentinel {

[[nodiscard]] std::string forget_request_path(const std::string& data_dir);

/// A client id, or that of a group.
[[nodiscard]] bool is_forgettable(std::string_view client_id);

/// Leaves the wish for the hub. False: another one waits. The Error names the file and the reason.
[[nodiscard]] Result<bool> leave_forget_request(const std::string& data_dir, const std::string& client_id);

/// The client to be forgotten; empty: nobody wishes anything. An Error: the file cannot be read, or names no client.
[[nodiscard]] Result<std::string> read_forget_request(const std::string& data_dir);

/// It is done, or cannot be.
void remove_forget_request(const std::string& data_dir);

}  // namespace vpn_sentinel
