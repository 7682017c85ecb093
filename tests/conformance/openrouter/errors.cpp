// SPDX-License-Identifier: MIT
//
// What an upstream's refusals, in the status or inside a stream, mean: the code for clients,
// whether the request is sent again and when, and that no secret and no raw body is told.
#include "bench.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace upstream;

namespace {

const char* const json_type = "application/json";

/// An upstream that answers every request like this.
struct refusal {
  int status = 500;
  std::string body;
  http::header_list headers{};
};

/// The error object of OpenRouter's documents; `more` follows the message.
std::string error_body(int code, const std::string& message, const std::string& more = "") {
  return R"({"error":{"code":)" + std::to_string(code) + R"(,"message":")" + message + "\"" + more +
         R"(},"user_id":"user_2x"})";
}
std::string metadata(const std::string& members) { return ",\"metadata\":{" + members + "}"; }

/// A completion that meets `what`; then, if it comes again, `next`.
exchange& meet(exchange& one, const refusal& what) {
  one.http.reply_by([what](const http::request&) {
    http::header_list headers = what.headers;
    headers.add("Content-Type", json_type);
    return http_script().head(what.status, headers).body(what.body).complete();
  });
  one.run();
  CHECK(one.sink.text.empty());
  CHECK(!one.sink.begun);
  return one;
}

/// Whether it comes again, and after which time.
struct second_try {
  bool sent = false;
  milliseconds wait{0};
};
second_try wait_of(const refusal& what) {
  exchange one;
  one.settings.retry.max_attempts = 2;
  meet(one, what);
  if (one.sink.waits.empty()) return {};
  return {true, one.sink.waits[0]};
}

}  // namespace

// ---- inside a stream

TEST_CASE("T45: an error in the middle of a stream, as documented") {
  const std::string fault = frame(
      R"({"id":"gen-1","object":"chat.completion.chunk","created":1,"model":"a/b","provider":"P",)"
      R"("error":{"code":502,"message":"Provider disconnected","metadata":{"error_type":)"
      R"("provider_unavailable"}},"choices":[{"index":0,"delta":{"content":""},)"
      R"("finish_reason":"error","native_finish_reason":"error"}]})");
  for (const std::string& end : {std::string(), done}) {
    const recorder told = read(content("part") + fault + end);
    CHECK(told.text == "part");
    CHECK(told.code() == errc::provider_error);
    CHECK(told.why().status == 502);
    CHECK(told.why().type == "provider_unavailable");
    CHECK(told.why().provider == "P");
    CHECK(told.why().why.detail.find("Provider disconnected") != std::string::npos);
    CHECK(told.ended->finish_reason == "error");
  }
  exchange one;
  one.http.reply_with(http_script().head(200).body(content("part") + fault).complete());
  one.run();
  CHECK(one.requests() == 1);
}

TEST_CASE("T45: after reasoning or a piece of a tool call there is no second request either") {
  for (const char* first : {R"({"reasoning":"hm"})", R"({"reasoning_content":"hm"})",
                            R"({"reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]})",
                            R"({"tool_calls":[{"index":0,"id":"x","function":{"name":"f"}}]})"}) {
    CAPTURE(first);
    exchange one;
    one.http.reply_with(
        http_script().head(200).body(delta(first) + frame(error_body(502, "gone"))).complete());
    one.run();
    CHECK(one.requests() == 1);
    CHECK(one.sink.code() == errc::provider_error);
  }
}

TEST_CASE("errors: an error before any content is tried again") {
  exchange one;
  one.http.reply_with(http_script().head(200).body(ping + frame(error_body(502, "x"))).complete());
  one.http.reply_with(http_script().head(200).body(answer()).complete());
  one.run();
  CHECK(one.requests() == 2);
  CHECK(one.sink.complete());
  CHECK(one.sink.text == "Hello");
}

TEST_CASE("errors: an error behind finish reasons, with usage in its chunk") {
  const recorder told = read(
      content("part") + finish("length") + finish("length") +
      chunk(choice(R"({"role":"assistant","content":""})"),
            R"(,"error":{"code":400,"message":"Token limit reached"},"usage":)" + usage_object) +
      done);
  CHECK(told.text == "part");
  CHECK(told.why().status == 400);
  CHECK(told.says("Token limit reached"));
  CHECK(!told.why().retryable);
  CHECK(told.ended->usage.total_tokens == 17);
}

