// SPDX-License-Identifier: MIT
//
// What the floor reads from the upstream: the head of a response, its chunks, the lines of its
// events. Looks at each byte where it lies; only a line that is cut by two reads is copied.
#pragma once

#include <strings.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace relay_floor {

/// Of one response after the other of a connection.
class response_reader {
 public:
  enum class result { more, done, failed };

  /// told(data) for each `data:` line. Nothing may follow a response in what is fed.
  template <typename Told>
  result feed(std::string_view bytes, Told&& told) {
    if (part_ == part::head) {
      head_.append(bytes);
      const std::size_t blank = head_.find("\r\n\r\n");
      if (blank == std::string::npos) return head_.size() > 16'384 ? result::failed : result::more;
      std::string rest = head_.substr(blank + 4);
      head_.resize(blank + 2);
      if (!take_head()) return result::failed;
      head_.clear();
      return body(rest, told);
    }
    return body(bytes, told);
  }
  int status() const noexcept { return status_; }

 private:
  enum class part { head, size, extension, data, data_end, trailer, plain };

  bool take_head() {
    if (head_.compare(0, 9, "HTTP/1.1 ") != 0) return false;
    status_ = std::atoi(head_.c_str() + 9);
    if (strcasestr(head_.c_str(), "\r\ntransfer-encoding: chunked\r\n") != nullptr) {
      part_ = part::size;
      left_ = 0;
      return true;
    }
    const char* const length = strcasestr(head_.c_str(), "\r\ncontent-length:");
    if (length == nullptr) return false;
    part_ = part::plain;
    left_ = std::strtoull(length + 17, nullptr, 10);
    return true;
  }

  template <typename Told>
  result body(std::string_view bytes, Told&& told) {
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    if (part_ == part::plain) {
      const std::size_t size = std::min(left_, bytes.size());
      lines({at, size}, told);
      left_ -= size;
      return left_ == 0 ? finish(bytes.size() == size) : result::more;
    }
    while (at < end) {
      switch (part_) {
        case part::size: {
          const char c = *at++;
          const int digit = c >= '0' && c <= '9'   ? c - '0'
                            : c >= 'a' && c <= 'f' ? c - 'a' + 10
                            : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                   : -1;
          if (digit >= 0) {
            left_ = left_ * 16 + static_cast<std::size_t>(digit);
            if (left_ > std::size_t{1} << 30) return result::failed;
          } else if (c == '\n') {
            part_ = left_ == 0 ? part::trailer : part::data;
            line_size_ = 0;
          } else if (c == ';') {
            part_ = part::extension;
          } else if (c != '\r') {
            return result::failed;
          }
          break;
        }
        case part::extension:
          if (*at == '\n') {
            part_ = part::size;  // which sees the end of the line itself
          } else {
            ++at;
          }
          break;
        case part::data: {
          const std::size_t size = std::min(left_, static_cast<std::size_t>(end - at));
          lines({at, size}, told);
          at += size;
          left_ -= size;
          if (left_ == 0) part_ = part::data_end;
          break;
        }
        case part::data_end:
          if (*at++ == '\n') part_ = part::size;
          break;
        case part::trailer:
          if (*at == '\n' && line_size_ == 0) return finish(at + 1 == end);
          line_size_ = *at == '\n' ? 0 : line_size_ + (*at != '\r');
          ++at;
          break;
        default: return result::failed;
      }
    }
    return result::more;
  }
  result finish(bool is_all) {
    part_ = part::head;
    line_.clear();
    return is_all ? result::done : result::failed;
  }

  template <typename Told>
  void lines(std::string_view bytes, Told&& told) {
    while (!bytes.empty()) {
      const void* const mark = std::memchr(bytes.data(), '\n', bytes.size());
      if (mark == nullptr) {
        line_.append(bytes);
        return;
      }
      const auto size = static_cast<std::size_t>(static_cast<const char*>(mark) - bytes.data());
      if (line_.empty()) {
        line(bytes.substr(0, size), told);
      } else {
        line_.append(bytes.substr(0, size));
        line(line_, told);
        line_.clear();
      }
      bytes.remove_prefix(size + 1);
    }
  }
  template <typename Told>
  static void line(std::string_view text, Told&& told) {
    if (text.substr(0, 5) != "data:") return;
    text.remove_prefix(text.size() > 5 && text[5] == ' ' ? 6 : 5);
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    told(text);
  }

  part part_ = part::head;
  int status_ = 0;
  std::size_t left_ = 0;
  std::size_t line_size_ = 0;
  std::string head_, line_;
};

}  // namespace relay_floor
