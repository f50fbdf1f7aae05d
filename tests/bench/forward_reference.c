/*
 * The forwarding path in its plainest C form, which the bench measures lvsdr against: take a frame with
 * pcap_next_ex, rewrite both MAC addresses and the TTL, give it back with pcap_inject.
 *
 * usage: forward_reference DEVICE VIP REAL-SERVER-MAC
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  MAC_BYTES = 6,
  TYPE_AT = 12,
  IPV4_AT = 14,
  TTL_AT = IPV4_AT + 8,
  CHECKSUM_AT = IPV4_AT + 10,
  DESTINATION_AT = IPV4_AT + 16,
  SHORTEST = IPV4_AT + 20,
  RING_BYTES = 64 << 20,
  PACKET_IGNORE_OUTGOING_OPTION = 23,
};

static void fail(const char *what, const char *why) {
  fprintf(stderr, "forward_reference: %s: %s\n", what, why);
  exit(1);
}

static pcap_t *open_capture(const char *device, const char *vip) {
  char error[PCAP_ERRBUF_SIZE];
  pcap_t *capture = pcap_create(device, error);
  if (capture == NULL) fail(device, error);
  pcap_set_snaplen(capture, 65535);
  pcap_set_immediate_mode(capture, 1);
  pcap_set_timeout(capture, 100);
  pcap_set_buffer_size(capture, RING_BYTES);
  if (pcap_activate(capture) < 0) fail(device, pcap_geterr(capture));
  char expression[64];
  snprintf(expression, sizeof expression, "ip dst %s", vip);
  struct bpf_program filter;
  if (pcap_compile(capture, &filter, expression, 1, PCAP_NETMASK_UNKNOWN) < 0 || pcap_setfilter(capture, &filter) < 0)
    fail(device, pcap_geterr(capture));
  pcap_freecode(&filter);
  int on = 1;
  setsockopt(pcap_fileno(capture), SOL_PACKET, PACKET_IGNORE_OUTGOING_OPTION, &on, sizeof on);
  return capture;
}

static void own_mac(const char *device, uint8_t mac[MAC_BYTES]) {
  struct ifreq request = {0};
  strncpy(request.ifr_name, device, IFNAMSIZ - 1);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (ioctl(fd, SIOCGIFHWADDR, &request) != 0) fail(device, "no hardware address");
  memcpy(mac, request.ifr_hwaddr.sa_data, MAC_BYTES);
  close(fd);
}

/* RFC 1141: a TTL that falls by one lets the checksum rise by 0x0100. */
static void decrement_ttl(uint8_t *frame) {
  frame[TTL_AT] -= 1;
  uint32_t sum = (uint32_t)(frame[CHECKSUM_AT] << 8 | frame[CHECKSUM_AT + 1]) + 0x0100;
  sum += sum >> 16;
  frame[CHECKSUM_AT] = (uint8_t)(sum >> 8);
  frame[CHECKSUM_AT + 1] = (uint8_t)sum;
}

int main(int count, char **words) {
  if (count != 4) fail("usage", "forward_reference DEVICE VIP REAL-SERVER-MAC");
  struct in_addr vip;
  if (inet_pton(AF_INET, words[2], &vip) != 1) fail(words[2], "not an IPv4 address");
  const struct ether_addr *server = ether_aton(words[3]);
  if (server == NULL) fail(words[3], "not a MAC address");
  uint8_t mac[MAC_BYTES];
  own_mac(words[1], mac);
  pcap_t *capture = open_capture(words[1], words[2]);

  uint8_t frame[65536];
  for (;;) {
    struct pcap_pkthdr *header;
    const u_char *data;
    int result = pcap_next_ex(capture, &header, &data);
    if (result < 0) fail(words[1], pcap_geterr(capture));
    if (result == 0 || header->caplen < SHORTEST) continue;
    if (data[TYPE_AT] != 0x08 || data[TYPE_AT + 1] != 0x00) continue;
    if (memcmp(data + DESTINATION_AT, &vip, sizeof vip) != 0 || data[TTL_AT] <= 1) continue;
    memcpy(frame, data, header->caplen);
    memcpy(frame, server, MAC_BYTES);
    memcpy(frame + MAC_BYTES, mac, MAC_BYTES);
    decrement_ttl(frame);
    pcap_inject(capture, frame, header->caplen);
  }
}
