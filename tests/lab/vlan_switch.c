/*
 * A switch with VLANs (IEEE 802.1Q) between network interfaces, for hosts whose kernels know no VLANs:
 *
 *     vlan_switch TRUNK PORT=VLAN...
 *
 * What a host sends into its port, without a tag, leaves the trunk with the tag of the port's VLAN, and the other way
 * round; VLAN 0 has no tag on the trunk either. Checksums and segments that senders leave to the hardware are handed
 * on as they are, in the virtio_net_hdr of packet(7). Frames are flooded within a VLAN.
 */

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define MOST_PORTS 16
#define MACS_BYTES 12
#define TAG_BYTES 4

struct port {
  int fd;
  int vlan; /* -1: the trunk */
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static struct port open_port(const char *device, int vlan) {
  struct port port = {socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), vlan};
  if (port.fd < 0) fail("socket");
  int on = 1;
  unsigned index = if_nametoindex(device);
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
  struct packet_mreq all = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
  if (setsockopt(port.fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0) fail("PACKET_VNET_HDR");
  if (setsockopt(port.fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) != 0) fail("PACKET_AUXDATA");
  if (setsockopt(port.fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0) fail("PACKET_IGNORE_OUTGOING");
  if (setsockopt(port.fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) != 0) fail("PACKET_MR_PROMISC");
  if (bind(port.fd, (struct sockaddr *)&address, sizeof address) != 0) fail(device);
  return port;
}

/* VLAN of a frame that came without its tag, which the kernel has taken off. */
static int vlan_of(struct msghdr *message) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
    struct tpacket_auxdata data;
    if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
    memcpy(&data, CMSG_DATA(c), sizeof data);
    if (data.tp_status & TP_STATUS_VLAN_VALID) return data.tp_vlan_tci & 0xfff;
  }
  return 0;
}

static void send_frame(struct port port, struct virtio_net_hdr header, char *frame, size_t bytes, int vlan) {
  unsigned char tag[TAG_BYTES] = {0x81, 0x00, vlan >> 8, vlan & 0xff};
  size_t added = port.vlan < 0 && vlan != 0 ? TAG_BYTES : 0;
  if (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) header.csum_start += added;
  if (header.gso_type != VIRTIO_NET_HDR_GSO_NONE) header.hdr_len += added;
  header.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
  struct iovec parts[] = {
      {&header, sizeof header}, {frame, MACS_BYTES}, {tag, added}, {frame + MACS_BYTES, bytes - MACS_BYTES}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 4};
  if (sendmsg(port.fd, &message, 0) < 0) perror("sendmsg");
}

int main(int argc, char **argv) {
  static char frame[70000];
  static char control[256];
  struct port ports[MOST_PORTS];
  struct pollfd polls[MOST_PORTS];
  int count = argc - 1;
  if (count < 2 || count > MOST_PORTS) return 64;
  for (int i = 0; i < count; i++) {
    char *vlan = strchr(argv[i + 1], '=');
    if (vlan != NULL) *vlan++ = '\0';
    ports[i] = open_port(argv[i + 1], vlan == NULL ? -1 : atoi(vlan));
    polls[i] = (struct pollfd){ports[i].fd, POLLIN, 0};
  }
  puts("switching");
  fflush(stdout);
  for (;;) {
    if (poll(polls, count, -1) < 0) fail("poll");
    for (int from = 0; from < count; from++) {
      if (polls[from].revents == 0) continue;
      struct virtio_net_hdr header;
      struct iovec parts[] = {{&header, sizeof header}, {frame, sizeof frame}};
      struct msghdr message = {
          .msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
      ssize_t bytes = recvmsg(ports[from].fd, &message, 0);
      if (bytes < (ssize_t)(sizeof header + ETHER_HDR_LEN)) continue;
      int vlan = ports[from].vlan < 0 ? vlan_of(&message) : ports[from].vlan;
      for (int to = 0; to < count; to++) {
        if (to == from || (ports[to].vlan >= 0 && ports[to].vlan != vlan)) continue;
        send_frame(ports[to], header, frame, bytes - sizeof header, vlan);
      }
    }
  }
}
