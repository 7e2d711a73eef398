/* A veth pair in a network namespace of this process' own, which ends with it: hp0 is the port's and
 * has two queues, of which frames arrive on the first; the far end hp1 is read and written through a
 * packet socket. Root only. */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WIRE_NEAR  "hp0"
#define WIRE_FAR   "hp1"
#define WIRE_TYPE  0x88b5 /* IEEE 802 local experimental: nobody else sends it */
#define WIRE_FRAME 1514

/* NULL: up, and the calling thread is in the namespace; else why not. Once per process. */
const char *wire_up(void);
const char *wire_ip_up(void); /* likewise, but the far end receives IPv4 instead of WIRE_TYPE */
bool wire_run(const char *const argv[]); /* a command; true: exit status 0 */
bool wire_send(const uint8_t *frame, size_t bytes);
/* The next frame of the far end's type, waiting up to a second; its length, or -1. */
ssize_t wire_receive(uint8_t out[WIRE_FRAME]);

#endif
