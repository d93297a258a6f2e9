#include "hub/http/negotiation.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <utility>

#include "hub/http/gzip.hpp"
#include "hub/http/target.hpp"

namespace vpn_sentinel {
namespace {

constexpr std::string_view packed_mark = "-gzip";

/// Weak comparison, as If-None-Match wants it: what follows "W/" counts.
std::string_view opaque(std::string_view tag) { return tag.starts_with("W/") ? tag.substr(2) : tag; }

/// `list`: "*", or tags with commas. A tag of ours has no comma in it.
bool names(std::string_view list, std::string_view tag) {
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    auto item = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    item.remove_prefix(std::min(item.find_first_not_of(" \t"), item.size()));
    item = item.substr(0, item.find_last_not_of(" \t") + 1);
    if (item == "*" || (!item.empty() && opaque(item) == opaque(tag))) return true;
  }
  return false;
}

std::string take_tag(Response& response) {
  const auto found = std::ranges::find_if(response.headers, [](const auto& header) { return header.first == "ETag"; });
  if (found == response.headers.end()) return {};
  auto tag = std::move(found->second);
  response.headers.erase(found);
  return tag;
}

}  // namespace

std::string tag_of(std::string_view text) {
  std::array<unsigned char, 16> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(), nullptr, 0);
  std::array<char, 2 * 16 + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  return fmt::format("\"{}\"", hex.data());
}

Content::Content(std::string type, std::string text, std::string tag)
    : type_(std::move(type)), own_text_(std::move(text)), text_(own_text_), tag_(tag.empty() ? tag_of(text_) : std::move(tag)) {}

Content::Content(std::string type, Lasting lasting)
    : type_(std::move(type)), text_(lasting.text), tag_(tag_of(text_)), packed_(lasting.packed) {}

std::string_view Content::packed() const {
  std::call_once(once_, [this] {
    if (!packed_.empty()) return;
    own_packed_ = gzipped(text_);
    packed_ = own_packed_;
  });
  return packed_;
}

std::string Content::tag(bool is_packed) const {
  auto tag = tag_;
  if (is_packed) tag.insert(tag.size() - 1, packed_mark);
  return tag;
}

Wish::Wish(const Request& request) : known_(request.header("If-None-Match")), gzip_(accepts_gzip(request.header("Accept-Encoding"))) {}

Response Wish::answer(const Content& content) const {
  const bool packed = gzip_ && content.text().size() >= worth_gzip;
  const auto tag = content.tag(packed);
  Response response{200, content.type(), {}, {{"ETag", tag}, {"Cache-Control", "private, no-cache"}, {"Vary", "Accept-Encoding"}}};
  if (names(known_, tag)) {
    response.status = 304;
    response.content_type.clear();
    return response;
  }
  response.body = packed ? content.packed() : content.text();
  if (packed) response.headers.emplace_back("Content-Encoding", "gzip");
  return response;
}

Respond negotiated(const Request& request, Respond respond) {
  return [wish = Wish(request), respond = std::move(respond)](Response response) {
    if (response.status != 200) return respond(std::move(response));
    auto tag = take_tag(response);
    auto answer = wish.answer(Content(std::move(response.content_type), std::move(response.body), std::move(tag)));
    answer.headers.insert(answer.headers.end(), std::make_move_iterator(response.headers.begin()),
                          std::make_move_iterator(response.headers.end()));
    respond(std::move(answer));
  };
}

}  // namespace vpn_sentinel
