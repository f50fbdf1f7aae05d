/*
 * Floods an interface with the smallest UDP datagrams, in batches, until it is killed.
 *
 * usage: forward_generator DEVICE DESTINATION-MAC SOURCE-ADDRESS DESTINATION-ADDRESS PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, FLOWS = 256, FRAME_BYTES = 60, FIRST_SOURCE_PORT = 20000 };

struct frame {
  struct ether_header ethernet;
  struct iphdr ip;
  struct udphdr udp;
  uint8_t payload[FRAME_BYTES - sizeof(struct ether_header) - sizeof(struct iphdr) - sizeof(struct udphdr)];
} __attribute__((packed));

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint16_t checksum(const void *header, size_t bytes) {
  const uint16_t *words = header;
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes / 2; i++) sum += words[i];
  sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~(sum + (sum >> 16));
}

static void fill(struct frame *frame, char **words, uint16_t source_port) {
  static const uint8_t source_mac[ETH_ALEN] = {0x02, 0, 0, 0, 0, 0x99};
  memset(frame, 0, sizeof *frame);
  memcpy(frame->ethernet.ether_dhost, ether_aton(words[2]), ETH_ALEN);
  memcpy(frame->ethernet.ether_shost, source_mac, ETH_ALEN);
  frame->ethernet.ether_type = htons(ETHERTYPE_IP);
  frame->ip.version = 4;
  frame->ip.ihl = 5;
  frame->ip.ttl = 64;
  frame->ip.protocol = IPPROTO_UDP;
  frame->ip.tot_len = htons(FRAME_BYTES - sizeof(struct ether_header));
  frame->ip.saddr = inet_addr(words[3]);
  frame->ip.daddr = inet_addr(words[4]);
  frame->ip.check = checksum(&frame->ip, sizeof frame->ip);
  frame->udp.source = htons(source_port);
  frame->udp.dest = htons((uint16_t)atoi(words[5]));
  frame->udp.len = htons(FRAME_BYTES - sizeof(struct ether_header) - sizeof(struct iphdr));
}

int main(int count, char **words) {
  if (count != 6) {
    fprintf(stderr, "usage: forward_generator DEVICE MAC SOURCE DESTINATION PORT\n");
    return 64;
  }
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0) fail("socket");
  int on = 1;
  if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0) fail("PACKET_QDISC_BYPASS");
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(words[1])};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) fail(words[1]);

  static struct frame frames[FLOWS];
  static struct iovec vectors[FLOWS];
  static struct mmsghdr messages[FLOWS];
  for (int flow = 0; flow < FLOWS; flow++) {
    fill(&frames[flow], words, (uint16_t)(FIRST_SOURCE_PORT + flow));
    vectors[flow] = (struct iovec){&frames[flow], sizeof frames[flow]};
    messages[flow].msg_hdr.msg_iov = &vectors[flow];
    messages[flow].msg_hdr.msg_iovlen = 1;
  }
  for (int first = 0;; first = (first + BATCH) % FLOWS) sendmmsg(fd, &messages[first], BATCH, 0);
}
