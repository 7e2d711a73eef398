/* Accept-Encoding, RFC 9110 12.5.3: which content codings a client takes, and how gladly. */
#ifndef HZ_ACCEPT_CODING_H
#define HZ_ACCEPT_CODING_H

#include "http/req.h"

enum hz_coding {
	HZ_CODING_IDENTITY,
	HZ_CODING_GZIP, /* RFC 1952; also asked for as x-gzip (RFC 9110 8.4.1.3) */
	HZ_CODING_BR,   /* RFC 7932 */
	HZ_CODING_ZSTD, /* RFC 8878 */
	HZ_CODING_COUNT,
};

/* As Accept-Encoding and Content-Encoding name it. */
extern const struct hz_span hz_coding_names[HZ_CODING_COUNT];

/* In thousandths: 0 not acceptable, 1000 preferred. An identity that is not excluded and not named is 1: it is
 * acceptable, but whoever names codings prefers them. */
struct hz_accept_coding {
	uint16_t weight[HZ_CODING_COUNT];
};

/* Reads all Accept-Encoding fields of the request as one list. Without such a field, or with one that is not the
 * grammar, only identity is acceptable, which no client can fail to read. Of a coding named twice the lower weight
 * counts. */
void hz_accept_coding_read(const struct hz_http_req *req, struct hz_accept_coding *out);

/* Of representations with so many bytes each (HZ_CODING_NONE: there is no such one) that which the client likes best;
 * of equals the shortest; identity when nothing is acceptable, which RFC 9110 12.5.3 leaves to us: a client that gets
 * a 406 is not helped. */
#define HZ_CODING_NONE UINT64_MAX
enum hz_coding hz_accept_coding_choose(const struct hz_http_req *req,
                                       const uint64_t bytes[HZ_CODING_COUNT]);

#endif