TEST_CASE("T47: codes that are texts") {
  const auto with_code = [](const char* code) {
    return read(content("part") +
                chunk(choice(R"({"content":""})", "\"error\""),
                      std::string(R"(,"error":{"code":")") + code + R"(","message":"Busy here"})") +
                done);
  };
  const recorder word = with_code("server_error");
  CHECK(word.code() == errc::provider_error);
  CHECK(word.why().type == "server_error");
  CHECK(word.why().why.detail.find("Busy here") != std::string::npos);
  CHECK(word.text == "part");
  const recorder digits = with_code("429");
  CHECK(digits.code() == errc::provider_rate_limited);
  CHECK(digits.why().status == 429);
  CHECK(digits.says("Busy here"));
}

TEST_CASE("T48: errors without usable choices") {
  for (const std::string& fault :
       {frame(R"({"error":{"message":"x marks"}})"), chunk("", R"(,"error":{"message":"x marks"})"),
        frame(R"({"error":{"message":"x marks"},"choices":null})"), frame(R"({"error":"x marks"})"),
        chunk(R"({"index":0,"delta":{"content":""},"error":{"message":"x marks"}})"),
        frame(R"({"object":"error","message":"x marks"})"),
        frame(R"({"code":400,"message":"x marks","reason":"r","metadata":{}})")}) {
    for (const std::string& before : {std::string(), content("part")}) {
      const recorder told = read(before + fault + done);
      CHECK(told.code() == errc::provider_error);
      CHECK(told.says("x marks"));
      CHECK(told.text == (before.empty() ? "" : "part"));
    }
  }
}

TEST_CASE("T48: a finish reason of error without an error") {
  const recorder told = read(content("part") + finish("error") + done);
  CHECK(told.text == "part");
  CHECK(told.code() == errc::provider_error);
}

TEST_CASE("T48: an error beside the part of a whole message") {
  for (const char* place : {R"("error":{"code":502,"message":"died"},)", ""}) {
    const recorder told = read(
        std::string(R"({"id":"gen-1","choices":[{"index":0,)") + place +
        R"("finish_reason":"error","message":{"role":"assistant","content":"part"}}],"usage":)" +
        usage_object + "}");
    CHECK(told.text == "part");
    CHECK(told.code() == errc::provider_error);
    CHECK(told.why().status == (place[0] != '\0' ? 502 : 0));
    CHECK(told.ended->usage.total_tokens == 17);
  }
}

TEST_CASE("T49: an error of null, of nothing") {
  for (const char* nothing : {"null", "{}", "\"\""}) {
    CAPTURE(nothing);
    const std::string more = std::string(",\"error\":") + nothing;
    const recorder told = read(chunk(choice(R"({"content":"x"})"), more) +
                               chunk(choice("{}", "\"stop\""), more) + done);
    CHECK(told.complete());
    CHECK(told.text == "x");
  }
}

// ---- statuses

TEST_CASE("T53: no second request") {
  struct row {
    int status;
    errc code;
  };
  for (const row& each :
       {row{400, errc::provider_error}, row{401, errc::provider_unauthorized},
        row{402, errc::payment_required}, row{403, errc::provider_unauthorized},
        row{404, errc::model_not_found}, row{412, errc::provider_error},
        row{413, errc::context_length_exceeded}, row{422, errc::provider_error}}) {
    for (const std::string& body :
         {error_body(each.status, "Refused, because"), std::string("Refused"), std::string()}) {
      CAPTURE(each.status);
      CAPTURE(body);
      exchange one;
      meet(one, {each.status, body});
      CHECK(one.requests() == 1);
      CHECK(one.sink.code() == each.code);
      CHECK(one.sink.why().status == each.status);
      CHECK(!one.sink.why().retryable);
    }
  }
}

TEST_CASE("T53: moderation says why") {
  exchange one;
  meet(one,
       {403, error_body(403, "Your chosen model requires moderation and your input was flagged",
                        metadata(R"("reasons":["violence","hate"],"flagged_input":"how to...",)"
                                 R"("provider_name":"OpenAI","model_slug":"openai/gpt-5")"))});
  CHECK(one.requests() == 1);
  CHECK(one.sink.code() == errc::content_policy);
  CHECK(one.sink.says("violence"));
  CHECK(one.sink.says("hate"));
  CHECK(one.sink.says("how to..."));
  CHECK(one.sink.why().provider == "OpenAI");
}

TEST_CASE("T54: rates") {
  SUBCASE("one retry after 1 to 1.5 s") {
    for (const double jitter : {0.0, 0.5, 0.999}) {
      exchange one;
      one.jitter = jitter;
      one.http.reply_with(
          http_script().head(429, {{"Retry-After", "1"}}).body(error_body(429, "Slow")).complete());
      one.http.reply_with(http_script().head(200).body(answer()).complete());
      const time_point begun = one.clock.now();
      one.ask();
      one.http.run();
      one.advance(milliseconds(999));
      CHECK(one.requests() == 1);
      one.advance(milliseconds(501));
      CHECK(one.requests() == 2);
      one.settle();
      one.check_end();
      CHECK(one.sink.complete());
      CHECK(one.sink.text == "Hello");
      CHECK(one.clock.now() - begun == milliseconds(1500));
    }
  }
  SUBCASE("the configured attempts, no more") {
    for (const int attempts : {1, 2, 3, 5}) {
      exchange one;
      one.settings.retry.max_attempts = attempts;
      meet(one, {429, error_body(429, "Slow"), {{"Retry-After", "1"}}});
      CHECK(one.requests() == static_cast<std::size_t>(attempts));
      CHECK(one.sink.code() == errc::provider_rate_limited);
    }
    CHECK(exchange().settings.retry.max_attempts == 3);
  }
  SUBCASE("an hour is too long to wait") {
    exchange one;
    meet(one, {429, error_body(429, "Slow"), {{"Retry-After", "3600"}}});
    CHECK(one.requests() == 1);
    CHECK(one.sink.why().retry_after == seconds(3600));
  }
  SUBCASE("a date") {
    exchange one;
    one.http.reply_with(http_script()
                            .head(429, {{"Retry-After", "Thu, 01 Jan 2026 00:00:30 GMT"}})
                            .body(error_body(429, "Slow"))
                            .complete());
    one.http.reply_with(http_script().head(200).body(answer()).complete());
    one.run();
    CHECK(one.sink.complete());
    CHECK(one.sink.waits == std::vector<milliseconds>{seconds(30)});
  }
}

TEST_CASE("errors: every hint to wait, and which one counts") {
  // The clock stands at 2026-01-01T00:00:00Z, which is 1767225600.
  const std::string body = error_body(429, "Slow");
  const auto with = [](const std::string& more) { return error_body(429, "Slow", more); };
  const auto availability = [](const std::string& after) {
    return R"(,"availability":{"code":"capacity_exhausted","retryable":true,"retry_after":)" +
           after + "}";
  };
  struct row {
    const char* what;
    refusal told;
    milliseconds wait;
  };
  const http::header_list two{{"Retry-After", "2"}};
  const std::string in_seconds = metadata(R"("retry_after_seconds":4)");
  const std::string copies =
      metadata(R"("headers":{"Retry-After":"5","X-RateLimit-Reset":"1767225606000"})");
  const std::vector<row> rows{
      {"Retry-After", {429, body, two}, seconds(2)},
      {"retry-after", {429, body, {{"retry-after", "2"}}}, seconds(2)},
      {"a date", {429, body, {{"Retry-After", "Thu, 01 Jan 2026 00:00:09 GMT"}}}, seconds(9)},
      {"retry-after-ms", {429, body, {{"retry-after-ms", "1500"}}}, milliseconds(1500)},
      {"availability.retry_after", {429, with(availability("3"))}, seconds(3)},
      {"metadata.retry_after_seconds", {429, with(in_seconds)}, seconds(4)},
      {"metadata.headers", {429, with(copies)}, seconds(5)},
      {"X-RateLimit-Reset in ms",
       {429, body, {{"X-RateLimit-Reset", "1767225607000"}}},
       seconds(7)},
      {"X-RateLimit-Reset in s", {429, body, {{"X-RateLimit-Reset", "1767225608"}}}, seconds(8)},
      {"its copy in ms",
       {429, with(metadata(R"("headers":{"X-RateLimit-Reset":"1767225607000"})"))},
       seconds(7)},
      {"its copy in s",
       {429, with(metadata(R"("headers":{"X-RateLimit-Reset":"1767225608"})"))},
       seconds(8)},
      {"its copy as a number",
       {429, with(metadata(R"("headers":{"X-RateLimit-Reset":1767225607000})"))},
       seconds(7)},
      // In the documented order.
      {"Retry-After before the body's",
       {429, with(availability("3") + in_seconds), two},
       seconds(2)},
      {"availability before metadata", {429, with(availability("3") + in_seconds)}, seconds(3)},
      {"retry_after_seconds before its copy",
       {429, with(metadata(R"("retry_after_seconds":4,"headers":{"Retry-After":"5"})"))},
       seconds(4)},
      {"Retry-After's copy before the reset",
       {429, with(copies), {{"X-RateLimit-Reset", "1767225607000"}}},
       seconds(5)},
      {"what is no time is passed over",
       {429, with(in_seconds), {{"Retry-After", "soon"}}},
       seconds(4)},
      {"503 too", {503, error_body(503, "Full"), two}, seconds(2)},
  };
  for (const row& each : rows) {
    CAPTURE(each.what);
    const second_try next = wait_of(each.told);
    CHECK(next.sent);
    CHECK(next.wait == each.wait);
  }
  // Inside a stream the body's are all there is.
  exchange one;
  one.http.reply_with(http_script().head(200).body(ping + frame(with(in_seconds))).complete());
  one.http.reply_with(http_script().head(200).body(answer()).complete());
  one.run();
  CHECK(one.sink.complete());
  CHECK(one.sink.waits == std::vector<milliseconds>{seconds(4)});
}

TEST_CASE("errors: without a hint the wait doubles, with full jitter") {
  for (const double jitter : {0.0, 0.5, 0.75}) {
    exchange one;
    one.jitter = jitter;
    one.settings.retry.max_attempts = 9;
    meet(one, {503, error_body(503, "Full")});
    CHECK(one.requests() == 9);
    std::vector<milliseconds> expected;
    for (const int longest : {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000}) {
      expected.push_back(milliseconds(static_cast<int>(longest * jitter)));
    }
    CHECK(one.sink.waits == expected);
  }
}

TEST_CASE("errors: the total limit covers the waits") {
  exchange one;
  one.settings.total_timeout = seconds(10);
  one.settings.retry.max_attempts = 100;
  const time_point begun = one.clock.now();
  meet(one, {429, error_body(429, "Slow"), {{"Retry-After", "4"}}});
  CHECK(one.requests() == 3);
  CHECK(one.clock.now() - begun <= seconds(10));
  CHECK(one.sink.code() == errc::provider_rate_limited);
}

TEST_CASE("errors: a cancel ends the waiting") {
  exchange one;
  one.http.reply_with(http_script().head(429, {{"Retry-After", "5"}}).complete());
  const auto id = one.ask();
  one.advance(seconds(1));
  CHECK(one.sink.waits.size() == 1);
  one.client().cancel(id);
  one.settle();
  CHECK(one.requests() == 1);
  CHECK(!one.sink.ended);
  CHECK(one.client().size() == 0);
  CHECK(!one.clock.has_work());
}

TEST_CASE("T57: statuses that may pass are tried again, bounded") {
  struct row {
    int status;
    errc code;
  };
  std::vector<row> rows{{408, errc::provider_error},      {429, errc::provider_rate_limited},
                        {500, errc::provider_error},      {502, errc::provider_error},
                        {503, errc::provider_overloaded}, {504, errc::provider_error},
                        {529, errc::provider_overloaded}, {530, errc::provider_error},
                        {599, errc::provider_error}};
  for (int status = 520; status <= 527; ++status) rows.push_back({status, errc::provider_error});
  const std::string page =
      "<!DOCTYPE html>\n<html><head><title>openrouter.ai | 524: A timeout occurred</title></head>"
      "<body>cf-ray 0123456789abcdef</body></html>";
  for (const row& each : rows) {
    for (const std::string& body : {error_body(each.status, "Try later"), page, std::string()}) {
      CAPTURE(each.status);
      CAPTURE(body);
      exchange one;
      meet(one, {each.status, body});
      CHECK(one.requests() == 3);
      CHECK(one.sink.code() == each.code);
      CHECK(one.sink.why().status == each.status);
      CHECK(one.sink.why().retryable);
    }
  }
}

TEST_CASE("T57: three times 503, then a good stream: its text is given once") {
  exchange one;
  one.settings.retry.max_attempts = 4;
  for (int i = 0; i < 3; ++i) {
    one.http.reply_with(http_script().head(503).body(error_body(503, "Full")).complete());
  }
  one.http.reply_with(http_script().head(200).body(answer()).complete());
  one.run();
  CHECK(one.requests() == 4);
  CHECK(one.sink.complete());
  CHECK(one.sink.text == "Hello");
  for (const auto& call : one.http.calls())
    CHECK(call.request.body == one.http.last().request.body);
}

TEST_CASE("errors: a day's allowance is never waited for") {
  for (const std::string& body :
       {error_body(429, "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000",
                   metadata(R"("headers":{"X-RateLimit-Reset":"1767225607000"})")),
        error_body(429, "Rate limit exceeded",
                   metadata(R"("limit_source":"openrouter_free_tier_daily",)"
                            R"("retry_after_seconds":1)"))}) {
    for (const http::header_list& headers :
         {http::header_list(), http::header_list{{"Retry-After", "1"}}}) {
      exchange one;
      meet(one, {429, body, headers});
      CHECK(one.requests() == 1);
      CHECK(one.sink.code() == errc::provider_rate_limited);
      CHECK(!one.sink.why().retryable);
    }
  }
  // The allowance of a minute is.
  CHECK(wait_of({429, error_body(429, "Rate limit exceeded: free-models-per-min.",
                                 metadata(R"("headers":{"X-RateLimit-Reset":"1767225607000"})"))})
            .wait == seconds(7));
}

TEST_CASE("errors: money") {
  struct row {
    int status;
    const char* source;
    bool has_wait;
    bool again;
  };
  for (const row& each :
       {row{402, "openrouter_credits", false, false}, row{402, "openrouter_credits", true, false},
        row{402, "openrouter_key_limit", true, false},
        row{402, "openrouter_in_flight_budget", false, false},
        row{402, "openrouter_in_flight_budget", true, true},
        row{403, "openrouter_guardrail_budget", false, false},
        row{403, "openrouter_workspace_budget", false, false},
        row{403, "openrouter_key_limit", false, false},
        row{403, "openrouter_guardrail_budget", true, false}}) {
    CAPTURE(each.status);
    CAPTURE(each.source);
    CAPTURE(each.has_wait);
    const std::string body =
        error_body(each.status, "Not enough",
                   metadata(std::string(R"("limit_source":")") + each.source + '"'));
    http::header_list headers;
    if (each.has_wait) headers.add("Retry-After", "2");
    exchange one;
    meet(one, {each.status, body, headers});
    CHECK(one.sink.code() == errc::payment_required);
    CHECK(one.requests() == (each.again ? 3u : 1u));
    if (each.again) CHECK(one.sink.waits == std::vector<milliseconds>(2, seconds(2)));
  }
  // The balance of the operator is no client's business.
  exchange one;
  meet(one, {402, error_body(402,
                             "This request requires more credits, or fewer max_tokens. You "
                             "requested up to 65536 tokens, but can only afford 1234")});
  CHECK(one.requests() == 1);
  CHECK(!one.sink.says("1234"));
  CHECK(one.sink.why().why.detail.find("can only afford 1234") != std::string::npos);
}

TEST_CASE("T60: the provider's own words, with its name") {
  const auto told = [](const std::string& raw) {
    exchange one;
    one.settings.retry.max_attempts = 1;
    meet(one, {429, error_body(429, "Provider returned error",
                               metadata(R"("provider_name":"Chutes","raw":)" + raw))});
    CHECK(one.sink.code() == errc::provider_rate_limited);
    CHECK(one.sink.why().provider == "Chutes");
    CHECK(one.sink.says("Chutes"));
    CHECK(!one.sink.says("Provider returned error"));
    return one.sink.words();
  };
  const auto has = [](const std::string& words, const char* part) {
    return words.find(part) != std::string::npos;
  };
  CHECK(has(told(R"("{\"error\":{\"message\":\"Model is busy\",\"code\":\"x\"}}")"),
            "Model is busy"));
  CHECK(has(told(R"({"error":{"message":"Model is busy"}})"), "Model is busy"));
  CHECK(has(told(R"({"message":"Model is busy"})"), "Model is busy"));
  CHECK(has(told(R"("Model is busy")"), "Model is busy"));
}

TEST_CASE("T60: without raw words, or with raw words of no use") {
  for (const std::string& raw :
       {std::string("null"), std::string("\"\""), std::string("{}"),
        std::string(R"("<html>busy</html>")"), std::string("[]"), std::string(R"("{\"broken")")}) {
    CAPTURE(raw);
    exchange one;
    one.settings.retry.max_attempts = 1;
    meet(one, {429, error_body(429, "Provider returned error",
                               metadata(R"("provider_name":null,"raw":)" + raw))});
    CHECK(one.sink.code() == errc::provider_rate_limited);
  }
}

TEST_CASE("errors: error_type names the failure") {
  struct row {
    int status;
    const char* type;
    errc code;
    bool again;
  };
  for (const row& each : {row{400, "context_length_exceeded", errc::context_length_exceeded, false},
                          row{400, "max_tokens_exceeded", errc::context_length_exceeded, false},
                          row{400, "token_limit_exceeded", errc::context_length_exceeded, false},
                          row{400, "string_too_long", errc::context_length_exceeded, false},
                          row{401, "authentication", errc::provider_unauthorized, false},
                          row{403, "permission_denied", errc::provider_unauthorized, false},
                          row{402, "payment_required", errc::payment_required, false},
                          row{429, "rate_limit_exceeded", errc::provider_rate_limited, true},
                          row{503, "provider_overloaded", errc::provider_overloaded, true},
                          row{529, "provider_overloaded", errc::provider_overloaded, true},
                          row{502, "provider_unavailable", errc::provider_error, true},
                          row{400, "invalid_request", errc::provider_error, false},
                          row{400, "invalid_prompt", errc::bad_message, false},
                          row{404, "not_found", errc::model_not_found, false},
                          row{412, "precondition_failed", errc::provider_error, false},
                          row{413, "payload_too_large", errc::context_length_exceeded, false},
                          row{422, "unprocessable", errc::provider_error, false},
                          row{403, "content_policy_violation", errc::content_policy, false},
                          row{400, "refusal", errc::content_policy, false},
                          row{400, "invalid_image", errc::bad_message, false},
                          row{400, "image_too_large", errc::bad_message, false},
                          row{400, "image_too_small", errc::bad_message, false},
                          row{400, "unsupported_image_format", errc::bad_message, false},
                          row{400, "image_not_found", errc::bad_message, false},
                          row{400, "image_download_failed", errc::bad_message, false},
                          row{500, "server", errc::provider_error, true},
                          row{408, "timeout", errc::provider_error, true},
                          row{504, "timeout", errc::provider_error, true},
                          row{500, "unmapped", errc::provider_error, true},
                          row{400, "unmapped", errc::provider_error, false},
                          row{400, "of_tomorrow", errc::provider_error, false},
                          row{503, "of_tomorrow", errc::provider_overloaded, true}}) {
    // In each of the places where it was seen, and inside a stream.
    const std::string quoted = std::string("\"") + each.type + '"';
    for (const std::string& more : {metadata("\"error_type\":" + quoted),
                                    ",\"error_type\":" + quoted, ",\"type\":" + quoted}) {
      CAPTURE(each.status);
      CAPTURE(more);
      exchange one;
      meet(one, {each.status, error_body(each.status, "Because", more)});
      CHECK(one.sink.code() == each.code);
      CHECK(one.sink.why().type == each.type);
      CHECK(one.requests() == (each.again ? 3u : 1u));

      exchange streamed;
      meet(streamed, {200, ping + frame(error_body(each.status, "Because", more))});
      CHECK(streamed.sink.code() == each.code);
      CHECK(streamed.sink.why().status == each.status);
      CHECK(streamed.requests() == (each.again ? 3u : 1u));
    }
  }
}

TEST_CASE("errors: `retryable` of an availability is believed, not its code") {
  struct row {
    int status;
    const char* code;
    errc told;
    bool retryable;
  };
  for (const row& each : {row{400, "model_not_found", errc::model_not_found, false},
                          row{400, "wrong_endpoint", errc::provider_error, false},
                          row{404, "no_endpoints", errc::model_not_found, false},
                          row{404, "model_deprecated", errc::model_not_found, false},
                          row{404, "model_unavailable_upstream", errc::model_not_found, false},
                          row{404, "privacy_restricted", errc::model_not_found, false},
                          row{404, "constraint_filtered", errc::model_not_found, false},
                          row{404, "free_variant_ended", errc::model_not_found, false},
                          row{403, "region_restricted", errc::model_not_found, false},
                          row{429, "capacity_exhausted", errc::provider_rate_limited, true},
                          row{503, "temporarily_unavailable", errc::provider_overloaded, true},
                          row{429, "capacity_exhausted", errc::provider_rate_limited, false},
                          row{503, "temporarily_unavailable", errc::provider_overloaded, false},
                          row{404, "no_endpoints", errc::model_not_found, true}}) {
    CAPTURE(each.status);
    CAPTURE(each.code);
    CAPTURE(each.retryable);
    const std::string availability = std::string(R"("availability":{"code":")") + each.code +
                                     R"(","retryable":)" + (each.retryable ? "true" : "false") +
                                     R"(,"requested_models":["a/b"],"docs_url":"https://x/"})";
    // As documented in prose, and as in its examples, which have no `code`.
    for (const std::string& body :
         {error_body(each.status, "Not now", "," + availability),
          R"({"error":{"message":"Not now","error_type":"of_tomorrow","http_status":)" +
              std::to_string(each.status) + "," + availability + "}}"}) {
      exchange one;
      meet(one, {each.status, body});
      CHECK(one.sink.code() == each.told);
      CHECK(one.requests() == (each.retryable ? 3u : 1u));
      exchange streamed;
      meet(streamed, {200, body});
      CHECK(streamed.sink.code() == each.told);
      CHECK(streamed.sink.why().status == each.status);
      CHECK(streamed.requests() == (each.retryable ? 3u : 1u));
    }
  }
}

TEST_CASE("errors: shapes of bodies") {
  const auto words = [](int status, const std::string& body) {
    exchange one;
    one.settings.retry.max_attempts = 1;
    meet(one, {status, body});
    CHECK(one.sink.why().why.detail.find("the very words") != std::string::npos);
    return one.sink;
  };
  for (const char* body : {
           R"({"error":{"code":400,"message":"the very words"}})",
           R"({"error":{"code":"400","message":"the very words"}})",
           R"({"error":{"code":null,"message":"the very words","param":null,"type":null}})",
           R"({"error":"the very words"})",
           R"({"error":{},"message":"the very words"})",
           R"({"message":"the very words"})",
           R"({"code":400,"reason":1,"message":"the very words","metadata":{}})",
           R"({"object":"error","message":"the very words","type":"BadRequestError","code":400})",
           "\n\n  {\"error\":{\"message\":\"the very words\"}}\n",
       }) {
    CAPTURE(body);
    const recorder told = words(400, body);
    CHECK(told.code() == errc::provider_error);
    CHECK(told.why().status == 400);
    CHECK(told.says("the very words"));
  }
  // Raw bodies are for the log.
  for (const char* body :
       {"<html><body>the very words</body></html>", R"({"error":{"message":"the very words)",
        "the very words, as plain text", R"(["the very words"])"}) {
    CAPTURE(body);
    CHECK(!words(502, body).says("the very words"));
  }
}

TEST_CASE("errors: the status of a 200 is that of its error") {
  for (const char* code : {"429", "\"429\""}) {
    const std::string body = std::string(R"({"id":null,"object":null,"created":null,"model":null,)"
                                         R"("choices":null,"usage":null,"error":{"code":)") +
                             code + R"(,"message":"Slow"}})";
    exchange one;
    meet(one, {200, body});
    CHECK(one.sink.code() == errc::provider_rate_limited);
    CHECK(one.sink.why().status == 429);
    CHECK(one.requests() == 3);
  }
  struct row {
    int status;
    errc code;
    std::size_t requests;
  };
  for (const row& each : {row{502, errc::provider_error, 3}, row{500, errc::provider_error, 3},
                          row{503, errc::provider_overloaded, 3}, row{400, errc::provider_error, 1},
                          row{402, errc::payment_required, 1}}) {
    CAPTURE(each.status);
    exchange one;
    meet(one, {200, error_body(each.status, "m")});
    CHECK(one.sink.code() == each.code);
    CHECK(one.sink.why().status == each.status);
    CHECK(one.requests() == each.requests);
  }
}

TEST_CASE("errors: a success without an answer is asked for once more") {
  for (const char* body : {
           R"({"id":"gen-1","choices":[]})",
           R"({"id":"gen-1","choices":null})",
           R"({"id":"gen-1"})",
           R"({"choices":[{"message":{"content":""},"finish_reason":"stop"}],)"
           R"("usage":{"completion_tokens":0}})",
           R"({"choices":[{"message":{"content":null},"finish_reason":null}],)"
           R"("usage":{"completion_tokens":0}})",
       }) {
    CAPTURE(body);
    exchange one;
    meet(one, {200, body});
    CHECK(one.sink.code() == errc::empty_response);
    CHECK(one.requests() == 2);
  }
  exchange streamed;
  meet(streamed, {200, ping + finish("stop") + done});
  CHECK(streamed.sink.code() == errc::empty_response);
  CHECK(streamed.requests() == 2);
}

TEST_CASE("errors: a page in place of an answer") {
  exchange one;
  one.settings.retry.max_attempts = 1;
  meet(one, {200, "<!DOCTYPE html><html><body>Please log in to this network</body></html>"});
  CHECK(one.sink.code() == errc::provider_error);
  CHECK(!one.sink.says("log in"));
  CHECK(one.sink.why().why.detail.find("Please log in") != std::string::npos);
}

TEST_CASE("errors: answers that are empty and valid") {
  for (const char* body : {
           // Hidden reasoning was paid for.
           R"({"choices":[{"message":{"content":""},"finish_reason":"stop"}],)"
           R"("usage":{"completion_tokens":9}})",
           R"({"choices":[{"message":{"content":null},"finish_reason":"length"}],)"
           R"("usage":{"completion_tokens":9}})",
           // The budget went into reasoning.
           R"({"choices":[{"message":{"content":"","reasoning":"hm"},"finish_reason":"length"}]})",
           R"({"choices":[{"message":{"content":null,"reasoning":"hm"},"finish_reason":"stop"}]})",
           R"({"choices":[{"message":{"content":null,"tool_calls":[{"id":"c","type":"function",)"
           R"("function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}]})",
       }) {
    CAPTURE(body);
    exchange one;
    one.asked.stream = false;
    one.http.reply_with(http_script().head(200).body(body).complete());
    one.run();
    CHECK(one.sink.complete());
    CHECK(one.sink.text.empty());
    CHECK(one.requests() == 1);
  }
}

