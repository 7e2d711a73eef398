/* Bodies of answers: made once, sent to everybody who asks, freed when the last one has it. */
#ifndef HZ_WEB_BODY_H
#define HZ_WEB_BODY_H

#include "collector/doc_text.h"
#include <microhttpd.h>

#define HZ_WEB_BODY_SMALL (256u << 10) /* such ones are always made: clients bound their number */
#define HZ_WEB_BODIES_MAX (16u << 20)  /* bytes of the others, at any time */

struct hz_web_bodies { /* zeroed: none; owned by the caller, outlives all that it counts */
	size_t bytes;  /* of bodies that are kept or under way */
};

/* The memory of doc becomes the answer's, and doc is empty, in any case. NULL: no memory, doc
 * had failed, or there are as many bytes under way as may be. The caller destroys the answer;
 * who is being sent it has a reference of its own. */
struct MHD_Response *hz_web_body_make(struct hz_web_bodies *bodies, struct hz_doc *doc,
                                      const char *type);

/* What each answer says about itself. */
void hz_web_body_head(struct MHD_Response *response, const char *type);

#endif
