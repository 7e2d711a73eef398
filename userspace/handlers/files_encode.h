/* Content encoded at load, once, so that no request pays for it. */
#ifndef HZ_FILES_ENCODE_H
#define HZ_FILES_ENCODE_H

#include "http/accept_coding.h"

/* Encodes plain as coding, which is not identity. 0: *out is allocated (free) and a tenth shorter than plain at
 * least; -ENODATA: it would not be, or plain is too short to matter; -ENOMEM. Not on a worker. */
int hz_files_encode(enum hz_coding coding, struct hz_span plain, uint8_t **out, size_t *out_bytes);

#endif
