/*
 * Sends TCP SYN segments from distinct sources: flood INTERFACE SOURCE_MAC DESTINATION_MAC VIP PORT COUNT PER_SECOND
 *
 * The sources are addresses of 10.0.0.0/8 in turn, each with a port of its own. Frames the kernel does not take at
 * once are sent again, so that COUNT segments leave in the end.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64 };

struct frame {
  struct ether_header ethernet;
  struct iphdr ip;
  struct tcphdr tcp;
} __attribute__((packed));

static uint32_t sum(uint32_t total, const void *data, size_t bytes) {
  const uint8_t *byte = data;
  for (size_t i = 0; i + 1 < bytes; i += 2) total += byte[i] << 8 | byte[i + 1];
  return total;
}

static uint16_t folded(uint32_t total) {
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return htons(~total);
}

static void fill(struct frame *frame, uint32_t number) {
  frame->ip.saddr = htonl(0x0a000001 + number);
  frame->ip.check = 0;
  frame->ip.check = folded(sum(0, &frame->ip, sizeof frame->ip));
  frame->tcp.source = htons(1024 + number % 60000);
  frame->tcp.seq = htonl(number * 2654435761u);
  frame->tcp.check = 0;
  uint32_t pseudo = sum(IPPROTO_TCP + sizeof frame->tcp, &frame->ip.saddr, 8);
  frame->tcp.check = folded(sum(pseudo, &frame->tcp, sizeof frame->tcp));
}

int main(int argc, char **argv) {
  if (argc != 8) return 64;
  struct frame frame = {
    .ethernet = {.ether_type = htons(ETHERTYPE_IP)},
    .ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP, .tot_len = htons(40)},
    .tcp = {.syn = 1, .doff = 5, .window = htons(64240), .dest = htons(atoi(argv[5]))},
  };
  struct ether_addr mac;
  if (!ether_aton_r(argv[2], &mac)) return 64;
  memcpy(frame.ethernet.ether_shost, &mac, ETH_ALEN);
  if (!ether_aton_r(argv[3], &mac)) return 64;
  memcpy(frame.ethernet.ether_dhost, &mac, ETH_ALEN);
  if (inet_pton(AF_INET, argv[4], &frame.ip.daddr) != 1) return 64;

  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(argv[1])};
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof to)) return perror("socket"), 1;
  static struct frame frames[BATCH];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH];
  uint32_t count = strtoul(argv[6], NULL, 10), per_second = strtoul(argv[7], NULL, 10), sent = 0;
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  while (sent < count) {
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    next.tv_nsec += 1000000000L / per_second * BATCH;
    if (next.tv_nsec >= 1000000000L) next.tv_sec++, next.tv_nsec -= 1000000000L;
    int wanted = count - sent < BATCH ? count - sent : BATCH;
    for (int i = 0; i < wanted; i++) {
      frames[i] = frame;
      fill(&frames[i], sent + i);
      parts[i] = (struct iovec){&frames[i], sizeof frame};
      messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[i], .msg_iovlen = 1}};
    }
    int done = sendmmsg(fd, messages, wanted, 0);
    if (done > 0) sent += done;
    else if (errno != ENOBUFS && errno != EINTR) return perror("sendmmsg"), 1;
    else usleep(100);
  }
  printf("%u\n", sent);
  return 0;
}
