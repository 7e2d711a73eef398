/* Base64url as JOSE has it (RFC 7515 2): no padding, no other byte, and no bits that decode to nothing, so that one
 * string of bytes has one form. */
#ifndef HZ_BASE64URL_H
#define HZ_BASE64URL_H

#include <hz/span.h>

/* Bytes that text stands for, if it is well formed. */
#define HZ_BASE64URL_BYTES(text_bytes) ((text_bytes) / 4 * 3 + (text_bytes) % 4 * 3 / 4)

/* Into out, which has HZ_BASE64URL_BYTES(text.len) bytes. 0 or -EINVAL. */
int hz_base64url_decode(struct hz_span text, uint8_t *out);

#endif
