/// What those share that use libcurl (curl_easy_setopt(3), curl_slist_append(3)).
#pragma once

#include <curl/curl.h>

#include <new>
#include <string>
#include <tuple>

namespace vpn_sentinel {

inline void set_option(CURL* easy, CURLoption option, long value) { curl_easy_setopt(easy, option, value); }
/// libcurl copies the text.
inline void set_option(CURL* easy, CURLoption option, const char* value) { curl_easy_setopt(easy, option, value); }

/// `list`: a std::unique_ptr of a curl_slist. Throws std::bad_alloc; the list is as before then.
template <typename List>
void append_line(List& list, const std::string& line) {
  auto* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  std::ignore = list.release();
  list.reset(longer);
}

}  // namespace vpn_sentinel
