// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/curl_call.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <system_error>

using agent_websocket::errc;
using agent_websocket::http_call_id;
using agent_websocket::adapters::curl_call;
using agent_websocket::adapters::curl_http_options;
using agent_websocket::http::request;

namespace {

class completion final : public agent_websocket::http_sink {
 public:
  int count = 0;
  http_call_id id = 0;
  std::error_code failure;
  std::string detail;

  void on_head(http_call_id, int, const agent_websocket::http::header_list&) override {
    FAIL("nothing was received");
  }
  void on_body(http_call_id, std::string_view) override { FAIL("nothing was received"); }
  void on_complete(http_call_id call, std::error_code code, std::string_view words) override {
    ++count;
    id = call;
    failure = code;
    detail = words;
  }
};

request to(std::string target) {
  request made;
  made.target = std::move(target);
  return made;
}

}  // namespace

TEST_CASE("curl_call: a request that can be sent") {
  completion sink;
  curl_call call(7, to("http://127.0.0.1/"), sink, {});
  CHECK(call.id() == 7u);
  CHECK(call.easy() != nullptr);
  CHECK(call.ready());
  void* self = nullptr;
  curl_easy_getinfo(call.easy(), CURLINFO_PRIVATE, &self);
  CHECK(self == &call);
  CHECK(sink.count == 0);
}

TEST_CASE("curl_call: completes once, with the words of the failure") {
  completion sink;
  curl_call call(7, to("http://127.0.0.1/"), sink, {});
  call.complete(CURLE_COULDNT_CONNECT);
  call.complete(CURLE_COULDNT_CONNECT);
  CHECK(sink.count == 1);
  CHECK(sink.id == 7u);
  CHECK(sink.failure == errc::connection_failed);
  CHECK(sink.detail == curl_easy_strerror(CURLE_COULDNT_CONNECT));
}

TEST_CASE("curl_call: an end without a head is no success") {
  completion sink;
  curl_call call(7, to("http://127.0.0.1/"), sink, {});
  call.complete(CURLE_OK);
  CHECK(sink.failure == errc::protocol_error);
  CHECK_FALSE(sink.detail.empty());
}

TEST_CASE("curl_call: abandoned, it tells nobody") {
  completion sink;
  curl_call call(7, to("http://127.0.0.1/"), sink, {});
  call.abandon();
  call.complete(CURLE_OK);
  CHECK(sink.count == 0);
}

TEST_CASE("curl_call: settings that curl does not take make it not ready") {
  completion sink;
  request asked = to("http://127.0.0.1/");
  SUBCASE("a method that is none") {
    asked.method = "GET /";
    curl_call call(1, asked, sink, {});
    CHECK_FALSE(call.ready());
    call.complete(CURLE_FAILED_INIT);
    CHECK(sink.failure == errc::protocol_error);
  }
  SUBCASE("an empty method") {
    asked.method = "";
    CHECK_FALSE(curl_call(1, asked, sink, {}).ready());
  }
  SUBCASE("a longest time to connect, and a negative one") {
    asked.connect_timeout = std::chrono::milliseconds::max();
    CHECK(curl_call(1, asked, sink, {}).ready());
    asked.connect_timeout = std::chrono::milliseconds(-1);
    CHECK(curl_call(1, asked, sink, {}).ready());
  }
}

TEST_CASE("curl_call: pause and resume without anything held") {
  completion sink;
  curl_call call(7, to("http://127.0.0.1/"), sink, {});
  call.pause();
  call.unpause();
  CHECK_FALSE(call.resume());
  call.unpause();
  CHECK(sink.count == 0);
}

TEST_CASE("curl_call: the end of a paused call is kept back") {
  completion sink;
  curl_call call(7, to("http://127.0.0.1/"), sink, {});
  CHECK_FALSE(call.ended().has_value());
  call.pause();
  CHECK_FALSE(call.end(CURLE_COULDNT_CONNECT));
  CHECK(call.ended() == CURLE_COULDNT_CONNECT);
  CHECK(call.resume());
  CHECK(call.end(CURLE_COULDNT_CONNECT));
  CHECK(sink.count == 0);
}
