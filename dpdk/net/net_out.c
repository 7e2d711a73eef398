/* Frames that net itself sends: answers and questions. Always a buffer of our own: the received one may
 * be shared with whoever sent it, on a ring. */
#include "net/net_in.h"

#include "port/mbuf_span.h"
#include <errno.h>
#include <string.h>

int hz_net_out_open(struct hz_port *port, const struct hz_net_frame *frame, const uint8_t to_mac[6],
                    uint16_t ethertype, uint32_t l3_bytes, struct hz_net_out *out)
{
	uint32_t l2_bytes = frame != NULL ? frame->l2_bytes : HZ_ETH_BYTES;
	struct rte_mbuf *mbuf = hz_port_alloc(port, true);
	uint8_t *l2;

	if (mbuf == NULL)
		return -ENOBUFS;
	if (l2_bytes + l3_bytes > rte_pktmbuf_tailroom(mbuf)) {
		hz_slot_count(port->slot, HZ_COUNTER_drop_no_mbuf);
		rte_pktmbuf_free(mbuf);
		return -ENOBUFS;
	}
	mbuf->data_len = (uint16_t)(l2_bytes + l3_bytes);
	mbuf->pkt_len = mbuf->data_len;
	l2 = hz_mbuf_bytes(mbuf).data;
	memcpy(l2, to_mac, 6);
	memcpy(l2 + 6, port->mac, 6);
	if (frame != NULL)
		memcpy(l2 + 12, frame->l2 + 12, l2_bytes - 12);
	l2[l2_bytes - 2] = (uint8_t)(ethertype >> 8);
	l2[l2_bytes - 1] = (uint8_t)ethertype;
	*out = (struct hz_net_out){ mbuf, l2 + l2_bytes };
	return 0;
}
