// SPDX-License-Identifier: MIT
//
// The detection idiom (std::experimental::is_detected of the Library Fundamentals TS v2), on which the
// requirement checks of policy/ are built. Nothing else belongs here.
#pragma once

#include <type_traits>

namespace agent_websocket {
namespace detail {

template <typename, template <typename...> class Expression, typename... Arguments>
struct detected : std::false_type {};

template <template <typename...> class Expression, typename... Arguments>
struct detected<std::void_t<Expression<Arguments...>>, Expression, Arguments...> : std::true_type {};

}  // namespace detail

/// True when `Expression<Arguments...>` is well-formed.
template <template <typename...> class Expression, typename... Arguments>
inline constexpr bool is_detected_v = detail::detected<void, Expression, Arguments...>::value;

}  // namespace agent_websocket
