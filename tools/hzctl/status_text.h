/* The status object for people. */
#ifndef HZ_STATUS_TEXT_H
#define HZ_STATUS_TEXT_H

#include <jansson.h>
#include <stdio.h>

void hz_status_text(FILE *to, const json_t *result);

#endif