// ---- secrets

TEST_CASE("errors: no key, no link, no path, no raw body in what clients are told") {
  const std::string other_key = "sk-or-v1-fedcba9876543210fedcba9876543210";
  const std::vector<std::string> leaks{
      "Incorrect API key provided: " + key,
      "Incorrect API key provided: " + other_key,
      "Authorization: Bearer " + key,
      "bearer " + key + " was refused",
      "see /srv/app/secrets/config.json",
      "https://user:" + key + "@internal.example/v1",
      R"(upstream said {\"error\":{\"secret\":\"0123456789abcdef\"}})",
      R"(\r\n<html><body>0123456789abcdef</body></html>)",
      R"(token=0123456789abcdef0123456789abcdef0123)",
  };
  for (const std::string& leak : leaks) {
    for (const int status : {400, 401, 403, 404, 422, 429, 500, 502, 503}) {
      for (const std::string& body :
           {error_body(status, leak),
            error_body(status, "Provider returned error",
                       metadata(R"("provider_name":"P","raw":")" + leak + '"')),
            error_body(
                status, "m",
                metadata(R"("error_type":")" + leak + R"(","provider_name":")" + leak + '"')),
            error_body(status, "m",
                       metadata(R"("reasons":[")" + leak + R"("],"flagged_input":")" + leak + '"')),
            leak}) {
        CAPTURE(leak);
        CAPTURE(status);
        CAPTURE(body);
        exchange one;
        one.settings.retry.max_attempts = 2;
        meet(one, {status, body});  // looks for faults in all words
        const openrouter::failure& why = one.sink.why();
        for (const std::string* words : {&why.why.message, &why.type, &why.provider}) {
          CHECK(words->find("0123456789") == std::string::npos);
          CHECK(words->find("fedcba9876") == std::string::npos);
          CHECK(words->find("/srv/app") == std::string::npos);
          CHECK(words->find("internal.example") == std::string::npos);
        }
        CHECK(why.why.detail.find(other_key) == std::string::npos);
      }
    }
  }
}
