# SPDX-License-Identifier: MIT
#
# find_package(agent_websocket [COMPONENTS adapters]): agent_websocket::agent_websocket always,
# agent_websocket::adapters where Asio, websocketpp and OpenSSL are found; and the function
# agent_websocket_compile_once().

include("${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake")
if(agent_websocket_CORE_MISSING)
  set(agent_websocket_FOUND FALSE)
  set(agent_websocket_NOT_FOUND_MESSAGE "missing: ${agent_websocket_CORE_MISSING}")
  return()
endif()
include("${CMAKE_CURRENT_LIST_DIR}/agent_websocketCore.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/compile_once.cmake")
if(NOT agent_websocket_ADAPTERS_MISSING)
  include("${CMAKE_CURRENT_LIST_DIR}/agent_websocketAdapters.cmake")
  set(agent_websocket_adapters_FOUND TRUE)
elseif(agent_websocket_FIND_REQUIRED_adapters)
  set(agent_websocket_FOUND FALSE)
  set(agent_websocket_NOT_FOUND_MESSAGE "missing: ${agent_websocket_ADAPTERS_MISSING}")
endif()
