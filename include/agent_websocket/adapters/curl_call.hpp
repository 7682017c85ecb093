// SPDX-License-Identifier: MIT
//
// One HTTP request as a libcurl easy handle: its settings, and its header and body callbacks turned
// into calls of an http_sink. Does not run anything: that is curl_multi's part.
// https://curl.se/libcurl/c/curl_easy_setopt.html
#pragma once

#include <agent_websocket/adapters/curl_error.hpp>
#include <agent_websocket/adapters/curl_url.hpp>
#include <agent_websocket/base/config.hpp>
#include <agent_websocket/base/version.hpp>
#include <agent_websocket/http/headers.hpp>
#include <agent_websocket/http/message.hpp>
#include <agent_websocket/policy/http_client.hpp>

#if AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace agent_websocket {
namespace adapters {

/// Settings of a curl_http_client. There is none that switches the verification of certificates
/// and host names off.
struct curl_http_options {
  /// A PEM file of certificate authorities, in place of the system's file. Empty: the system's.
  std::string ca_file;
  /// Of the buffer that each open request reads into: what a stream costs in memory. 1 KiB to
  /// 512 KiB.
  std::size_t buffer_bytes = 4 * 1024;
  /// Connections above this number are closed when their request is done, not kept for the next.
  std::size_t max_kept_connections = 256;
  /// A kept connection is not used again after so long. Below the 60 s after which many servers
  /// close theirs, so that few requests meet a connection that is just being closed.
  std::chrono::seconds max_idle_time{50};
};

/// One request on its way. Its address is known to curl: it does not move.
class curl_call {
 public:
  curl_call(http_call_id id, http::request request, http_sink& sink,
            const curl_http_options& options);
  curl_call(const curl_call&) = delete;
  curl_call& operator=(const curl_call&) = delete;

  /// Precondition: easy() was removed from its CURLM.
  ~curl_call();

  http_call_id id() const noexcept { return id_; }
  CURL* easy() const noexcept { return easy_; }

  /// False: the request cannot be sent, and complete(CURLE_FAILED_INIT) says why.
  bool ready() const noexcept { return easy_ != nullptr && setting_ == CURLE_OK && !failure_; }

  /// From now on the sink is not called, and the transfer ends at its next callback.
  void abandon() noexcept { sink_ = nullptr; }

  /// Body bytes that curl delivers are refused until resume(), and the end is kept back.
  void pause() noexcept { paused_ = true; }
  /// True when there is something kept back to be told.
  bool resume() noexcept;
  /// The transfer is over. False: nobody is to know yet.
  bool end(CURLcode code) noexcept;
  std::optional<CURLcode> ended() const noexcept { return ended_; }
  /// Delivers what was held, from inside of this call. Precondition: called by curl_multi::enter.
  void unpause();

  /// Tells the sink how it ended, unless abandoned. `id` is dead then.
  void complete(CURLcode code);

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(easy_, option, value);
    if (setting_ == CURLE_OK) setting_ = code;
  }

  void fail(errc failure, const char* why);

  void set_request();

  // curl reads "Name;" as an empty field, "Name:" as the wish that there be none.
  void add_field(const std::string& name, const std::string& value);
  void remove_field(const std::string& name);
  void append_field(const std::string& line);

  void set_connection(const curl_http_options& options);

  void set_callbacks();

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) noexcept;
  static std::size_t on_write(char* data, std::size_t, std::size_t size, void* self) noexcept;

  // Curl hands on one whole line a call: of every head (1xx answers have one), and of trailers.
  // False ends the transfer.
  bool header_line(std::string_view line);

  void add_last();

  bool head_end();

  std::size_t body_bytes(std::string_view bytes);

  const http_call_id id_;
  const http::request request_;
  http_sink* sink_;  // null: nobody waits for the answer any more
  CURL* const easy_;
  curl_slist* fields_ = nullptr;
  CURLcode setting_ = CURLE_OK;  // the first setting that failed
  std::error_code failure_;      // ours; otherwise what curl says counts
  const char* failed_because_ = "";
  std::array<char, CURL_ERROR_SIZE> words_{};
  http::header_list headers_;
  http::header_list::field last_;  // may still be continued
  std::size_t head_bytes_ = 0;
  bool head_done_ = false;
  bool paused_ = false;
  bool held_ = false;  // by curl, which has to be told to go on
  std::optional<CURLcode> ended_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE curl_call::curl_call(http_call_id id, http::request request, http_sink& sink,
                                            const curl_http_options& options)
    : id_(id), request_(std::move(request)), sink_(&sink), easy_(curl_easy_init()) {
  if (easy_ == nullptr) return;
  set_request();
  set_connection(options);
  set_callbacks();
}

