/**
 * What other load balancers and people call the words of this configuration.
 *
 * @module
 */

import { nearestWord } from "./nearest_word.ts";

/** Words of ipvsadm(8), keepalived.conf(5), ldirectord(8), HAProxy and nginx, and plain English, by the word here. */
const OTHER_WORDS: Readonly<Record<string, readonly string[]>> = {
  services: ["virtual_servers", "virtual_services", "listeners"],
  servers: ["real_server", "real_servers", "realservers", "backends", "members", "nodes", "upstream", "pool"],
  vip: ["virtual_ip", "virtual_ipaddress", "virtual", "virtual_address", "virtual_server", "ip"],
  address: ["ip", "ip_address", "real", "host", "hostname", "ipaddr"],
  scheduler: ["lb_algo", "lvs_sched", "algorithm", "algo", "balance", "lb_method", "lb_policy"],
  persistence: ["persistent", "persistence_timeout", "sticky", "stickiness", "affinity", "session_affinity"],
  netmask: ["persistence_granularity"],
  health: ["check", "checks", "checker", "healthcheck", "health_check", "healthchecks", "monitor", "probe"],
  path: ["url", "uri", "request"],
  status: ["status_code", "expected_status", "code"],
  interval: ["delay_loop", "checkinterval", "period", "every"],
  timeout: ["connect_timeout", "checktimeout", "negotiatetimeout"],
  fall: ["retry", "retries", "unhealthy_threshold", "fail"],
  rise: ["healthy_threshold"],
  max_connections: ["maxconn", "uthreshold", "max_conns", "u_threshold"],
  min_connections: ["lthreshold", "l_threshold", "minconn"],
  interface: ["dev", "device", "nic", "iface", "lvs_sync_daemon_interface"],
  workers: ["threads", "processes", "worker_processes", "nbthread"],
  allow: ["allowed", "whitelist", "allowlist", "permit"],
  deny: ["denied", "blacklist", "denylist", "block"],
  rr: ["roundrobin", "round-robin", "round_robin"],
  wrr: ["weighted-round-robin", "weighted_round_robin", "weightedroundrobin"],
  lc: ["least_connections"],
  wlc: ["leastconn", "least_conn", "least-connections", "weighted-least-connections"],
  sh: ["source", "source-hash", "source_hash", "ip_hash", "iphash", "hash"],
  dh: ["destination-hash", "destination_hash"],
  mh: ["maglev", "consistent", "consistent-hash", "ketama"],
  twos: ["random", "p2c", "power-of-two", "random_two"],
  http: ["http_get", "web"],
  tcp: ["tcp_check", "connect", "icmp", "ping"],
  dr: ["direct", "direct-routing", "gate"],
  loopback: ["lo", "sysctl", "arp_ignore", "dummy"],
  arptables: ["arp"],
  nft: ["nftables"],
  redirect: ["iptables", "dnat", "nat"],
};

/** The words here by what others call them, in lower case and with underscores. */
const WORDS_BY_NAME = Map.groupBy(
  Object.entries(OTHER_WORDS).flatMap(([word, names]) =>
    names.map((name) => ({ word, name: name.replaceAll("-", "_") }))
  ),
  ({ name }) => name,
);

/** The word of `known` that `word` is a slip of, or that another program calls so; `null` if there is none. */
export function meantWord(word: string, known: readonly string[]): string | null {
  const others = WORDS_BY_NAME.get(word.toLowerCase().replaceAll("-", "_"))?.map(({ word }) => word) ?? [];
  return known.find((candidate) => others.includes(candidate)) ?? nearestWord(word, known);
}
