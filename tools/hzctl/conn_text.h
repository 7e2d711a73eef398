/* hzd's answer about connections, for people. */
#ifndef HZ_CONN_TEXT_H
#define HZ_CONN_TEXT_H

#include <jansson.h>
#include <stdio.h>

/* {"connections":[...], "matched":, "seen":, ...} as a table; 80 columns unless an IPv6 address is long. */
void hz_conn_text(FILE *to, const json_t *result);

#endif
