/* Where a push goes and what it has to say to be let in, of --otlp and OTEL_EXPORTER_OTLP_HEADERS: both may hold
 * secrets, so nothing here prints either. */
#ifndef HZ_OTLP_TARGET_H
#define HZ_OTLP_TARGET_H

#include "core/err.h"

#define HZ_OTLP_TARGET_HEADERS    16
#define HZ_OTLP_TARGET_LINE_BYTES 1024

/* scheme://host:port of a URL, without user, password, path and query: fit for a log. */
void hz_otlp_target_origin(const char *url, char *out, size_t bytes);

/* Takes the next field of "name=value,name2=value2" (values percent-encoded: OpenTelemetry, Protocol Exporter,
 * "Specifying headers via environment variables") from *at, as "name: value". 1; 0 at the end; -EINVAL when it is
 * none, or would be more than one line. */
int hz_otlp_target_header(const char **at, char line[HZ_OTLP_TARGET_LINE_BYTES]);

#endif