AGENT_WEBSOCKET_INLINE curl_call::~curl_call() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(fields_);
}

AGENT_WEBSOCKET_INLINE bool curl_call::resume() noexcept {
  paused_ = false;
  return held_ || ended_;
}

AGENT_WEBSOCKET_INLINE bool curl_call::end(CURLcode code) noexcept {
  ended_ = code;
  return !paused_;
}

AGENT_WEBSOCKET_INLINE void curl_call::unpause() {
  if (paused_ || !held_) return;
  held_ = false;
  curl_easy_pause(easy_, CURLPAUSE_CONT);
}

AGENT_WEBSOCKET_INLINE void curl_call::complete(CURLcode code) {
  if (sink_ == nullptr) return;
  http_sink& sink = *std::exchange(sink_, nullptr);
  if (setting_ != CURLE_OK) code = setting_;
  const std::error_code failure = failure_ ? failure_ : curl_failure(code, head_done_);
  std::string_view detail;
  if (failure_) {
    detail = failed_because_;
  } else if (failure && code == CURLE_OK) {
    detail = "the connection ended within the header section of the answer";
  } else if (failure) {
    detail = words_[0] != '\0' ? words_.data() : curl_easy_strerror(code);
  }
  sink.on_complete(id_, failure, detail);
}

AGENT_WEBSOCKET_INLINE void curl_call::fail(errc failure, const char* why) {
  failure_ = failure;
  failed_because_ = why;
}

AGENT_WEBSOCKET_INLINE void curl_call::set_request() {
  if (!http::is_token(request_.method)) return fail(errc::protocol_error, "not a method name");
  set(CURLOPT_URL, request_.target.c_str());
  const bool is_head = request_.method == "HEAD";
  const bool has_body = !is_head && (!request_.body.empty() || request_.method == "POST" ||
                                     request_.method == "PUT" || request_.method == "PATCH");
  if (has_body) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(CURLOPT_POSTFIELDS, request_.body.data());  // not copied
  }
  if (is_head) {
    set(CURLOPT_NOBODY, 1L);
  } else if (request_.method != (has_body ? "POST" : "GET")) {
    set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
  for (const auto& [name, value] : request_.headers) {
    // Framing is curl's.
    if (http::iequals(name, "Content-Length") || http::iequals(name, "Transfer-Encoding")) {
      continue;
    }
    if (http::is_token(name)) add_field(name, http::sanitize_field_value(value));
  }
  // What curl would add of its own.
  if (has_body && !request_.headers.contains("Content-Type")) remove_field("Content-Type");
  if (!request_.headers.contains("Expect")) remove_field("Expect");
  if (!request_.headers.contains("User-Agent")) {
    set(CURLOPT_USERAGENT, "agent_websocket/" AGENT_WEBSOCKET_VERSION_STRING);
  }
  set(CURLOPT_HTTPHEADER, fields_);
}

AGENT_WEBSOCKET_INLINE void curl_call::add_field(const std::string& name,
                                                 const std::string& value) {
  append_field(value.empty() ? name + ";" : name + ": " + value);
}

AGENT_WEBSOCKET_INLINE void curl_call::remove_field(const std::string& name) {
  append_field(name + ":");
}

AGENT_WEBSOCKET_INLINE void curl_call::append_field(const std::string& line) {
  curl_slist* const longer = curl_slist_append(fields_, line.c_str());
  if (longer == nullptr) return fail(errc::connection_failed, "out of memory");
  fields_ = longer;
}

