/// Tells that somebody, this process included, changed the rules of nf_tables in a namespace. A hint: who hears it looks for himself.
#pragma once

#include <string_view>

#include "netns/base/fd.hpp"
#include "netns/base/result.hpp"
#include "netns/namespace/socket_opener.hpp"

namespace vpn_sentinel {

/// A socket that becomes readable with each change (NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h). not_permitted: CAP_NET_ADMIN is
/// needed in the namespace; unavailable: the kernel has no nf_tables.
[[nodiscard]] Result<Fd> open_ruleset_bell(const SocketOpener& opener);

/// Reads away what has come; true when there was something, also when so much came that some was lost. With the name of a table: something
/// about tables of that name (whatever their family), or that could not be read whole.
[[nodiscard]] bool drain_ruleset_bell(int bell, std::string_view table = {});

}  // namespace vpn_sentinel
