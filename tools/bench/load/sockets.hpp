// SPDX-License-Identifier: MIT
//
// What the kernel holds for a server's connections: the memory of their buffers, by sock_diag(7),
// since that of /proc/net/sockstat is of the whole machine.
#pragma once

#include "crowd.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace load {

/// load sockets PORT_OF_SERVER upstream=PORT
///
/// Of the server's side of each connection; `client_*` those of its port, `upstream_*` those to the
/// upstream's.
inline void sockets(std::uint16_t port, const parameters& given) {
  struct sum {
    std::size_t count = 0, bytes = 0;
  } of_clients, of_upstream;
  const std::size_t upstream = given.number_or("upstream", 0);
  const int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  struct {
    nlmsghdr head;
    inet_diag_req_v2 asked;
  } request{};
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.asked.sdiag_family = AF_INET;
  request.asked.sdiag_protocol = IPPROTO_TCP;
  request.asked.idiag_ext = 1U << (INET_DIAG_SKMEMINFO - 1);
  request.asked.idiag_states = 1U << TCP_ESTABLISHED;
  if (netlink < 0 || ::send(netlink, &request, sizeof request, 0) != sizeof request)
    soak::give_up("the kernel does not tell of its sockets");

  const auto add = [&](const nlmsghdr* head) {
    const auto* const each = static_cast<const inet_diag_msg*>(NLMSG_DATA(head));
    const bool is_client = ntohs(each->id.idiag_sport) == port;
    const bool is_upstream = upstream != 0 && ntohs(each->id.idiag_dport) == upstream;
    if (!is_client && !is_upstream) return;
    sum& of = is_client ? of_clients : of_upstream;
    ++of.count;
    std::size_t left = head->nlmsg_len - NLMSG_LENGTH(sizeof *each);
    const char* at = reinterpret_cast<const char*>(each + 1);
    while (left >= sizeof(rtattr)) {
      rtattr field{};
      std::memcpy(&field, at, sizeof field);
      const std::size_t length = RTA_ALIGN(field.rta_len);
      if (field.rta_len < sizeof field || length > left) return;
      std::uint32_t numbers[SK_MEMINFO_VARS] = {};
      if (field.rta_type == INET_DIAG_SKMEMINFO) {
        std::memcpy(numbers, at + RTA_LENGTH(0),
                    std::min<std::size_t>(sizeof numbers, field.rta_len - RTA_LENGTH(0)));
        of.bytes += std::size_t{numbers[SK_MEMINFO_RMEM_ALLOC]} + numbers[SK_MEMINFO_WMEM_QUEUED] +
                    numbers[SK_MEMINFO_FWD_ALLOC];
      }
      at += length;
      left -= length;
    }
  };
  alignas(nlmsghdr) static char bytes[128 * 1024];
  for (bool is_done = false; !is_done;) {
    const ssize_t size = ::recv(netlink, bytes, sizeof bytes, 0);
    if (size <= 0) soak::give_up("the kernel stops telling of its sockets");
    std::size_t at = 0;
    while (at + sizeof(nlmsghdr) <= static_cast<std::size_t>(size)) {
      const auto* const head = reinterpret_cast<const nlmsghdr*>(bytes + at);
      is_done = head->nlmsg_type == NLMSG_DONE;
      if (head->nlmsg_type == NLMSG_ERROR) soak::give_up("the kernel knows no sock_diag");
      if (is_done) break;
      add(head);
      at += NLMSG_ALIGN(head->nlmsg_len);
    }
  }
  ::close(netlink);
  std::printf("figure client_sockets %zu\nfigure client_bytes %zu\n", of_clients.count,
              of_clients.bytes);
  std::printf("figure upstream_sockets %zu\nfigure upstream_bytes %zu\n", of_upstream.count,
              of_upstream.bytes);
}

}  // namespace load
