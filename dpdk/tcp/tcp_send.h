/* When data leaves, and which: lost segments again, new ones as the windows allow, probes, the FIN. */
#ifndef HZ_TCP_SEND_H
#define HZ_TCP_SEND_H

#include "tcp/tcp_rec.h"

/* A synchronised connection. False: a buffer was missing, the rest is for the next turn. */
bool hz_tcp_send(struct hz_tcp_pcb *pcb);

#endif
