// SPDX-License-Identifier: MIT
#include <agent_websocket/openrouter/error_reader.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

using agent_websocket::errc;
using agent_websocket::wall_time;
using agent_websocket::http::header_list;
using agent_websocket::json::document;
using agent_websocket::openrouter::failure;
using agent_websocket::openrouter::failure_context;
using agent_websocket::openrouter::find_error;
using agent_websocket::openrouter::read_http_failure;
using agent_websocket::openrouter::read_stream_failure;
using ms = std::chrono::milliseconds;

namespace {

const failure_context context{wall_time(std::chrono::seconds(1'767'225'600)), "my-own-key"};

failure http(int status, std::string_view body, const header_list& headers = {}) {
  return read_http_failure(status, headers, body, context);
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("error reader: T53 statuses with OpenRouter's body") {
  const failure unauthorized = http(401, R"({"error":{"code":401,"message":"User not found."}})");
  CHECK(unauthorized.why.code == errc::provider_unauthorized);
  CHECK(unauthorized.why.message == "The model's provider refused the server's credentials");
  CHECK(contains(unauthorized.why.detail, "User not found."));
  CHECK(unauthorized.status == 401);
  CHECK(!unauthorized.retryable);

  const failure bad = http(
      400,
      R"({"error":{"code":400,"message":"bad thing","metadata":{"error_type":"invalid_request"}},"user_id":null})");
  CHECK(bad.why.code == errc::provider_error);
  CHECK(bad.why.message == "The model's provider failed: bad thing");
  CHECK(bad.type == "invalid_request");
  CHECK(!bad.retryable);

  const failure unpaid = http(402, R"({"error":{"code":402,"message":"You can only afford 12"}})");
  CHECK(unpaid.why.code == errc::payment_required);
  CHECK(!contains(unpaid.why.message, "afford"));
  CHECK(!unpaid.retryable);

  const failure moderated = http(
      403,
      R"({"error":{"code":403,"message":"Input was flagged","metadata":{"reasons":["violence","hate"],"flagged_input":"how to...","provider_name":"OpenAI","model_slug":"x"}}})");
  CHECK(moderated.why.code == errc::content_policy);
  CHECK(moderated.why.message ==
        "The provider's content policy refused the request: Input was flagged (reasons: violence, "
        "hate) (flagged: how to...)");
  // For the client, whose text it is; not for the log.
  CHECK(moderated.why.detail.find("how to") == std::string::npos);
  CHECK(moderated.why.detail.find("status 403") == 0);
  CHECK(moderated.why.detail.find("Input was flagged (reasons: violence, hate)") !=
        std::string::npos);
  CHECK(moderated.provider == "OpenAI");
  CHECK(!moderated.retryable);

  CHECK(http(404, R"({"error":{"message":"No endpoints found","code":404}})").why.message ==
        "The model is not available: No endpoints found");
  CHECK(http(413, "").why.code == errc::context_length_exceeded);
  CHECK(!http(422, "{}").retryable);
}

TEST_CASE("error reader: 402 is worth a second try only while a budget is in flight") {
  const char* body =
      R"({"error":{"code":402,"message":"m","metadata":{"limit_source":"openrouter_in_flight_budget"}}})";
  CHECK(!http(402, body).retryable);
  CHECK(http(402, body, {{"Retry-After", "3"}}).retryable);
  CHECK(!http(402, R"({"error":{"code":402}})", {{"Retry-After", "3"}}).retryable);
}

TEST_CASE("error reader: T54 rates, with their hints") {
  const failure found = http(429, R"({"error":{"code":429,"message":"Rate limit exceeded"}})",
                             {{"Retry-After", "3600"}});
  CHECK(found.why.code == errc::provider_rate_limited);
  CHECK(found.retry_after == ms(3'600'000));
  CHECK(found.retryable);
  const std::string reset = std::to_string((1'767'225'600LL + 20) * 1000);
  CHECK(http(429, R"({"error":{"code":429,"metadata":{"headers":{"X-RateLimit-Reset":")" + reset +
                      "\"}}}}")
            .retry_after == ms(20'000));
  CHECK(!http(500, "{}", {{"X-RateLimit-Reset", reset}}).retry_after);
  const failure daily =
      http(429, R"({"error":{"message":"Rate limit exceeded: free-models-per-day"}})",
           {{"X-RateLimit-Reset", reset}});
  CHECK(!daily.retryable);
  CHECK(daily.retry_after == ms(20'000));
}

TEST_CASE("error reader: T57 what stands behind a 5xx is for the log only") {
  for (const char* body : {"<html>cloudflare 10.0.0.1</html>", "",
                           R"({"error":{"code":502,"message":"worker-7 died"}})", "\xFF{"}) {
    const failure found = http(502, body);
    CHECK(found.why.message == "The model's provider failed");
    CHECK(found.retryable);
    CHECK(contains(found.why.detail, "status 502"));
  }
  CHECK(http(503, "", {{"Retry-After", "2"}}).retry_after == ms(2000));
  CHECK(contains(http(502, "<html>cloudflare</html>").why.detail, "cloudflare"));
}

TEST_CASE("error reader: T60 the provider's own words inside OpenRouter's") {
  const std::string said = "The model's provider limits the rate: Chutes: too busy";
  const auto with_raw = [](const std::string& raw) {
    return http(
        429,
        R"({"error":{"code":429,"message":"Provider returned error","metadata":{"provider_name":"Chutes","raw":)" +
            raw + "}}}");
  };
  for (const char* raw :
       {R"("{\"error\":{\"message\":\"too busy\",\"code\":1}}")", R"("{\"error\":\"too busy\"}")",
        R"({"error":{"message":"too busy"}})", R"({"message":"too busy"})", R"("too busy")",
        R"("[{\"error\":{\"message\":\"too busy\"}}]")"}) {
    CAPTURE(raw);
    CHECK(with_raw(raw).why.message == said);
    CHECK(with_raw(raw).provider == "Chutes");
  }
  for (const char* raw : {"null", "{}", "3", R"("")"}) {
    CHECK(with_raw(raw).why.message ==
          "The model's provider limits the rate: Provider returned error");
  }
  // Raw bodies are not words.
  CHECK(with_raw(R"("<html>no</html>")").why.message ==
        "The model's provider limits the rate: Chutes");
}

TEST_CASE("error reader: bodies of other servers") {
  const auto words = [](const char* body) { return http(400, body).why.message; };
  const std::string expected = "The model's provider failed: odd thing";
  for (
      const char* body :
      {R"({"error":"odd thing"})",
       R"({"error":{"message":"odd thing","type":"invalid_request_error","param":null,"code":null}})",
       R"({"object":"error","message":"odd thing","code":400})", R"({"detail":"odd thing"})",
       R"({"message":"odd thing"})",
       R"([{"error":{"code":400,"message":"odd thing","status":"INVALID_ARGUMENT"}}])",
       R"({"type":"error","error":{"type":"invalid_request_error","message":"odd thing"}})"}) {
    CAPTURE(body);
    CHECK(words(body) == expected);
  }
  CHECK(words("not json") == "The model's provider failed");
  CHECK(
      http(
          400,
          R"({"error":{"code":"context_length_exceeded","type":"invalid_request_error","message":"m"}})")
          .why.code == errc::context_length_exceeded);
  CHECK(http(400, R"({"error":{"type":"exceed_context_size_error","message":"m","n_ctx":1}})")
            .why.code == errc::context_length_exceeded);
}

TEST_CASE("error reader: availability is to be trusted") {
  const failure found = http(
      503,
      R"({"error":{"error_type":"x","http_status":503,"message":"m","availability":{"code":"capacity_exhausted","retryable":true,"retry_after":4,"requested_models":["a"]}}})");
  CHECK(found.why.code == errc::provider_rate_limited);
  CHECK(found.retryable);
  CHECK(found.retry_after == ms(4000));
  CHECK(!http(503,
              R"({"error":{"availability":{"code":"temporarily_unavailable","retryable":false}}})")
             .retryable);
  CHECK(
      http(
          404,
          R"({"error":{"message":"gone","availability":{"code":"model_deprecated","retryable":false}}})")
          .type == "model_deprecated");
}

TEST_CASE("error reader: no key reaches anybody") {
  for (const int status : {400, 401, 429, 500}) {
    const failure found = http(
        status,
        R"({"error":{"message":"Incorrect key my-own-key or sk-abcdefgh12345678, Bearer zyxwvut987"}})");
    for (const char* secret : {"my-own-key", "abcdefgh", "zyxwvut"}) {
      CHECK(!contains(found.why.message, secret));
      CHECK(!contains(found.why.detail, secret));
    }
  }
  const failure long_one = http(400, R"({"error":{"message":")" + std::string(5000, 'w') + "\"}}");
  CHECK(long_one.why.message.size() <= 340);
  CHECK(long_one.why.detail.size() <= 2048);
}

TEST_CASE("error reader: T49 what is an error, and what is not") {
  document parsed;
  const auto is_error = [&](const char* json) {
    REQUIRE(parsed.parse(json));
    return find_error(parsed.root()).exists();
  };
  CHECK(is_error(R"({"error":{"message":"x"},"choices":[]})"));
  CHECK(is_error(R"({"error":"x"})"));
  CHECK(is_error(R"({"choices":[{"error":{"code":1}}]})"));
  CHECK(is_error(R"({"choices":null,"object":"error"})"));
  CHECK(is_error(R"({"code":400,"reason":"r","message":"m","metadata":{}})"));
  CHECK(!is_error(R"({"error":null})"));
  CHECK(!is_error(R"({"error":{}})"));
  CHECK(!is_error(R"({"error":""})"));
  CHECK(!is_error(R"({"error":false,"choices":[]})"));
  CHECK(!is_error(R"({"choices":[{"error":null}],"message":"m","code":1})"));
  CHECK(!is_error(R"({"message":"m"})"));
  CHECK(!is_error(R"([{"error":"x"}])"));
  CHECK(!is_error("3"));
}

TEST_CASE("error reader: a status inside a stream") {
  document parsed;
  const auto status_of = [&](const std::string& code) {
    REQUIRE(parsed.parse(R"({"error":{"message":"m","code":)" + code + "}}"));
    return read_stream_failure(parsed.root(), find_error(parsed.root()), context).status;
  };
  CHECK(status_of("502") == 502);
  CHECK(status_of("\"429\"") == 429);
  CHECK(status_of("\"429x\"") == 0);
  CHECK(status_of("\"server_error\"") == 0);
  CHECK(status_of("7") == 0);
  CHECK(status_of("99999999999999999999") == 0);
  CHECK(status_of("null,\"http_status\":503") == 503);
}
