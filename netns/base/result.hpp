/// Return values for what can fail and be handled. What cannot be handled is one exception, FatalError, caught in main.
#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <tl/expected.hpp>

namespace vpn_sentinel {

/// Why an operation did not give its answer. `kind` is for code to branch on, `message` is a sentence for people.
struct Error {
  enum class Kind {
    invalid,        ///< the input is wrong: the message names field, value and what was expected
    not_found,      ///< the thing does not exist
    not_permitted,  ///< a capability or permission is missing
    timed_out,      ///< the deadline passed
    unreachable,    ///< no route, refused or reset
    overrun,        ///< data was lost because a buffer was full
    no_space,       ///< the disk is full, or the user's quota is used up
    unavailable,    ///< this machine, kernel or service does not offer it
    failed,         ///< anything else
  };
  Kind kind = Kind::failed;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

template <typename T>
using Result = tl::expected<T, Error>;

/// An Error for `errno`-style code `code`: "what: strerror text", with the kind that fits the code.
[[nodiscard]] Error system_error(int code, std::string_view what);

[[nodiscard]] inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }
[[nodiscard]] inline tl::unexpected<Error> fail(Error::Kind kind, std::string message) {
  return tl::unexpected<Error>(Error{kind, std::move(message)});
}

/// "invalid", "timed_out", …: stable words for logs and reports.
[[nodiscard]] std::string_view to_string(Error::Kind kind);

}  // namespace vpn_sentinel
