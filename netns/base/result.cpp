#include "netns/base/result.hpp"

#include <cerrno>

namespace vpn_sentinel {
namespace {

Error::Kind kind_of(int code) {
  switch (code) {
    case EINVAL:
    case EAFNOSUPPORT:
      return Error::Kind::invalid;
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case ESRCH:
      return Error::Kind::not_found;
    case EPERM:
    case EACCES:
      return Error::Kind::not_permitted;
    case ETIMEDOUT:
    case EAGAIN:
      return Error::Kind::timed_out;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ECONNREFUSED:
    case ECONNRESET:
    case ENETDOWN:
      return Error::Kind::unreachable;
    case ENOBUFS:
      return Error::Kind::overrun;
    case ENOSPC:
    case EDQUOT:
      return Error::Kind::no_space;
    case ENOSYS:
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
      return Error::Kind::unavailable;
    default:
      return Error::Kind::failed;
  }
}

}  // namespace

Error system_error(int code, std::string_view what) {
  return Error{kind_of(code), std::string(what) + ": " + std::generic_category().message(code)};
}

std::string_view to_string(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::invalid:
      return "invalid";
    case Error::Kind::not_found:
      return "not_found";
    case Error::Kind::not_permitted:
      return "not_permitted";
    case Error::Kind::timed_out:
      return "timed_out";
    case Error::Kind::unreachable:
      return "unreachable";
    case Error::Kind::overrun:
      return "overrun";
    case Error::Kind::no_space:
      return "no_space";
    case Error::Kind::unavailable:
      return "unavailable";
    case Error::Kind::failed:
      break;
  }
  return "failed";
}

}  // namespace vpn_sentinel