AGENT_WEBSOCKET_INLINE void curl_call::set_connection(const curl_http_options& options) {
  constexpr std::chrono::milliseconds no_limit = std::chrono::hours(24 * 20);  // fits any long
  const bool limited = request_.connect_timeout.count() > 0;
  const auto limit = limited ? std::min(request_.connect_timeout, no_limit) : no_limit;
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limit.count()));
  set(CURLOPT_NOSIGNAL, 1L);  // also lets the resolver's timeout work without SIGALRM
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_HTTP09_ALLOWED, 0L);
  set(CURLOPT_FOLLOWLOCATION, 0L);  // credentials stay with the host that they were meant for
  set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));  // and are not told a proxy
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
  set(CURLOPT_TCP_NODELAY, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TCP_KEEPIDLE, 30L);
  set(CURLOPT_TCP_KEEPINTVL, 15L);
  set(CURLOPT_MAXAGE_CONN, static_cast<long>(options.max_idle_time.count()));
  set(CURLOPT_BUFFERSIZE, static_cast<long>(options.buffer_bytes));
  set(CURLOPT_UPLOAD_BUFFERSIZE, 16L * 1024);  // its 64 KiB live as long as the stream
#if LIBCURL_VERSION_NUM >= 0x075500
  set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
  set(CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  set(CURLOPT_QUICK_EXIT, 1L);  // cancelling does not wait for a name that is being resolved
#endif
  if (is_loopback_url(request_.target)) set(CURLOPT_PROXY, "");  // not even the environment's
}

AGENT_WEBSOCKET_INLINE void curl_call::set_callbacks() {
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_ERRORBUFFER, words_.data());
  set(CURLOPT_HEADERFUNCTION, &curl_call::on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &curl_call::on_write);
  set(CURLOPT_WRITEDATA, this);
}

AGENT_WEBSOCKET_INLINE std::size_t curl_call::on_header(char* data, std::size_t, std::size_t size,
                                                        void* self) noexcept {
  return static_cast<curl_call*>(self)->header_line({data, size}) ? size : 0;
}

AGENT_WEBSOCKET_INLINE std::size_t curl_call::on_write(char* data, std::size_t, std::size_t size,
                                                       void* self) noexcept {
  return static_cast<curl_call*>(self)->body_bytes({data, size});
}

AGENT_WEBSOCKET_INLINE bool curl_call::header_line(std::string_view line) {
  if (sink_ == nullptr) return false;
  if (head_done_) return true;
  head_bytes_ += line.size();
  if (head_bytes_ > request_.max_header_bytes) {
    fail(errc::too_large, "the header section of the answer is too large");
    return false;
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.substr(0, 5) == "HTTP/") {
    headers_.clear();
    last_ = {};
  } else if (line.empty()) {
    return head_end();
  } else if (line.front() == ' ' || line.front() == '\t') {
    last_.second += " " + std::string(http::trim(line));  // obs-fold, RFC 9112 section 5.2
  } else {
    add_last();
    const std::size_t colon = std::min(line.find(':'), line.size());
    last_.first = http::trim(line.substr(0, colon));
    last_.second = http::trim(line.substr(std::min(colon + 1, line.size())));
  }
  return true;
}

AGENT_WEBSOCKET_INLINE void curl_call::add_last() {
  if (!last_.first.empty()) headers_.add(std::move(last_.first), std::move(last_.second));
  last_ = {};
}

AGENT_WEBSOCKET_INLINE bool curl_call::head_end() {
  add_last();
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  if (status == 101) {
    fail(errc::protocol_error, "the server switched protocols, which nobody asked for");
    return false;
  }
  if (status >= 100 && status < 200) return true;  // the answer itself is still to come
  head_done_ = true;
  sink_->on_head(id_, static_cast<int>(status), headers_);
  return sink_ != nullptr;
}

AGENT_WEBSOCKET_INLINE std::size_t curl_call::body_bytes(std::string_view bytes) {
  if (sink_ == nullptr) return 0;
  if (paused_) {
    held_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  sink_->on_body(id_, bytes);
  return sink_ != nullptr ? bytes.size() : 0;
}

#endif

}  // namespace adapters
}  // namespace agent_websocket

#endif  // AGENT_WEBSOCKET_WITH_ADAPTERS && AGENT_WEBSOCKET_WITH_CURL
