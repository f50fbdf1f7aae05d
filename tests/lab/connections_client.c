/*
 * A client whose sockets a test holds in its hands.
 *
 *   hold VIP PORT COUNT FROM...        opens COUNT connections from each address and asks on all of them: one line
 *                                      of outcomes, one word each; again for each line of its input, which is how
 *                                      many milliseconds to wait for all answers; end of input closes them
 *   reuse VIP PORT FROM SOURCE COUNT HOW  COUNT connections one after the other from one source port, one outcome a
 *                                      line; HOW they end: "client" or "server" closes first, or the client sends "reset"
 *
 * An outcome is the server's answer (its name), or "refused", "unreachable", "reset", "closed", "silent".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, MOST_CONNECTIONS = 4096 };

static const char *failure(void) {
  switch (errno) {
    case ECONNREFUSED: return "refused";
    case EHOSTUNREACH: return "unreachable";
    case ECONNRESET: case EPIPE: return "reset";
    case EAGAIN: case EINPROGRESS: case ETIMEDOUT: return "silent";
    default: return strerror(errno);
  }
}

static void set_patience(int fd, int ms) {
  struct timeval time = {ms / 1000, ms % 1000 * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

static struct sockaddr_in address(const char *text, int port) {
  struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, text, &result.sin_addr) != 1) exit(64);
  return result;
}

static int open_connection(struct sockaddr_in from, struct sockaddr_in to, const char **outcome) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  set_patience(fd, PATIENCE_MS);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  *outcome = "";
  if (bind(fd, (struct sockaddr *)&from, sizeof from) == 0 &&
      connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
  int reason = errno;
  *outcome = failure();
  close(fd);
  errno = reason;
  return -1;
}

static const char *send_request(int fd, const char *request) {
  return send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 ? failure() : NULL;
}

/* The last line of the answer. */
static const char *receive_answer(int fd) {
  static char answer[4096];
  ssize_t length = recv(fd, answer, sizeof answer - 1, 0);
  if (length < 0) return failure();
  if (length == 0) return "closed";
  answer[length] = 0;
  if (answer[length - 1] == '\n') answer[length - 1] = 0;
  char *line = strrchr(answer, '\n');
  return line ? line + 1 : answer;
}

static const char *ask(int fd, const char *request) {
  const char *unsent = send_request(fd, request);
  return unsent ? unsent : receive_answer(fd);
}

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int hold(int argc, char **argv) {
  const char *request = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
  static int fds[MOST_CONNECTIONS];
  static char first[MOST_CONNECTIONS][32];
  int each = atoi(argv[4]), count = 0;
  struct sockaddr_in to = address(argv[2], atoi(argv[3]));
  for (int from = 5; from < argc; from++) {
    for (int i = 0; i < each && count < MOST_CONNECTIONS; i++, count++) {
      const char *outcome;
      fds[count] = open_connection(address(argv[from], 0), to, &outcome);
      if (fds[count] >= 0) outcome = ask(fds[count], request);
      snprintf(first[count], sizeof first[count], "%s", outcome);
    }
  }
  for (int i = 0; i < count; i++) printf("%s%c", first[i], i + 1 < count ? ' ' : '\n');
  fflush(stdout);
  char line[32];
  while (fgets(line, sizeof line, stdin)) {
    static const char *unsent[MOST_CONNECTIONS];
    for (int i = 0; i < count; i++) unsent[i] = fds[i] < 0 ? "none" : send_request(fds[i], request);
    long give_up_ms = now_ms() + atoi(line);
    for (int i = 0; i < count; i++) {
      long left_ms = give_up_ms - now_ms();
      if (!unsent[i]) set_patience(fds[i], left_ms > 0 ? left_ms : 1);
      printf("%s%c", unsent[i] ? unsent[i] : receive_answer(fds[i]), i + 1 < count ? ' ' : '\n');
    }
    fflush(stdout);
  }
  return 0;
}

static int reuse(char **argv) {
  struct sockaddr_in to = address(argv[2], atoi(argv[3])), from = address(argv[4], atoi(argv[5]));
  int count = atoi(argv[6]), server_closes = !strcmp(argv[7], "server"), resets = !strcmp(argv[7], "reset");
  const char *request = server_closes ? "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
                                      : "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
  for (int i = 0; i < count; i++) {
    const char *outcome;
    int fd;
    /* The client's own kernel keeps the port until the server has acknowledged the end of the connection before. */
    while ((fd = open_connection(from, to, &outcome)) < 0 && errno == EADDRNOTAVAIL) usleep(50);
    if (fd >= 0) outcome = ask(fd, request);
    puts(outcome);
    if (fd < 0) continue;
    if (resets) {
      struct linger none = {1, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    } else {
      char rest[4096];
      if (!server_closes) shutdown(fd, SHUT_WR);
      while (recv(fd, rest, sizeof rest, 0) > 0) {}
    }
    close(fd);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc >= 6 && !strcmp(argv[1], "hold")) return hold(argc, argv);
  if (argc == 8 && !strcmp(argv[1], "reuse")) return reuse(argv);
  return 64;
}
