/**
 * Membership of the multicast groups that Neighbor Solicitations for our VIPs are sent to (ipv6(7), RFC 4861 §7.2.1).
 *
 * The kernel does not have the VIPs, so it would join none of the groups: the network card could then drop these
 * frames, and a switch that listens to MLD would not deliver them. A socket that has joined them makes the kernel
 * tell both. It needs no data.
 *
 * @module
 */

import { ExitCode } from "../../model/exit_code.ts";
import { addressWords, familyOf } from "../../model/ip_address.ts";
import { HostError } from "../../model/operator_error.ts";
import { cString, Errno, errno, errorText, type Libc } from "./libc.ts";

/** `struct ipv6_mreq`. */
export const Ipv6Mreq = { GROUP: 0, INTERFACE_INDEX: 16, BYTES: 20 } as const;

const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const O_CLOEXEC = 0o2000000;
const IPPROTO_IPV6 = 41;
const IPV6_JOIN_GROUP = 20;
const IPV6_LEAVE_GROUP = 21;

export class GroupMembership implements Disposable {
  readonly #libc: Libc;
  readonly #device: string;
  readonly #interfaceIndex: number;
  /** Last three bytes of the addresses whose groups are joined: they make the group (RFC 4291 §2.7.1). */
  readonly #joined = new Set<number>();
  #fd = -1;

  /** @param interfaceIndex Index of the interface `device`, as in `ip link`. */
  constructor(libc: Libc, device: string, interfaceIndex: number) {
    this.#libc = libc;
    this.#device = device;
    this.#interfaceIndex = interfaceIndex;
  }

  /**
   * Joins the solicited-node groups of the IPv6 addresses among `addresses`, and leaves all others. After an error it
   * may be tried again: what has been done stays done.
   *
   * @throws {HostError} If IPv6 is switched off on the interface, or the kernel refuses.
   */
  set(addresses: readonly string[]): void {
    const wanted = new Set(
      addresses.filter((address) => familyOf(address) === 6).map((address) =>
        addressWords(address)[3] & 0x00ff_ffff
      ),
    );
    const added = wanted.difference(this.#joined);
    if (added.size > 0) requireIpv6(this.#libc, this.#device);
    for (const suffix of this.#joined.difference(wanted)) {
      this.#setOption(IPV6_LEAVE_GROUP, suffix);
      this.#joined.delete(suffix);
    }
    for (const suffix of added) {
      this.#setOption(IPV6_JOIN_GROUP, suffix);
      this.#joined.add(suffix);
    }
  }

  /** Leaves all groups; idempotent. */
  close(): void {
    if (this.#fd >= 0) this.#libc.symbols.close(this.#fd);
    this.#fd = -1;
    this.#joined.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #setOption(option: number, suffix: number): void {
    const request = new DataView(new ArrayBuffer(Ipv6Mreq.BYTES));
    request.setUint32(Ipv6Mreq.GROUP, 0xff02_0000);
    request.setUint32(Ipv6Mreq.GROUP + 8, 1);
    request.setUint32(Ipv6Mreq.GROUP + 12, 0xff00_0000 | suffix);
    request.setInt32(Ipv6Mreq.INTERFACE_INDEX, this.#interfaceIndex, true);
    if (this.#fd < 0) this.#fd = this.#libc.symbols.socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) throw this.#error("socket(AF_INET6)");
    const { setsockopt } = this.#libc.symbols;
    const result = setsockopt(this.#fd, IPPROTO_IPV6, option, request.buffer, Ipv6Mreq.BYTES);
    if (result !== 0) throw this.#error(`setsockopt ${IPPROTO_IPV6}/${option}`);
  }

  #error(call: string): HostError {
    const error = errno(this.#libc);
    const text = errorText(this.#libc, error);
    return new HostError(
      call,
      `Cannot join the multicast groups of the IPv6 addresses on "${this.#device}": ${call}: ${text}`,
      ExitCode.UNAVAILABLE,
      {
        remedy: error === Errno.ENOMEM
          ? "sysctl -w net.core.optmem_max=1048576 (every group takes some of it)"
          : "Check the interface with `ip link`",
      },
    );
  }
}

/**
 * Makes sure that an interface has IPv6: without it a join would succeed, and have no effect.
 *
 * @throws {HostError} If IPv6 is switched off on the interface, or in the kernel.
 */
export function requireIpv6(libc: Libc, device: string): void {
  const key = `net.ipv6.conf.${device.replaceAll(".", "/")}.disable_ipv6`;
  // Deno gives access to /proc only to a process that has every permission.
  const fd = libc.symbols.open(cString(`/proc/sys/net/ipv6/conf/${device}/disable_ipv6`), O_CLOEXEC, 0);
  if (fd < 0) {
    throw new HostError(
      `sysctl ${key}`,
      "The services have IPv6 addresses, but this kernel runs without IPv6",
      ExitCode.UNAVAILABLE,
      { remedy: "Boot without ipv6.disable=1, or remove these services" },
    );
  }
  const value = new Uint8Array(1);
  libc.symbols.read(fd, value, 1n);
  libc.symbols.close(fd);
  if (value[0] === "0".charCodeAt(0)) return;
  throw new HostError(
    `sysctl ${key}`,
    `The services have IPv6 addresses, but IPv6 is switched off on "${device}"`,
    ExitCode.UNAVAILABLE,
    { remedy: `sysctl -w ${key}=0` },
  );
}
