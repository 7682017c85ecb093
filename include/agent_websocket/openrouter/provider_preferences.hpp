// SPDX-License-Identifier: MIT
//
// Which providers OpenRouter may use for a request, and in what order (its docs, "Provider
// routing"): the request's "provider". Data and how it is written; request.hpp sends it.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/json/number.hpp>
#include <agent_websocket/openrouter/request_encoder.hpp>

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent_websocket {
namespace openrouter {

/// The most that may be paid, in USD: for a million tokens, for an image, for a request.
struct price_limits {
  std::optional<double> prompt;
  std::optional<double> completion;
  std::optional<double> image;
  std::optional<double> audio;
  std::optional<double> request;
};

/// A number for all requests, or for percentiles of them: one or the other.
struct speed_limits {
  std::optional<double> value;
  std::optional<double> p50;
  std::optional<double> p75;
  std::optional<double> p90;
  std::optional<double> p99;
};

/// What is not set is left to OpenRouter.
struct provider_preferences {
  std::vector<std::string> order;   ///< slugs ("deepinfra/turbo"), tried in this order
  std::vector<std::string> only;    ///< no others
  std::vector<std::string> ignore;  ///< never these
  std::optional<bool> allow_fallbacks;
  std::optional<bool> require_parameters;  ///< only those that know every field of the request
  std::string data_collection;             ///< allow or deny
  std::optional<bool> zdr;                 ///< only those that retain no data
  std::optional<bool> enforce_distillable_text;
  std::vector<std::string> quantizations;  ///< int4, fp8, bf16, unknown, ...
  std::string sort;                        ///< price, throughput, latency, exacto
  std::string sort_partition;              ///< model or none; needs `sort`
  price_limits max_price;
  speed_limits preferred_min_throughput;  ///< tokens a second
  speed_limits preferred_max_latency;     ///< seconds
  /// JSON object text: further members. OpenRouter refuses those that it does not know.
  std::string extra;
};

namespace detail {

void write(request_encoder& out, const price_limits& what);

void write(request_encoder& out, std::string_view name, const speed_limits& what);

void write(request_encoder& out, const provider_preferences& what);

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE void write(request_encoder& out, const price_limits& what) {
  const auto price = [&out](std::string_view name, const std::optional<double>& limit) {
    if (!limit) return;
    if (!(*limit >= 0 && *limit <= std::numeric_limits<double>::max())) {
      return out.refuse(name, "must be a number, 0 or more");
    }
    out.text(name, json::print_double(*limit));  // numbers are refused in places
  };
  price("prompt", what.prompt);
  price("completion", what.completion);
  price("image", what.image);
  price("audio", what.audio);
  price("request", what.request);
}

AGENT_WEBSOCKET_INLINE void write(request_encoder& out, std::string_view name,
                                  const speed_limits& what) {
  constexpr double most = std::numeric_limits<double>::max();
  constexpr std::string_view range = ", 0 or more";
  if (what.value && (what.p50 || what.p75 || what.p90 || what.p99)) {
    out.refuse(name, "must be a number or percentiles, not both");
  }
  out.real(name, what.value, 0, most, range);
  out.object(name, [&](request_encoder& in) {
    in.real("p50", what.p50, 0, most, range);
    in.real("p75", what.p75, 0, most, range);
    in.real("p90", what.p90, 0, most, range);
    in.real("p99", what.p99, 0, most, range);
  });
}

AGENT_WEBSOCKET_INLINE void write(request_encoder& out, const provider_preferences& what) {
  out.texts("order", what.order);
  out.texts("only", what.only);
  out.texts("ignore", what.ignore);
  out.plain("allow_fallbacks", what.allow_fallbacks);
  out.plain("require_parameters", what.require_parameters);
  out.text("data_collection", what.data_collection);
  out.plain("zdr", what.zdr);
  out.plain("enforce_distillable_text", what.enforce_distillable_text);
  out.texts("quantizations", what.quantizations);
  if (what.sort_partition.empty()) {
    out.text("sort", what.sort);
  } else if (what.sort.empty()) {
    out.refuse("sort_partition", "needs `provider.sort`");
  } else {
    out.object("sort", [&](request_encoder& in) {
      in.text("by", what.sort);
      in.text("partition", what.sort_partition);
    });
  }
  out.object("max_price", [&](request_encoder& in) { write(in, what.max_price); });
  write(out, "preferred_min_throughput", what.preferred_min_throughput);
  write(out, "preferred_max_latency", what.preferred_max_latency);
  out.members_of("extra", what.extra);
}

#endif

}  // namespace detail
}  // namespace openrouter
}  // namespace agent_websocket
