/*
 * Sends a datagram, waits for it to come back, and does so again; or sends back what comes.
 *
 * usage: ping_pong serve ADDRESS PORT
 *        ping_pong ask ADDRESS PORT COUNT
 *
 * Prints the median and the 99th percentile of COUNT round trips, in nanoseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { DATAGRAM_BYTES = 64, LONGEST_WAIT_SECONDS = 2 };

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int compare(const void *one, const void *other) {
  int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
  return (a > b) - (a < b);
}

static void serve(int fd, const struct sockaddr_in *address) {
  if (bind(fd, (const struct sockaddr *)address, sizeof *address) != 0) fail("bind");
  for (;;) {
    uint8_t datagram[DATAGRAM_BYTES];
    struct sockaddr_in client;
    socklen_t length = sizeof client;
    ssize_t bytes = recvfrom(fd, datagram, sizeof datagram, 0, (struct sockaddr *)&client, &length);
    if (bytes >= 0) sendto(fd, datagram, (size_t)bytes, 0, (struct sockaddr *)&client, length);
  }
}

static void ask(int fd, const struct sockaddr_in *address, uint32_t count) {
  struct timeval patience = {.tv_sec = LONGEST_WAIT_SECONDS};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) fail("connect");
  int64_t *times = calloc(count, sizeof *times);
  if (times == NULL) fail("calloc");
  uint8_t datagram[DATAGRAM_BYTES] = {0};
  for (uint32_t number = 0; number < count; number++) {
    memcpy(datagram, &number, sizeof number);
    int64_t sent = now();
    if (send(fd, datagram, sizeof datagram, 0) < 0) fail("send");
    if (recv(fd, datagram, sizeof datagram, 0) != sizeof datagram) fail("no answer");
    times[number] = now() - sent;
    if (memcmp(datagram, &number, sizeof number) != 0) fail("another answer");
  }
  qsort(times, count, sizeof *times, compare);
  printf("%lld %lld\n", (long long)times[count / 2], (long long)times[(uint64_t)count * 99 / 100]);
}

int main(int count, char **words) {
  int asks = count == 5 && strcmp(words[1], "ask") == 0;
  if (!asks && !(count == 4 && strcmp(words[1], "serve") == 0)) {
    fprintf(stderr, "usage: ping_pong serve ADDRESS PORT | ping_pong ask ADDRESS PORT COUNT\n");
    return 64;
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[3]))};
  if (inet_pton(AF_INET, words[2], &address.sin_addr) != 1) fail(words[2]);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  if (!asks) serve(fd, &address);
  ask(fd, &address, (uint32_t)atoi(words[4]));
  return 0;
}
