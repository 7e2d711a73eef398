/* Request targets and authorities, RFC 9112 3.2 and RFC 3986 3.2. Private to http. */
#ifndef HZ_H1_TARGET_H
#define HZ_H1_TARGET_H

#include "http/req.h"

struct hz_h1_authority {
	struct hz_span host; /* IP literals with their brackets */
	uint32_t port;       /* HZ_H1_NO_PORT when there is none or it is empty */
};
#define HZ_H1_NO_PORT 0x10000u

/* uri-host [ ":" port ]: host not empty, no userinfo, port at most 65535. out is written on true. The
 * bytes from floor to text are readable (h1_scan.h). */
bool hz_h1_authority_is_valid(struct hz_span text, const uint8_t *floor,
                              struct hz_h1_authority *out);

/* Sets path, query and, for absolute and authority form, host of a request whose method and target are
 * known. The target's bytes are already of RFC 3986 (or square brackets). Returns 0 or the status of a
 * refusal: 400, not one of the forms that RFC 9112 3.2 allows for this method; 421, a resource of https,
 * which only a secured connection may ask for (RFC 9110 7.4). */
uint16_t hz_h1_target_split(struct hz_http_req *req);

#endif
