/**
 * The offsets that lvsdr writes C structures by, compared with those of the C compiler of this machine.
 *
 * @module
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ipv6Mreq } from "../../datapath/ffi/group_membership.ts";
import { SockFprog } from "../../datapath/ffi/fan_out.ts";
import { Timespec } from "../../datapath/ffi/libc.ts";
import { BpfProgram, PcapPacketHeader, PcapStatistics, PollFd } from "../../datapath/ffi/libpcap.ts";
import { Iovec, Mmsghdr, SockaddrLl, VNET_HEADER_BYTES } from "../../datapath/ffi/packet_socket.ts";
import * as virtioNet from "../../datapath/wire/virtio_net.ts";

const HEADERS = [
  "linux/filter.h",
  "linux/if_packet.h",
  "linux/virtio_net.h",
  "netinet/in.h",
  "pcap/pcap.h",
  "poll.h",
  "stddef.h",
  "stdio.h",
  "sys/socket.h",
  "time.h",
];

/** Our numbers by the C expression that must have the same value. */
const EXPECTED: Readonly<Record<string, number>> = {
  "offsetof(struct pcap_pkthdr, ts.tv_sec)": PcapPacketHeader.SECONDS,
  "offsetof(struct pcap_pkthdr, ts.tv_usec)": PcapPacketHeader.NANOSECONDS,
  "offsetof(struct pcap_pkthdr, caplen)": PcapPacketHeader.CAPTURED_LENGTH,
  "offsetof(struct pcap_pkthdr, len)": PcapPacketHeader.LENGTH,
  "sizeof(struct pcap_pkthdr)": PcapPacketHeader.BYTES,
  "offsetof(struct pcap_stat, ps_drop)": PcapStatistics.DROPPED,
  "sizeof(struct pcap_stat)": PcapStatistics.BYTES,
  "sizeof(struct bpf_program)": BpfProgram.BYTES,
  "offsetof(struct pollfd, fd)": PollFd.FD,
  "offsetof(struct pollfd, events)": PollFd.EVENTS,
  "offsetof(struct pollfd, revents)": PollFd.RETURNED_EVENTS,
  "sizeof(struct pollfd)": PollFd.BYTES,
  "offsetof(struct sock_fprog, len)": SockFprog.LENGTH,
  "offsetof(struct sock_fprog, filter)": SockFprog.FILTER,
  "sizeof(struct sock_fprog)": SockFprog.BYTES,
  "offsetof(struct ipv6_mreq, ipv6mr_multiaddr)": Ipv6Mreq.GROUP,
  "offsetof(struct ipv6_mreq, ipv6mr_interface)": Ipv6Mreq.INTERFACE_INDEX,
  "sizeof(struct ipv6_mreq)": Ipv6Mreq.BYTES,
  "offsetof(struct timespec, tv_sec)": Timespec.SECONDS,
  "offsetof(struct timespec, tv_nsec)": Timespec.NANOSECONDS,
  "sizeof(struct timespec)": Timespec.BYTES,
  "offsetof(struct sockaddr_ll, sll_family)": SockaddrLl.FAMILY,
  "offsetof(struct sockaddr_ll, sll_protocol)": SockaddrLl.PROTOCOL,
  "offsetof(struct sockaddr_ll, sll_ifindex)": SockaddrLl.INTERFACE_INDEX,
  "sizeof(struct sockaddr_ll)": SockaddrLl.BYTES,
  "offsetof(struct iovec, iov_base)": Iovec.BASE,
  "offsetof(struct iovec, iov_len)": Iovec.LENGTH,
  "sizeof(struct iovec)": Iovec.BYTES,
  "offsetof(struct mmsghdr, msg_hdr.msg_iov)": Mmsghdr.IOV,
  "offsetof(struct mmsghdr, msg_hdr.msg_iovlen)": Mmsghdr.IOV_LENGTH,
  "sizeof(struct mmsghdr)": Mmsghdr.BYTES,
  "offsetof(struct virtio_net_hdr, flags)": virtioNet.FLAGS,
  "offsetof(struct virtio_net_hdr, gso_type)": virtioNet.GSO_TYPE,
  "offsetof(struct virtio_net_hdr, hdr_len)": virtioNet.HEADER_LENGTH,
  "offsetof(struct virtio_net_hdr, gso_size)": virtioNet.GSO_SIZE,
  "offsetof(struct virtio_net_hdr, csum_start)": virtioNet.CHECKSUM_START,
  "offsetof(struct virtio_net_hdr, csum_offset)": virtioNet.CHECKSUM_OFFSET,
  "sizeof(struct virtio_net_hdr)": virtioNet.HEADER_BYTES,
};

/** Values of C expressions, by expression. */
function evaluate(expressions: readonly string[]): Record<string, number> {
  const directory = mkdtempSync(join(tmpdir(), "lvsdr-layout-"));
  try {
    const program = join(directory, "layout");
    const lines = [
      "#define _GNU_SOURCE",
      ...HEADERS.map((header) => `#include <${header}>`),
      "int main(void) {",
      ...expressions.map((expression) => `  printf("%zu\\n", (size_t)${expression});`),
      "}",
    ];
    writeFileSync(`${program}.c`, lines.join("\n"));
    execFileSync("gcc", ["-o", program, `${program}.c`]);
    const values = execFileSync(program, { encoding: "utf8" }).trim().split("\n").map(Number);
    return Object.fromEntries(expressions.map((expression, index) => [expression, values[index]!]));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Whether there is a C compiler with the headers of libpcap. */
function hasCompiler(): boolean {
  try {
    execFileSync("gcc", ["-E", "-include", "pcap/pcap.h", "-x", "c", "/dev/null"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const skipReason = hasCompiler() ? "" : " (skipped: gcc and libpcap-dev are not installed)";

Deno.test({
  name: `C structures are laid out as the C compiler lays them out${skipReason}`,
  ignore: skipReason !== "",
  fn() {
    assert.deepEqual(evaluate(Object.keys(EXPECTED)), EXPECTED);
  },
});

Deno.test("The packet socket and the wire agree on the bytes of a virtio_net_hdr", () => {
  assert.equal(VNET_HEADER_BYTES, virtioNet.HEADER_BYTES);
});
