/*
 * Sends Ethernet frames on an interface as they are: one line of hexadecimal digits on standard input is one frame.
 *
 * usage: send_frames INTERFACE
 */
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
    static char line[8192];
    static unsigned char frame[4096];
    struct sockaddr_ll address = { .sll_family = AF_PACKET };
    int fd = socket(AF_PACKET, SOCK_RAW, 0);

    if (argc != 2 || fd < 0)
        return 1;
    address.sll_ifindex = if_nametoindex(argv[1]);
    if (address.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return 1;
    while (fgets(line, sizeof(line), stdin)) {
        int length = 0;
        unsigned byte;

        while (sscanf(line + 2 * length, "%2x", &byte) == 1)
            frame[length++] = byte;
        if (send(fd, frame, length, 0) != length)
            return 1;
    }
    return 0;
}
